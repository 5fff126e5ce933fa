// Package wait has the pauses of the worker's loops, and what wakes them. It imports nothing else.
package wait

import (
	"context"
	"time"
)

// For waits for d and reports whether ctx is still active.
func For(ctx context.Context, d time.Duration) bool { return Until(ctx, nil, d) }

// Until waits until wake has a value, for d at most, and reports whether ctx is still active.
func Until(ctx context.Context, wake <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

// Signal wakes a goroutine that receives from it. Set several times before that, it wakes it once.
type Signal chan struct{}

// NewSignal returns a signal that is not set.
func NewSignal() Signal { return make(Signal, 1) }

// Set sets the signal, and never blocks.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default: // it is set already
	}
}
