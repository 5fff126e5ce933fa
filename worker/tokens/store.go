package tokens

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/auth"
	"orderbeat/auth/secret"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

const (
	// patience bounds one use of the store, including retries. It is shorter than the time that a source allows
	// for saving a token response, and longer than the election of a stream leader.
	patience = 4 * time.Second
	// openTimeout bounds opening the bucket, including moving the rows of a database.
	openTimeout = time.Minute
	// downFor is the time after a failed use in which other uses fail immediately with the same error: each use holds a
	// lock on the keys.
	downFor = time.Second
	// openPause is the pause before opening the bucket is retried.
	openPause = time.Second
	// bucketBytes is the size limit of the bucket if the streams have a limit. A row needs a few KB.
	bucketBytes = 64 << 20
)

// errNotAttached means that the store has no connection yet.
var errNotAttached = errors.New("not connected to NATS yet")

// Config has a store's dependencies.
type Config struct {
	NATS bus.Config
	// Database is the id of the database, which only one process uses at a time: leases that
	// were taken with the same id belong to an ended process and are ended when the bucket is opened. "" ends no leases.
	Database string
	// Local has rows from before the tokens were stored in NATS, nil for none. They are moved when the bucket is
	// opened.
	Local Local
	// Check is called by Run with all rows, with their sealed tokens, when the bucket is open; nil for none.
	Check func(rows []auth.Row)
	Log   *slog.Logger
}

// Local is a token store of a single process. Its rows are moved to the bucket.
type Local interface {
	TokenRows(ctx context.Context) ([]auth.Row, error)
	// DeleteToken deletes a row if it still has that generation.
	DeleteToken(ctx context.Context, key string, generation int64) error
}

// Store implements [auth.Store] and [seal.Resealer] with a key-value bucket in NATS. Each write is a compare-and-set
// on the revision of the entry for which the condition was checked. It is safe for concurrent use, also by
// several processes.
//
// If NATS does not respond, a call is retried for a few seconds and then fails; the next call tries
// again.
type Store struct {
	config  Config
	wanted  jetstream.KeyValueConfig
	memory  *memory
	opening chan struct{} // capacity 1: held while the bucket is opened

	mu       sync.Mutex // guards the rest
	conn     *bus.Conn  // nil before [Store.Attach]
	activity *problems.Activity
	bucket   *bucket // nil until it was looked up
	prepared bool    // leases of an ended process were ended, and the local rows were moved
	down     error   // error of the last use, nil if it succeeded
	downAt   time.Time
}

// New returns a store that cannot be used until it has a connection: see [Store.Attach].
func New(c Config) *Store {
	return &Store{
		config: c, memory: &memory{seen: map[string]stored{}}, opening: make(chan struct{}, 1),
		wanted: c.NATS.KeyValueConfig("tokens", "sealed tokens of credentials", bucketBytes),
	}
}

// Bucket returns the name of the bucket.
func (s *Store) Bucket() string { return s.wanted.Bucket }

// Attach sets the connection, which must stay open while the store is in use. Failures are reported to activity.
func (s *Store) Attach(conn *bus.Conn, activity *problems.Activity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.activity = conn, activity
}

// attached returns the values that [Store.Attach] has set.
func (s *Store) attached() (*bus.Conn, *problems.Activity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn, s.activity
}

