package settings

import "sync"

// Uses counts the jobs that use an opened provider, so that it is closed after the last one. Its zero
// value is ready, and it is safe for concurrent use.
type Uses struct {
	mu      sync.Mutex // guards the rest
	n       int
	retired chan struct{} // closed when the last use ends; nil until Retire is called
}

// begin starts a use. It returns false after Retire.
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

// Retire prevents further uses of a provider that was replaced or removed. The returned channel is closed
// when the last use ends. It must be called only once.
func (u *Uses) Retire() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.retired = make(chan struct{})
	if u.n == 0 {
		close(u.retired)
	}
	return u.retired
}
