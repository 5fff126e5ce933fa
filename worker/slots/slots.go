package slots

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// aloneFor bounds how long a suspect (a job that may have crashed the process) waits for the other jobs, and how long
// it then keeps others from starting. If it is still running afterwards, it did not crash the process, and a stuck
// job must not block all others.
const aloneFor = time.Minute

// maxSlots is an upper bound for the number of slots.
const maxSlots = 1 << 30

// Slots limits the number of jobs that run concurrently. Slots are granted in the order of
// the calls.
type Slots struct {
	sem  *semaphore.Weighted // has maxSlots units; the units beyond all are always acquired
	used atomic.Int64

	mu   sync.Mutex // guards the rest
	all  int64
	owed int64 // slots in use that are not granted again after release, because Resize reduced the number
}

// New returns Slots with n slots.
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

// grant releases n slots, less the owed ones. The caller holds mu.
func (s *Slots) grant(n int64) {
	paid := min(n, s.owed)
	s.owed -= paid
	s.sem.Release(n - paid)
}

// Acquire waits for a slot and takes it. It returns false if ctx ended first.
func (s *Slots) Acquire(ctx context.Context) bool {
	if s.sem.Acquire(ctx, 1) != nil {
		return false
	}
	s.used.Add(1)
	return true
}

// TryAcquire takes a slot if one is free, and reports whether it did.
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

// All returns the number of slots.
func (s *Slots) All() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.all)
}

// Used returns the number of slots in use, except those taken by [Slots.AcquireAll].
func (s *Slots) Used() int { return int(s.used.Load()) }

// Free returns the number of slots that are not in use.
func (s *Slots) Free() int { return max(0, s.All()-s.Used()) }

func (s *Slots) releaseAll(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grant(n)
}

// AcquireAll waits until no slot is in use and takes all slots, until the returned function is called. The wait and the
// exclusive use take at most [aloneFor] each; after a timeout of the wait, Alone takes no slots.
func (s *Slots) AcquireAll(ctx context.Context) (end func()) {
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
