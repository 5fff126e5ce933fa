package leader

import (
	"context"
	"errors"
	"time"

	"orderbeat/worker/wait"
)

// sureFor is how long after a renewal nobody else can have taken over.
const sureFor = leaseLife - 2*time.Second

// State is what a process knows of the lease.
type State int

// What a process may know.
const (
	Unknown   State = iota // NATS did not tell yet
	Elsewhere              // another process has it
	Held
	Over // it was lost, or released
)

func (l *Lease) hold(revision uint64, begun time.Time) {
	l.mu.Lock()
	l.state, l.revision, l.renewed = Held, revision, begun
	l.mu.Unlock()
	l.activity.OK()
}

func (l *Lease) set(state State, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state, l.reason = state, reason
}

// fall records that NATS does not tell who leads.
func (l *Lease) fall(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	l.set(Unknown, "nats: "+err.Error())
	l.failed("lease could not be read or taken: standing by until it can", err)
}

// failed logs a failure, unless it is that there is no connection, which is logged where
// the connection is.
func (l *Lease) failed(msg string, err error) {
	if l.connected() {
		l.activity.Failed(msg, l.explain(err), "bucket", l.bucket.Bucket)
	} else {
		l.activity.Pending(err)
	}
}

// Trouble is why the lease could not be renewed, taken or read, nil when it could.
func (l *Lease) Trouble() error {
	err := l.activity.Err()
	if err != nil && l.State() == Held && l.Sure() {
		return nil // it is tried again in time
	}
	return err
}

func (l *Lease) renewedAt() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.renewed
}

// State is what is known of the lease now.
func (l *Lease) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Standing is why this process does not work, nil when it does.
func (l *Lease) Standing() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == Held {
		return nil
	}
	return errors.New(l.reason)
}

// Sure reports whether nobody else can be working now. A clock that stands still while the
// machine sleeps does not tell how long ago a renewal is; the wall clock does.
func (l *Lease) Sure() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	slept := time.Now().Round(0).Sub(l.renewed.Round(0))
	return l.state == Held && time.Since(l.renewed) < sureFor && slept < sureFor
}

// Certain waits until it is sure, and reports false when ctx ended first.
func (l *Lease) Certain(ctx context.Context) bool {
	for !l.Sure() {
		if !wait.For(ctx, renewRetry/4) {
			return false
		}
	}
	return ctx.Err() == nil
}

// CanPublish reports whether the outbox may be told now: by the one who works, while it is
// sure of that, and by one that stands by. What that one committed while it worked is true
// still, and its jobs are not among it.
func (l *Lease) CanPublish() bool { return l.State() == Elsewhere || l.Sure() }
