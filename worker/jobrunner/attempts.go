package jobrunner

import (
	"context"
	"errors"
	"slices"
	"sync"

	"orderbeat/jobs"
)

// errCancelled is the cause of a context whose job was cancelled.
var errCancelled = errors.New("the job was cancelled")

// attempt identifies one attempt at a job.
type attempt struct {
	jobID  string
	number int
}

// attempts are the attempts in flight, each until its outcome is committed. They can be cancelled.
type attempts struct {
	mu      sync.Mutex // guards running
	running map[attempt]running
}

// running is an attempt in flight, with the function that cancels its context.
type running struct {
	job    jobs.Job
	cancel context.CancelCauseFunc
}

func newAttempts() *attempts { return &attempts{running: map[attempt]running{}} }

// jobs lists the jobs in flight.
func (h *attempts) jobs() []jobs.Job {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]jobs.Job, 0, len(h.running))
	for _, r := range h.running {
		list = append(list, r.job)
	}
	return list
}

// has reports whether a job is in flight.
func (h *attempts) has(job jobs.Job) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a := range h.running {
		if a.jobID == job.ID {
			return true
		}
	}
	return false
}

// begin adds an attempt. It returns the attempt's context, and a function to call once its
// outcome is committed.
func (h *attempts) begin(ctx context.Context, job jobs.Job) (attemptCtx context.Context, end func()) {
	a := attempt{job.ID, job.Attempt}
	h.mu.Lock()
	defer h.mu.Unlock()
	attemptCtx, cancel := context.WithCancelCause(ctx)
	h.running[a] = running{job, cancel}
	return attemptCtx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.running, a)
		cancel(nil)
	}
}

// cancel cancels the attempts in flight at the jobs. The jobs have already ended in the database, so
// the outcomes are discarded.
func (h *attempts) cancel(jobIDs []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, r := range h.running {
		if slices.Contains(jobIDs, a.jobID) {
			r.cancel(errCancelled)
		}
	}
}
