// Package wait has the one way in which loops of the worker rest. It knows nothing else.
package wait

import (
	"context"
	"time"
)

// For waits for d and reports whether ctx still goes on.
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
