package worker

import (
	"context"
	"time"
)

// The wall clock is looked at so often, and one that moved by so much more, or less, than
// time passed was set.
const (
	clockEvery = 2 * time.Second
	clockSet   = 5 * time.Second
)

// watchClock tells set by how much the wall clock was set, each time, until ctx ends. That
// the machine slept looks the same.
func watchClock(ctx context.Context, set func(by time.Duration)) {
	for last := time.Now(); pause(ctx, clockEvery); {
		now := time.Now()
		by := now.Round(0).Sub(last.Round(0)) - now.Sub(last)
		if last = now; by.Abs() >= clockSet {
			set(by)
		}
	}
}
