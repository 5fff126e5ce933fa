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
	// renewEvery is how often the one who works says so, and renewRetry how soon again
	// when NATS did not take it.
	renewEvery = 3 * time.Second
	renewRetry = time.Second
	// leaseLife is how long one that stands by sees nothing of the one who works before
	// it takes over. It counts by its own clock, and only while NATS answers: who comes
	// back with NATS has time to renew.
	leaseLife = 12 * time.Second
	// confirmPatience is how long one who asks whether it still works waits for NATS.
	confirmPatience = 2 * time.Second
	// lookEvery is how often one that stands by looks.
	lookEvery = time.Second
	// bucketBytes limits the bucket where the streams have a limit: it holds one value.
	bucketBytes = 1 << 20
)

// ErrLost is that another process works now.
var ErrLost = errors.New("another orderbeat works on this NATS now")

// Lease is the right to work on a NATS prefix, which one process has at a time. It is a
// key that its holder renews under compare-and-set. It has no time to live: that it is not
// renewed any more is seen by those who wait for it.
type Lease struct {
	js      jetstream.JetStream
	bucket  jetstream.KeyValueConfig
	mine    Term
	explain func(error) error // [bus.Conn.explain]
	// connected reports whether NATS can be asked: that it cannot is the connection's failure.
	connected func() bool
	activity  *problems.Activity
	// withdraw keeps the jobs of this database from whoever works with another one, requeue
	// brings them back.
	withdraw func(ctx context.Context) error
	requeue  func(ctx context.Context) (int, error)
	// progress is what goes into Accounted, false while that is not known.
	progress func() (map[string]time.Time, bool)
	usable   func() error  // nil while NATS answers, as far as that is known
	renewing chan struct{} // holds one value while somebody renews
	log      *slog.Logger

	kv jetstream.KeyValue // the bucket, once it was looked for

	mu       sync.Mutex // guards the rest
	state    State
	reason   string    // why it is not held, for people
	renewed  time.Time // when the last renewal began
	revision uint64
}

// Config is what a lease is made of.
type Config struct {
	Conn     *bus.Conn
	NATS     bus.Config
	ID       string // the database's
	Place    string // where that is, for people
	Activity *problems.Activity
	// Withdraw keeps the jobs of this database from whoever works with another one, Requeue
	// brings them back.
	Withdraw func(ctx context.Context) error
	Requeue  func(ctx context.Context) (int, error)
	// Progress has for each schedule the time until which it is accounted for, false while
	// that is not known.
	Progress func() (map[string]time.Time, bool)
	Log      *slog.Logger
}

// New makes a lease, which [Lease.Acquire] takes.
func New(c Config) *Lease {
	return &Lease{
		js: c.Conn.JS, explain: c.Conn.Explain, connected: c.Conn.NATS.IsConnected, activity: c.Activity,
		bucket: jetstream.KeyValueConfig{
			Bucket: bus.Subjects{Prefix: c.NATS.Prefix}.Stream("worker"), Description: "who works", Storage: jetstream.FileStorage, Replicas: max(1, c.NATS.Replicas),
			MaxBytes: min(c.NATS.MaxBytes, bucketBytes), Placement: c.NATS.Placement(),
		},
		mine:     Term{ID: c.ID, Process: ulid.Make().String(), Place: c.Place},
		withdraw: c.Withdraw, requeue: c.Requeue, progress: c.Progress, usable: c.Conn.Usable, renewing: make(chan struct{}, 1),
		log: c.Log, reason: "nats: it did not tell yet who works",
	}
}

// Acquire waits until this process has the lease, and returns the term before. It returns
// false when ctx ended first; an error is the database's.
func (l *Lease) Acquire(ctx context.Context) (before Term, held bool, err error) {
	var seen uint64 // the revision that was seen last, and since when
	var since time.Time
	for ; ctx.Err() == nil; wait.For(ctx, lookEvery) {
		last, revision, err := l.look(ctx)
		if err != nil && !errors.Is(err, errUnreadable) {
			seen, since = 0, time.Time{}
			l.fall(ctx, err)
			continue
		}
		l.activity.OK()
		// An unreadable value, and a lease that is gone, may be those of a leader that is
		// about to renew it.
		free := err == nil && (revision == 0 && l.State() != Elsewhere || last.Released || last.ID == l.mine.ID)
		if err != nil {
			l.activity.Noticed("lease is unreadable: it is replaced", err)
			last = Term{Place: "an unknown place"}
		}
		if !free && (revision != seen || since.IsZero()) {
			seen, since = revision, time.Now()
		}
		if !free && time.Since(since) < leaseLife {
			if err := l.standBy(ctx, last); err != nil {
				return Term{}, false, err
			}
			continue
		}
		if held, err := l.take(ctx, last, revision); held || err != nil {
			return last, held, err
		}
	}
	return Term{}, false, nil
}

