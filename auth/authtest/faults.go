package authtest

import (
	"iter"
	"slices"
	"sync"
)

// Faults is a list of trouble of type F to come. The zero value is an empty one. It is
// safe for concurrent use.
type Faults[F any] struct {
	mu   sync.Mutex // guards the list and each one's times
	list []*pending[F]
}

type pending[F any] struct {
	fault F
	times int
}

// Add puts a fault at the end of the list. It strikes as often as times says: 0 is
// once, below 0 until clear is called, which may be done at any time and more than once.
func (fs *Faults[F]) Add(f F, times int) (clear func()) {
	if times == 0 {
		times = 1
	}
	p := &pending[F]{f, max(times, -1)}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = append(fs.list, p)
	return func() {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		fs.list = slices.DeleteFunc(fs.list, func(other *pending[F]) bool { return other == p })
	}
}

// Take uses up the oldest fault that strikes, once. Strikes must not call back.
func (fs *Faults[F]) Take(strikes func(F) bool) (f F, ok bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	i := slices.IndexFunc(fs.list, func(p *pending[F]) bool { return strikes(p.fault) })
	if i < 0 {
		return f, false
	}
	p := fs.list[i]
	if p.times > 0 {
		p.times--
	}
	if p.times == 0 {
		fs.list = slices.Delete(fs.list, i, i+1)
	}
	return p.fault, true
}

// Clear ends all faults.
func (fs *Faults[F]) Clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = nil
}

// Pending are the faults that have not ended when it is called, oldest first, each with
// how often it will strike yet, -1 without end.
func (fs *Faults[F]) Pending() iter.Seq2[F, int] {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	now := make([]pending[F], len(fs.list))
	for i, p := range fs.list {
		now[i] = *p
	}
	return func(yield func(F, int) bool) {
		for _, p := range now {
			if !yield(p.fault, p.times) {
				return
			}
		}
	}
}
