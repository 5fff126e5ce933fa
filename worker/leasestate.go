package worker

import (
	"context"
	"errors"
	"time"

	"orderbeat/worker/wait"
)

// sureFor is how long after a renewal nobody else can have taken over.
const sureFor = leaseLife - 2*time.Second

type leaseState int

const (
	leaseUnknown   leaseState = iota // NATS did not tell yet
	leaseElsewhere                   // another process has it
	leaseHeld
	leaseOver // it was lost, or released
)

func (l *lease) hold(revision uint64, begun time.Time) {
	l.mu.Lock()
	l.state, l.revision, l.renewed = leaseHeld, revision, begun
	l.mu.Unlock()
	l.activity.OK()
}

func (l *lease) set(state leaseState, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state, l.reason = state, reason
}

// fall records that NATS does not tell who leads.
func (l *lease) fall(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	l.set(leaseUnknown, "nats: "+err.Error())
	l.failed("lease could not be read or taken: standing by until it can", err)
}

// failed logs a failure, unless it is that there is no connection, which is logged where
// the connection is.
func (l *lease) failed(msg string, err error) {
	if l.connected() {
		l.activity.Failed(msg, l.explain(err), "bucket", l.bucket.Bucket)
	} else {
		l.activity.Pending(err)
	}
}

// trouble is why the lease could not be renewed, taken or read, nil when it could.
func (l *lease) trouble() error {
	err := l.activity.Err()
	if err != nil && l.now() == leaseHeld && l.Sure() {
		return nil // it is tried again in time
	}
	return err
}

func (l *lease) renewedAt() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.renewed
}

func (l *lease) now() leaseState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// standing is why this process does not work, nil when it does.
func (l *lease) standing() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == leaseHeld {
		return nil
	}
	return errors.New(l.reason)
}

// Sure reports whether nobody else can be working now. A clock that stands still while the
// machine sleeps does not tell how long ago a renewal is; the wall clock does.
func (l *lease) Sure() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	slept := time.Now().Round(0).Sub(l.renewed.Round(0))
	return l.state == leaseHeld && time.Since(l.renewed) < sureFor && slept < sureFor
}

// Certain waits until it is sure, and reports false when ctx ended first.
func (l *lease) Certain(ctx context.Context) bool {
	for !l.Sure() {
		if !wait.For(ctx, renewRetry/4) {
			return false
		}
	}
	return ctx.Err() == nil
}

// maySpeak reports whether the outbox may be told now: by the one who works, while it is
// sure of that, and by one that stands by. What that one committed while it worked is true
// still, and its jobs are not among it.
func (l *lease) maySpeak() bool { return l.now() == leaseElsewhere || l.Sure() }
