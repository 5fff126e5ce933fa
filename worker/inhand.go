package worker

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

// inHand are the jobs that this process asks about now, so that one can be told to stop.
type inHand struct {
	mu   sync.Mutex // guards stop
	stop map[attempt]context.CancelCauseFunc
}

func newInHand() *inHand { return &inHand{stop: map[attempt]context.CancelCauseFunc{}} }

// begin is the context to ask about a job with, and what to call when that is over. It is
// false, with neither, when this attempt is in hand already.
func (h *inHand) begin(ctx context.Context, job jobs.Job) (asking context.Context, end func(), free bool) {
	a := attempt{job.ID, job.Attempt}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, busy := h.stop[a]; busy {
		return nil, nil, false
	}
	asking, cancel := context.WithCancelCause(ctx)
	h.stop[a] = cancel
	return asking, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.stop, a)
		cancel(nil)
	}, true
}

// cancel stops those of the jobs that are in hand. What they ask comes to nothing: they
// ended in the database before.
func (h *inHand) cancel(jobIDs []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, cancel := range h.stop {
		if slices.Contains(jobIDs, a.jobID) {
			cancel(errCancelled)
		}
	}
}
