// Package wait has interruptible pauses for the worker's loops. It imports no other package of Orderbeat.
package wait

import (
	"context"
	"time"
)

// For waits for d and reports whether ctx is still active.
func For(ctx context.Context, d time.Duration) bool { return Until(ctx, nil, d) }

// Until waits until wake receives a value, at most for d, and reports whether ctx is still active.
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

// Signal wakes a goroutine that receives from it. Several calls of Set before the receive wake it only once.
type Signal chan struct{}

// NewSignal returns a signal that is not set.
func NewSignal() Signal { return make(Signal, 1) }

// Set sets the signal, and never blocks.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default: // already set
	}
}