// Run opens the bucket, moves the rows of the database to it, and checks all rows, as soon as NATS is
// available. It returns when that is done or ctx ends. Earlier calls of other methods also open the bucket.
func (s *Store) Run(ctx context.Context) {
	for {
		err := s.prepareAndCheck(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		s.report(s.explained(err))
		if errors.Is(err, errUnreadable) { // retrying does not help
			return
		}
		if !wait.For(ctx, openPause) {
			return
		}
	}
}

func (s *Store) prepareAndCheck(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	b, err := s.open(ctx)
	if err != nil || s.config.Check == nil {
		return err
	}
	rows, err := b.rows(ctx)
	if err == nil {
		s.config.Check(rows)
	}
	return err
}

// Load implements [auth.Store].
func (s *Store) Load(ctx context.Context, key string) (row auth.Row, err error) {
	err = s.use(ctx, false, func(ctx context.Context, b *bucket) error {
		_, err := b.change(ctx, key, func(old stored) (auth.Row, bool) { row = old.row; return row, false })
		return err
	})
	if err != nil {
		return auth.Row{}, fmt.Errorf("credential %s: %w", key, err)
	}
	return row, nil
}

// Lease implements [auth.Store].
func (s *Store) Lease(ctx context.Context, l auth.Lease) (won bool, err error) {
	err = s.use(ctx, false, func(ctx context.Context, b *bucket) (err error) {
		won, err = b.change(ctx, l.Key, func(old stored) (auth.Row, bool) { return l.Taken(old.row, old.revision != 0) })
		return err
	})
	if err != nil {
		return false, fmt.Errorf("credential %s: lease: %w", l.Key, err)
	}
	return won, nil
}

// Commit implements [auth.Store].
func (s *Store) Commit(ctx context.Context, l auth.Lease, row auth.Row) (committed bool, err error) {
	if !row.Refresh.Empty() {
		return false, fmt.Errorf("credential %s: refresh token is not sealed and would be readable in bucket %s", l.Key, s.wanted.Bucket)
	}
	row.Key = l.Key
	err = s.use(ctx, true, func(ctx context.Context, b *bucket) (err error) {
		committed, err = b.change(ctx, l.Key, func(old stored) (auth.Row, bool) { return l.Committed(old.row, row) })
		return err
	})
	if err != nil {
		return false, fmt.Errorf("credential %s: commit: %w", l.Key, err)
	}
	return committed, nil
}

// Reseal implements [seal.Resealer], row by row: after an error, some rows may have been changed.
func (s *Store) Reseal(ctx context.Context, change func(auth.Row) auth.Row) error {
	b, err := s.open(ctx)
	if err != nil {
		return s.explained(err)
	}
	credentials, err := b.credentials(ctx)
	if err != nil {
		return s.explained(err)
	}
	for _, credential := range credentials {
		var invalid error
		_, err := b.change(ctx, credential, func(old stored) (auth.Row, bool) {
			row := change(old.row)
			if !row.Refresh.Empty() {
				invalid = fmt.Errorf("credential %s: refresh token is not sealed", row.Key)
			}
			return row, invalid == nil && old.revision != 0 && (row.Token != old.row.Token || row.Credential != old.row.Credential)
		})
		if err := errors.Join(err, invalid); err != nil {
			return s.explained(err)
		}
	}
	return nil
}

// Credentials returns every credential without its tokens and fingerprint, sorted by provider, user and
// key, for [auth.StatusOf]. It does not create the bucket.
func (s *Store) Credentials(ctx context.Context) (list []auth.Row, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	b, err := s.look(ctx)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, nil
	}
	if err == nil {
		list, err = b.rows(ctx)
	}
	if err != nil {
		return nil, s.explained(err)
	}
	for i := range list {
		list[i].Token, list[i].Credential = secret.Secret{}, ""
	}
	slices.SortFunc(list, func(a, b auth.Row) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.User, b.User), cmp.Compare(a.Key, b.Key))
	})
	return list, nil
}

// use calls do with the bucket, within patience. Shortly after a failed use, it fails immediately, unless must
// is true: then it waits for NATS.
func (s *Store) use(ctx context.Context, must bool, do func(ctx context.Context, b *bucket) error) error {
	s.mu.Lock()
	down := s.down
	if time.Since(s.downAt) > downFor {
		down = nil
	}
	s.mu.Unlock()
	if down != nil && !must {
		return down
	}
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	b, err := s.open(ctx)
	for err != nil && must && wait.For(ctx, retryPause) {
		b, err = s.open(ctx)
	}
	if err == nil {
		err = do(ctx, b)
	}
	if err != nil && caller.Err() != nil {
		return caller.Err()
	}
	lost := err != nil && !isConflict(err) && !errors.Is(err, errUnreadable)
	err = s.explained(err)
	s.mu.Lock()
	s.down, s.downAt = nil, time.Time{}
	if lost {
		s.bucket, s.down, s.downAt = nil, err, time.Now() // it may have been deleted: look it up again
	}
	s.mu.Unlock()
	s.report(err)
	return err
}

// report records the result of a use of the store. Connection failures are reported elsewhere.
func (s *Store) report(err error) {
	switch conn, activity := s.attached(); {
	case activity == nil:
	case err == nil:
		activity.OK()
	case conn.NATS.IsConnected():
		activity.Failed("token store failed", err, "bucket", s.wanted.Bucket)
	default:
		activity.Pending(err)
	}
}

// explained adds the name of the bucket to an error, and advice on the configuration.
func (s *Store) explained(err error) error {
	conn, _ := s.attached()
	if err == nil || conn == nil {
		return err
	}
	return fmt.Errorf("bucket %s: %w", s.wanted.Bucket, conn.Explain(err))
}
