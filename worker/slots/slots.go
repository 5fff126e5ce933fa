package slots

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// aloneFor bounds how long a suspect waits for the other jobs to end, and then how long it keeps
// others from starting. If it still runs afterwards, it did not crash the process, and one stuck
// job must not stop all others.
const aloneFor = time.Minute

// maxSlots is more than any number of slots.
const maxSlots = 1 << 30

// Slots limit the jobs that run concurrently, in this process or of a provider. They are granted in the order of
// the calls.
type Slots struct {
	sem  *semaphore.Weighted // of maxSlots; those beyond all are never granted
	used atomic.Int64

	mu   sync.Mutex // guards the rest
	all  int64
	owed int64 // slots in use that are not granted again: there are fewer than before
}

// New returns n slots.
func New(n int) *Slots {
	s := &Slots{sem: semaphore.NewWeighted(maxSlots), all: int64(n)}
	s.sem.TryAcquire(maxSlots - s.all)
	return s
}

// Resize changes the number of slots. If it is smaller than before, slots in use are not granted
// again when they are released.
func (s *Slots) Resize(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	more := int64(n) - s.all
	s.all = int64(n)
	if more > 0 {
		s.grant(more)
		return
	}
	for s.owed -= more; s.owed > 0 && s.sem.TryAcquire(1); s.owed-- {
	}
}

// grant returns slots, except as many as are owed. It is called under mu.
func (s *Slots) grant(n int64) {
	paid := min(n, s.owed)
	s.owed -= paid
	s.sem.Release(n - paid)
}

// Acquire takes a slot. It is false if ctx ended first.
func (s *Slots) Acquire(ctx context.Context) bool {
	if s.sem.Acquire(ctx, 1) != nil {
		return false
	}
	s.used.Add(1)
	return true
}

// TryAcquire takes a slot if one is free.
func (s *Slots) TryAcquire() bool {
	if !s.sem.TryAcquire(1) {
		return false
	}
	s.used.Add(1)
	return true
}

// Release returns a slot.
func (s *Slots) Release() {
	s.used.Add(-1)
	s.releaseAll(1)
}

// All is the number of slots.
func (s *Slots) All() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.all)
}

// Used is the number of slots in use, apart from those of [Slots.Alone].
func (s *Slots) Used() int { return int(s.used.Load()) }

// Free is the number of slots that are not in use.
func (s *Slots) Free() int { return max(0, s.All()-s.Used()) }

func (s *Slots) releaseAll(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grant(n)
}

// Alone waits until no slot is in use and takes all of them, until the returned function is called,
// each for at most [aloneFor].
func (s *Slots) Alone(ctx context.Context) (end func()) {
	wait, cancel := context.WithTimeout(ctx, aloneFor)
	defer cancel()
	s.mu.Lock()
	all := s.all
	s.mu.Unlock()
	if s.sem.Acquire(wait, all) != nil {
		return func() {}
	}
	free := sync.OnceFunc(func() { s.releaseAll(all) })
	others := time.AfterFunc(aloneFor, free)
	return func() { others.Stop(); free() }
}
