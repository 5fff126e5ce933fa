package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/oklog/ulid/v2"

	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

const (
	// renewEvery is how often the leader renews its lease; renewRetry is the pause after a failure.
	renewEvery = 3 * time.Second
	renewRetry = time.Second
	// leaseLife is how long a follower must see no renewal before it takes over. It measures this with
	// its own clock, and only while NATS responds: a leader that reconnects together with NATS
	// still has time to renew.
	leaseLife = 12 * time.Second
	// confirmTimeout bounds the confirmation that this process still leads.
	confirmTimeout = 2 * time.Second
	// lookEvery is how often a follower reads the lease.
	lookEvery = time.Second
	// bucketBytes limits the bucket if the streams have a limit.
	bucketBytes = 1 << 20
)

// ErrLost means that another process is the leader now.
var ErrLost = errors.New("another worker is the leader now")

// Lease is the leadership of a NATS prefix, which one process holds at a time. It is a key that the
// leader renews by compare-and-set. The key does not expire; followers watch whether it is renewed.
type Lease struct {
	Config
	bucket   jetstream.KeyValueConfig
	mine     Term
	renewing chan struct{} // semaphore with capacity 1, held during a renewal

	kv jetstream.KeyValue // the bucket, once it has been looked up

	mu       sync.Mutex // guards the rest
	state    State
	reason   string    // why this process does not hold the lease, for display
	other    Term      // the term of the holder, in the state Elsewhere
	renewed  time.Time // start of the last renewal
	revision uint64
}

// Config has a lease's dependencies.
type Config struct {
	Conn     *bus.Conn
	ID       string // id of the database
	Place    string // host and path of the database, for display
	Activity *problems.Activity
	// Progress returns for each schedule the time until which its due times are recorded; false while
	// that is unknown.
	Progress func() (map[string]time.Time, bool)
	// Follow starts following the streams. It is called if another database led last, and retried until it
	// succeeds.
	Follow func(context.Context) error
	// Current reports whether this database contains everything that was published, except for the last
	// seconds. A follower acquires the lease only then.
	Current func() bool
	Log     *slog.Logger
}

// New returns a lease that this process does not hold yet. [Lease.Acquire] acquires it.
func New(c Config) *Lease {
	return &Lease{
		Config: c, bucket: c.Conn.Config.KeyValueConfig("worker", "leader lease", bucketBytes),
		mine:     Term{ID: c.ID, Process: ulid.Make().String(), Place: c.Place},
		renewing: make(chan struct{}, 1), reason: "nats: the leader is not known yet",
	}
}

// Acquire waits until this process holds the lease, and returns the previous term. held is false if
// ctx ended first.
func (l *Lease) Acquire(ctx context.Context) (before Term, held bool) {
	var seen uint64 // the last revision seen; since is when it was first seen
	var since time.Time
	follows := false
	for ; ctx.Err() == nil; wait.For(ctx, lookEvery) {
		last, revision, err := l.read(ctx)
		if err != nil && !errors.Is(err, errUnreadable) {
			seen, since = 0, time.Time{}
			l.setUnknown(ctx, err)
			continue
		}
		l.Activity.OK()
		// An unreadable value or a missing lease may belong to a leader that is about to renew
		// it.
		free := err == nil && (revision == 0 && l.State() != Elsewhere || last.Released || last.ID == l.mine.ID)
		if err != nil {
			l.Activity.Noticed("lease is unreadable, replacing it", err)
			last = Term{Place: "an unknown place"}
		}
		if another := err == nil && last.ID != "" && last.ID != l.mine.ID; another && !follows {
			if err := l.Follow(ctx); err != nil {
				l.setUnknown(ctx, err)
				continue
			}
			follows = true
		}
		if !free && (revision != seen || since.IsZero()) {
			seen, since = revision, time.Now()
		}
		if !free && time.Since(since) < leaseLife || follows && !l.Current() {
			l.noteLeader(last)
			continue
		}
		if l.take(ctx, last, revision) {
			return last, true
		}
	}
	return Term{}, false
}

// Term returns the id of this database's current term, which restarts do not change. It is valid once the lease
// was acquired.
func (l *Lease) Term() string { return l.mine.Term }

