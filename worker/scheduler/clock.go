package scheduler

import (
	"context"
	"time"
)

const (
	// clockEvery is how often the wall clock is compared with the time that passed.
	clockEvery = 2 * time.Second
	// clockShift is the smallest difference that counts as a change.
	clockShift = 5 * time.Second
)

// watchClock calls set with how much the wall clock was set, each time, until ctx ends. A
// machine that slept looks the same.
func watchClock(ctx context.Context, set func(by time.Duration)) {
	for last := time.Now(); sleep(ctx, clockEvery); {
		now := time.Now()
		by := now.Round(0).Sub(last.Round(0)) - now.Sub(last)
		if last = now; by.Abs() >= clockShift {
			set(by)
		}
	}
}

// sleep waits for d and reports whether ctx still goes on.
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
