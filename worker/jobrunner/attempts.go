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

// attempt is one attempt at a job.
type attempt struct {
	jobID  string
	number int
}

// attempts are the attempts that this process makes now, each until its outcome is
// committed, so that one can be told to stop, and none is made twice at a time.
type attempts struct {
	mu   sync.Mutex // guards made
	made map[attempt]running
}

// running is an attempt that is made now, and what ends its context.
type running struct {
	job    jobs.Job
	cancel context.CancelCauseFunc
}

func newAttempts() *attempts { return &attempts{made: map[attempt]running{}} }

// jobs are those that are in hand now.
func (h *attempts) jobs() []jobs.Job {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]jobs.Job, 0, len(h.made))
	for _, r := range h.made {
		list = append(list, r.job)
	}
	return list
}

// begin is the context to ask about a job with, and what to call when that is over. It is
// false, with neither, when this attempt is in hand already.
func (h *attempts) begin(ctx context.Context, job jobs.Job) (asking context.Context, end func(), free bool) {
	a := attempt{job.ID, job.Attempt}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, busy := h.made[a]; busy {
		return nil, nil, false
	}
	asking, cancel := context.WithCancelCause(ctx)
	h.made[a] = running{job, cancel}
	return asking, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.made, a)
		cancel(nil)
	}, true
}

// cancel stops those of the jobs that are in hand. What they ask comes to nothing: they
// ended in the database before.
func (h *attempts) cancel(jobIDs []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, r := range h.made {
		if slices.Contains(jobIDs, a.jobID) {
			r.cancel(errCancelled)
		}
	}
}
