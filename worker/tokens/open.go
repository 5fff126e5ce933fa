package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/auth"
	"orderbeat/worker/bus"
)

// open returns the bucket, and creates it if there is none. The first call ends the leases of the
// process that used the database before, and moves the local rows. Concurrent callers wait for each
// other.
func (s *Store) open(ctx context.Context) (*bucket, error) {
	if b := s.opened(); b != nil {
		return b, nil
	}
	select {
	case s.opening <- struct{}{}:
		defer func() { <-s.opening }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b := s.opened(); b != nil {
		return b, nil
	}
	b, err := s.look(ctx)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		if b, err = s.create(ctx); err == nil {
			s.config.Log.Info("bucket created", "bucket", s.wanted.Bucket, "replicas", s.wanted.Replicas)
		}
	}
	if err != nil {
		return nil, err
	}
	s.check(b.stream.CachedInfo().Config)
	if !s.prepared { // only read and written here
		if err := s.prepare(ctx, b); err != nil {
			return nil, err
		}
		s.prepared = true
	}
	s.mu.Lock()
	s.bucket = b
	s.mu.Unlock()
	return b, nil
}

func (s *Store) opened() *bucket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bucket
}

// look returns the existing bucket.
func (s *Store) look(ctx context.Context) (*bucket, error) {
	conn, _ := s.attached()
	if conn == nil {
		return nil, errNotAttached
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	kv, err := conn.JS.KeyValue(ctx, s.wanted.Bucket)
	if errors.Is(err, nats.ErrNoResponders) {
		err = jetstream.ErrJetStreamNotEnabled
	}
	if err != nil {
		return nil, err
	}
	stream, err := conn.JS.Stream(ctx, "KV_"+s.wanted.Bucket)
	if err != nil {
		return nil, err
	}
	return &bucket{kv: kv, stream: stream, database: s.config.Database, memory: s.memory}, nil
}

// create creates the bucket. It succeeds if another process has created it in the meantime.
func (s *Store) create(ctx context.Context) (*bucket, error) {
	conn, _ := s.attached()
	creating, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	if _, err := conn.JS.CreateKeyValue(creating, s.wanted); err != nil && !errors.Is(err, jetstream.ErrBucketExists) {
		return nil, err
	}
	return s.look(ctx)
}

// check logs problems with the configuration of an existing bucket.
func (s *Store) check(got jetstream.StreamConfig) {
	warn := func(fault string) {
		s.config.Log.Warn("bucket configuration differs", "bucket", s.wanted.Bucket, "faults", fault)
	}
	if got.MaxAge > 0 {
		warn(fmt.Sprintf("ttl %s: older tokens are lost, and users must grant access again", got.MaxAge))
	}
	if got.Storage != s.wanted.Storage {
		warn("its storage is memory: tokens are lost when its server stops")
	}
	if got.Replicas < s.wanted.Replicas {
		warn(fmt.Sprintf("it has %d replicas, %d are configured: run nats stream edit KV_%s --replicas %d", got.Replicas, s.wanted.Replicas, s.wanted.Bucket, s.wanted.Replicas))
	}
}

// prepare ends the leases of the process that had the database before, and moves the local rows.
func (s *Store) prepare(ctx context.Context, b *bucket) error {
	if s.config.Database != "" {
		credentials, err := b.credentials(ctx)
		if err != nil {
			return err
		}
		for _, credential := range credentials {
			_, err := b.change(ctx, credential, func(old stored) (auth.Row, bool) {
				row := old.row
				row.LeaseOwner, row.LeaseUntil = "", time.Time{} // the intent stays: a response may be lost
				return row, old.row.LeaseOwner != "" && old.holder == s.config.Database
			})
			if err != nil && !errors.Is(err, errUnreadable) { // reported when the credential is used
				return err
			}
		}
	}
	if s.config.Local != nil {
		return s.move(ctx, b)
	}
	return nil
}

// move copies the local rows to the bucket, and deletes each local row after that. A row that the bucket
// already has with the same or a higher generation is kept: it is the copy, or newer.
func (s *Store) move(ctx context.Context, b *bucket) error {
	rows, err := s.config.Local.TokenRows(ctx)
	if err != nil {
		return err
	}
	moved := 0
	for _, row := range rows {
		row.LeaseOwner, row.LeaseUntil = "", time.Time{} // no process uses the local store any more
		copied, err := b.change(ctx, row.Key, func(old stored) (auth.Row, bool) {
			return row, old.revision == 0 || old.row.Generation < row.Generation
		})
		if err == nil {
			err = s.config.Local.DeleteToken(ctx, row.Key, row.Generation)
		}
		if err != nil {
			return fmt.Errorf("moving credential %s from the database: %w", row.Key, err)
		}
		if copied {
			moved++
		}
	}
	if len(rows) > 0 {
		s.config.Log.Info("tokens moved from the database", "bucket", s.wanted.Bucket, "moved", moved, "newer_in_bucket", len(rows)-moved)
	}
	return nil
}