// standBy notes that another one works, and says so once.
func (l *Lease) standBy(ctx context.Context, other Term) error {
	if l.State() == Elsewhere {
		return nil
	}
	if err := l.withdraw(ctx); err != nil {
		return fmt.Errorf("stand by: %w", err)
	}
	l.set(Elsewhere, "standing by: another orderbeat works on this NATS, at "+other.Place)
	l.log.Warn("another worker leads: standby", "bucket", l.bucket.Bucket, "at", other.Place, "since", other.Since)
	return nil
}

// take takes the lease that was seen at a revision, unless somebody else was faster.
func (l *Lease) take(ctx context.Context, last Term, revision uint64) (bool, error) {
	another := last.ID != l.mine.ID && (last.ID != "" || l.State() == Elsewhere)
	if another {
		if err := l.withdraw(ctx); err != nil {
			return false, fmt.Errorf("take over: %w", err)
		}
	}
	begun := time.Now()
	l.mine.Since, l.mine.Accounted = begun.UTC(), last.Accounted
	revision, err := l.put(ctx, revision)
	if outrun(err) {
		l.log.Info("lease was taken by another process", "bucket", l.bucket.Bucket)
		return false, nil
	}
	if err != nil {
		l.fall(ctx, err)
		return false, nil
	}
	l.hold(revision, begun)
	if !another {
		return true, nil
	}
	n, err := l.requeue(ctx)
	if err != nil {
		return true, fmt.Errorf("take over: %w", err)
	}
	l.log.Warn("taking over from another worker", "bucket", l.bucket.Bucket, "at", last.Place, "released", last.Released, "jobs", n)
	return true, nil
}

// outrun reports whether somebody else wrote the lease first.
func outrun(err error) bool {
	e, ok := errors.AsType[*jetstream.APIError](err)
	return errors.Is(err, jetstream.ErrKeyExists) || ok && e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// Keep renews the lease until ctx ends. It returns [ErrLost] when another has it.
func (l *Lease) Keep(ctx context.Context) error {
	for rest := renewRetry; wait.For(ctx, rest); { // soon, with how far the schedules are
		rest = renewEvery
		err := l.renew(ctx)
		if errors.Is(err, ErrLost) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			rest = renewRetry
			l.failed("lease was not renewed", err)
		}
	}
	return nil
}

// Confirm renews the lease now, so that it says how far the schedules are. It returns
// [ErrLost] when another process has the lease, and another error while that
// cannot be known.
func (l *Lease) Confirm(ctx context.Context) error {
	if err := l.usable(); err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, confirmPatience)
	defer cancel()
	err := l.renew(ctx)
	if errors.Is(err, ErrLost) || l.State() == Over {
		return ErrLost
	}
	return err
}

// renew renews the lease, unless another call did so since this one began.
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
	if accounted, known := l.progress(); known {
		l.mine.Accounted = accounted
	}
	revision, err := l.put(ctx, l.revision)
	if err != nil {
		// The answer may have been lost, or the bucket.
		var last Term
		last, revision, err = l.look(ctx)
		unreadable := errors.Is(err, errUnreadable)
		switch {
		case unreadable: // nobody took over: who does writes a lease
			l.activity.Noticed("lease is unreadable: it is replaced", err)
		case err != nil:
			return err
		}
		if revision != 0 && !unreadable && last.Process != l.mine.Process {
			l.set(Over, "this orderbeat stops")
			return fmt.Errorf("%w, at %s: this one stops, and stands by when it is started again", ErrLost, last.Place)
		}
		if revision, err = l.put(ctx, revision); err != nil {
			return err
		}
	}
	l.hold(revision, begun)
	return nil
}

// Release gives the lease back, for another to have it at once.
func (l *Lease) Release(ctx context.Context) error {
	if l.State() != Held {
		return nil
	}
	l.set(Over, "this orderbeat stops")
	if accounted, known := l.progress(); known {
		l.mine.Accounted = accounted
	}
	l.mine.Released = true
	_, err := l.put(ctx, l.revision)
	return err
}
