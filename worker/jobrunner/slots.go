package jobrunner

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

// slots limit the jobs that run concurrently in this process. They are granted in the order of
// the calls.
type slots struct {
	all   int64
	taken atomic.Int64
	sem   *semaphore.Weighted
}

func newSlots(n int) *slots { return &slots{all: int64(n), sem: semaphore.NewWeighted(int64(n))} }

// acquire takes a slot. It is false if ctx ended first.
func (s *slots) acquire(ctx context.Context) bool {
	if s.sem.Acquire(ctx, 1) != nil {
		return false
	}
	s.taken.Add(1)
	return true
}

func (s *slots) release() {
	s.taken.Add(-1)
	s.sem.Release(1)
}

// free is the number of free slots, at least 1.
func (s *slots) free() int { return int(max(1, s.all-s.taken.Load())) }

// alone waits until the caller's slot is the only one in use, and keeps it so until the returned
// function is called, each for at most [aloneFor]. Meanwhile the caller's slot is released, so
// that two callers do not wait for each other.
func (s *slots) alone(ctx context.Context) (end func()) {
	s.sem.Release(1)
	wait, cancel := context.WithTimeout(ctx, aloneFor)
	defer cancel()
	if s.sem.Acquire(wait, s.all) != nil {
		_ = s.sem.Acquire(context.WithoutCancel(ctx), 1) // the caller releases it
		return func() {}
	}
	others := time.AfterFunc(aloneFor, func() { s.sem.Release(s.all - 1) })
	return func() {
		if others.Stop() {
			s.sem.Release(s.all - 1)
		}
	}
}

// suspects are the jobs that must run alone ([db.DB.Suspects]).
type suspects struct {
	mu  sync.Mutex // guards ids
	ids map[string]bool
}

func newSuspects() *suspects { return &suspects{ids: map[string]bool{}} }

func (s *suspects) add(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.ids[id] = true
	}
}

func (s *suspects) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[id]
}

func (s *suspects) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, id)
}
