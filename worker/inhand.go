package worker

import (
	"context"
	"errors"
	"sync"
)

// errCancelled is the cause of a context whose job was cancelled.
var errCancelled = errors.New("the job was cancelled")

// inHand are the jobs that this process asks about now, so that one can be told to stop.
type inHand struct {
	mu   sync.Mutex // guards stop
	stop map[string]context.CancelCauseFunc
}

func newInHand() *inHand { return &inHand{stop: map[string]context.CancelCauseFunc{}} }

// begin is the context to ask about a job with, and what to call when that is over.
func (h *inHand) begin(ctx context.Context, jobID string) (asking context.Context, end func()) {
	asking, cancel := context.WithCancelCause(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stop[jobID] = cancel
	return asking, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.stop, jobID)
		cancel(nil)
	}
}

// cancel stops those of the jobs that are in hand. What they ask comes to nothing: they
// ended in the database before.
func (h *inHand) cancel(jobIDs []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range jobIDs {
		if cancel, ok := h.stop[id]; ok {
			cancel(errCancelled)
		}
	}
}
