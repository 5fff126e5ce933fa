package scheduler

import (
	"context"
	"time"

	"orderbeat/worker/wait"
)

const (
	// clockEvery is how often the wall clock is compared with the monotonic clock.
	clockEvery = 2 * time.Second
	// clockShift is the smallest difference that counts as a change.
	clockShift = 5 * time.Second
)

// watchClock calls set with the shift of the wall clock after each change, until ctx ends. A
// suspension of the machine is reported as a change, too.
func watchClock(ctx context.Context, set func(by time.Duration)) {
	for last := time.Now(); wait.For(ctx, clockEvery); {
		now := time.Now()
		by := now.Round(0).Sub(last.Round(0)) - now.Sub(last)
		if last = now; by.Abs() >= clockShift {
			set(by)
		}
	}
}
