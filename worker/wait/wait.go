// Package wait has the pause of the worker's loops. It imports nothing else.
package wait

import (
	"context"
	"time"
)

// For waits for d and reports whether ctx is still active.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
