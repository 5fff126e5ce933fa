package leader

import (
	"context"
	"errors"
	"time"

	"orderbeat/worker/wait"
)

// sureFor is the time after a renewal during which no other process can have taken over.
const sureFor = leaseLife - 2*time.Second

// State is what a process knows about the lease.
type State int

// The states.
const (
	Unknown   State = iota // NATS has not responded yet
	Elsewhere              // another process holds it
	Held
	Over // lost or released
)

func (l *Lease) hold(revision uint64, begun time.Time) {
	l.mu.Lock()
	l.state, l.revision, l.renewed = Held, revision, begun
	l.mu.Unlock()
	l.Activity.OK()
}

func (l *Lease) set(state State, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state, l.reason = state, reason
}

// setUnknown records that the leader is unknown because NATS failed.
func (l *Lease) setUnknown(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	l.set(Unknown, "nats: "+err.Error())
	l.failed("failed to read or acquire the lease, waiting", err)
}

// failed logs a failure, unless there is no connection, which the connection logs.
func (l *Lease) failed(msg string, err error) {
	if l.Conn.NATS.IsConnected() {
		l.Activity.Failed(msg, l.Conn.Explain(err), "bucket", l.bucket.Bucket)
	} else {
		l.Activity.Pending(err)
	}
}

// Err returns why the lease could not be read, acquired or renewed; nil if that succeeded.
func (l *Lease) Err() error {
	err := l.Activity.Err()
	if err != nil && l.State() == Held && l.IsLeader() {
		return nil // there is still time for the next attempt
	}
	return err
}

func (l *Lease) renewedAt() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.renewed
}

// State returns the current state of the lease.
func (l *Lease) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Other returns the id and the place of the leader's database in the state [Elsewhere]; "" if no leader is
// known.
func (l *Lease) Other() (id, place string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != Elsewhere || l.other.Released {
		return "", ""
	}
	return l.other.ID, l.other.Place
}

// NotLeaderReason returns why this process is not the leader, nil if it is.
func (l *Lease) NotLeaderReason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == Held {
		return nil
	}
	return errors.New(l.reason)
}

// IsLeader reports whether this process is certainly the leader: no other process can have taken
// over since the last renewal. The monotonic clock may stop while the machine is suspended, so
// the wall clock is checked too.
func (l *Lease) IsLeader() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	slept := time.Now().Round(0).Sub(l.renewed.Round(0))
	return l.state == Held && time.Since(l.renewed) < sureFor && slept < sureFor
}

// WaitLeader waits until [Lease.IsLeader] returns true. It returns false if ctx ended first.
func (l *Lease) WaitLeader(ctx context.Context) bool {
	for !l.IsLeader() {
		if !wait.For(ctx, renewRetry/4) {
			return false
		}
	}
	return ctx.Err() == nil
}
