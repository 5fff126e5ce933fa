package settings

import "sync"

// Uses counts the jobs that use an opened provider, so that it is closed after the last one. Its zero
// value is ready, and it is safe for concurrent use.
type Uses struct {
	mu      sync.Mutex // guards the rest
	n       int
	retired chan struct{} // closed at the end of the last use; nil until Retire
}

// begin begins a use; false after Retire.
func (u *Uses) begin() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.retired != nil {
		return false
	}
	u.n++
	return true
}

// end ends a use.
func (u *Uses) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n--; u.n == 0 && u.retired != nil {
		close(u.retired)
	}
}

// Retire allows no further use: the provider is no longer configured. The returned channel is closed
// at the end of the last use. Call it once.
func (u *Uses) Retire() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.retired = make(chan struct{})
	if u.n == 0 {
		close(u.retired)
	}
	return u.retired
}
