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

// slots limit the jobs that run concurrently, in this process or of a provider. They are granted in the order of
// the calls.
type slots struct {
	all int64
	sem *semaphore.Weighted
}

func newSlots(n int) *slots { return &slots{all: int64(n), sem: semaphore.NewWeighted(int64(n))} }

// acquire takes a slot. It is false if ctx ended first.
func (s *slots) acquire(ctx context.Context) bool {
	return s.sem.Acquire(ctx, 1) == nil
}

// tryAcquire takes a slot if one is free.
func (s *slots) tryAcquire() bool { return s.sem.TryAcquire(1) }

func (s *slots) release() { s.sem.Release(1) }

// alone waits until no slot is in use and takes all of them, until the returned function is called,
// each for at most [aloneFor].
func (s *slots) alone(ctx context.Context) (end func()) {
	wait, cancel := context.WithTimeout(ctx, aloneFor)
	defer cancel()
	if s.sem.Acquire(wait, s.all) != nil {
		return func() {}
	}
	free := sync.OnceFunc(func() { s.sem.Release(s.all) })
	others := time.AfterFunc(aloneFor, free)
	return func() { others.Stop(); free() }
}