// noteLeader records that another process leads. It logs when that begins and when the leader changes.
func (l *Lease) noteLeader(other Term) {
	l.mu.Lock()
	known := l.state == Elsewhere && (l.other.ID == other.ID || other.ID == "")
	if known && other.ID == "" { // the lease is missing or unreadable
		other = l.other
	}
	l.state, l.reason, l.other = Elsewhere, "follower: another worker leads, at "+other.Place, other
	l.mu.Unlock()
	if !known {
		l.Log.Info("another worker leads: following it", "bucket", l.bucket.Bucket, "at", other.Place, "since", other.Since)
	}
}

// take acquires the lease at a revision, unless another process was faster.
func (l *Lease) take(ctx context.Context, last Term, revision uint64) bool {
	another := last.ID != l.mine.ID && (last.ID != "" || l.State() == Elsewhere)
	begun := time.Now()
	l.mine.Since, l.mine.Accounted, l.mine.Term = begun.UTC(), last.Accounted, last.Term
	if last.ID != l.mine.ID || last.Term == "" {
		l.mine.Term = ulid.Make().String()
	}
	revision, err := l.put(ctx, revision)
	if lostRace(err) {
		l.Log.Info("lease acquired by another process", "bucket", l.bucket.Bucket)
		return false
	}
	if err != nil {
		l.setUnknown(ctx, err)
		return false
	}
	l.hold(revision, begun)
	if another {
		l.Log.Warn("taking over from another worker", "bucket", l.bucket.Bucket, "at", last.Place, "released", last.Released)
	}
	return true
}

// lostRace reports whether another process wrote the lease first.
func lostRace(err error) bool {
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch)
}

// Keep renews the lease periodically until ctx ends. It returns [ErrLost] if another process holds it.
func (l *Lease) Keep(ctx context.Context) error {
	for rest := renewRetry; wait.For(ctx, rest); { // the first renewal is early, to record the schedules' progress
		rest = renewEvery
		err := l.renew(ctx)
		if errors.Is(err, ErrLost) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			rest = renewRetry
			l.failed("failed to renew the lease", err)
		}
	}
	return nil
}

// Confirm renews the lease now, with the schedules' progress. It returns [ErrLost] if another
// process holds the lease, and another error if that is unknown.
func (l *Lease) Confirm(ctx context.Context) error {
	if err := l.Conn.Usable(); err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	err := l.renew(ctx)
	if errors.Is(err, ErrLost) || l.State() == Over {
		return ErrLost
	}
	return err
}

// renew renews the lease, unless another call has renewed it since this call began.
func (l *Lease) renew(ctx context.Context) error {
	asked := time.Now()
	select {
	case l.renewing <- struct{}{}:
		defer func() { <-l.renewing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if l.renewedAt().After(asked) {
		return nil
	}
	begun := time.Now()
	if accounted, known := l.Progress(); known {
		l.mine.Accounted = accounted
	}
	revision, err := l.put(ctx, l.revision)
	if err != nil {
		// The response may have been lost, or the bucket deleted.
		var last Term
		last, revision, err = l.read(ctx)
		unreadable := errors.Is(err, errUnreadable)
		switch {
		case unreadable: // not a takeover, which would have written a valid lease
			l.Activity.Noticed("lease is unreadable, replacing it", err)
		case err != nil:
			return err
		}
		if revision != 0 && !unreadable && last.Process != l.mine.Process {
			l.set(Over, "shutting down")
			return fmt.Errorf("%w, at %s; this worker exits, and becomes a follower when it is restarted", ErrLost, last.Place)
		}
		if revision, err = l.put(ctx, revision); err != nil {
			return err
		}
	}
	l.hold(revision, begun)
	return nil
}

// Release gives up the lease, so that a follower takes over at once.
func (l *Lease) Release(ctx context.Context) error {
	if l.State() != Held {
		return nil
	}
	l.set(Over, "shutting down")
	if accounted, known := l.Progress(); known {
		l.mine.Accounted = accounted
	}
	l.mine.Released = true
	_, err := l.put(ctx, l.revision)
	if !lostRace(err) {
		return err
	}
	// The last renewal may have been written although the shutdown cancelled it.
	last, revision, lookErr := l.read(ctx)
	if lookErr != nil || last.Process != l.mine.Process {
		return errors.Join(err, lookErr)
	}
	_, err = l.put(ctx, revision)
	return err
}
