package scheduler

import (
	"context"
	"time"
)

const (
	// clockEvery is how often the wall clock is compared with the monotonic clock.
	clockEvery = 2 * time.Second
	// clockShift is the smallest difference that counts as a change.
	clockShift = 5 * time.Second
)

// watchClock calls set with the shift of the wall clock, for each change, until ctx ends. A
// suspended machine looks the same.
func watchClock(ctx context.Context, set func(by time.Duration)) {
	for last := time.Now(); sleep(ctx, clockEvery); {
		now := time.Now()
		by := now.Round(0).Sub(last.Round(0)) - now.Sub(last)
		if last = now; by.Abs() >= clockShift {
			set(by)
		}
	}
}

// sleep waits for d and reports whether ctx is still active.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
