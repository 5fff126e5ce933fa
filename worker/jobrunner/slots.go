package jobrunner

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// aloneFor bounds how long a suspect waits for the other jobs to end, and then how long it keeps
// others from starting. If it still runs afterwards, it did not crash the process, and one stuck
// job must not stop all others.
const aloneFor = time.Minute

// maxSlots is more than any number of slots.
const maxSlots = 1 << 30

// slots limit the jobs that run concurrently, in this process or of a provider. They are granted in the order of
// the calls.
type slots struct {
	sem *semaphore.Weighted // of maxSlots; those beyond all are never granted

	mu   sync.Mutex // guards the rest
	all  int64
	owed int64 // slots in use that are not granted again: there are fewer than before
}

func newSlots(n int) *slots {
	s := &slots{sem: semaphore.NewWeighted(maxSlots), all: int64(n)}
	s.sem.TryAcquire(maxSlots - s.all)
	return s
}

// resize changes the number of slots. If it is smaller than before, slots in use are not granted
// again when they are released.
func (s *slots) resize(n int) {
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

// grant returns slots, of which those that are owed are not granted again. It is called under mu.
func (s *slots) grant(n int64) {
	paid := min(n, s.owed)
	s.owed -= paid
	s.sem.Release(n - paid)
}

// acquire takes a slot. It is false if ctx ended first.
func (s *slots) acquire(ctx context.Context) bool {
	return s.sem.Acquire(ctx, 1) == nil
}

// tryAcquire takes a slot if one is free.
func (s *slots) tryAcquire() bool { return s.sem.TryAcquire(1) }

func (s *slots) release() { s.releaseAll(1) }

func (s *slots) releaseAll(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grant(n)
}

// alone waits until no slot is in use and takes all of them, until the returned function is called,
// each for at most [aloneFor].
func (s *slots) alone(ctx context.Context) (end func()) {
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
