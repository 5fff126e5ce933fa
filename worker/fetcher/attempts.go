package fetcher

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"orderbeat/worker/wire"
)

// errCancelled is the cause of a context whose job was cancelled.
var errCancelled = fmt.Errorf("%w: the job was cancelled", context.Canceled)

// maxRemembered limits the remembered cancellations. They are needed because a job may arrive after its cancellation.
const maxRemembered = 10_000

// attempts are the attempts in flight and the cancelled ones.
type attempts struct {
	mu        sync.Mutex // guards the rest
	running   map[wire.Attempt]context.CancelCauseFunc
	cancelled map[wire.Attempt]bool
}

func newAttempts() *attempts {
	return &attempts{running: map[wire.Attempt]context.CancelCauseFunc{}, cancelled: map[wire.Attempt]bool{}}
}

// begin adds an attempt. It returns the attempt's context, and a function to call when the attempt ends. ok is false if it
// was cancelled or is already in flight; then the earlier message returns the outcome.
func (a *attempts) begin(ctx context.Context, id wire.Attempt) (_ context.Context, end func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, twice := a.running[id]; twice || a.cancelled[id] {
		return ctx, func() {}, false
	}
	ctx, cancel := context.WithCancelCause(ctx)
	a.running[id] = cancel
	return ctx, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.running, id)
		cancel(nil)
	}, true
}

// cancel cancels an attempt now, or when its job arrives later.
func (a *attempts) cancel(id wire.Attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.cancelled) >= maxRemembered {
		maps.DeleteFunc(a.cancelled, func(wire.Attempt, bool) bool { return len(a.cancelled) > maxRemembered/2 })
	}
	a.cancelled[id] = true
	if cancel, ok := a.running[id]; ok {
		cancel(errCancelled)
	}
}

// count returns the number of attempts in flight.
func (a *attempts) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.running)
}
