package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"orderbeat/db"
	"orderbeat/db/sqlite"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

const (
	// attempts is the maximum number of snapshots that are tried, and of failures of the leader to make one.
	attempts = 3
	// pause is the time between two attempts, and between two requests to the leader.
	pause = time.Second
	// makingTimeout limits how long to wait for a snapshot of the leader, and leaderTimeout the time without
	// a reply from the leader.
	makingTimeout = 15 * time.Minute
	leaderTimeout = 20 * time.Second
)

// Restorer restores the newest snapshot in a process without a database.
type Restorer struct {
	NATS bus.Config
	// Path of the database.
	Path string
	// Every is the maximum age of a snapshot. If it is older, a newer one is requested from the leader; 0
	// disables restoring.
	Every time.Duration
	Log   *slog.Logger

	conn   *bus.Conn
	bucket bucket
}

// fatalError is an error after which the process must exit instead of starting with an empty database.
type fatalError struct{ error }

func (e fatalError) Unwrap() error { return e.error }

// Run restores the newest snapshot to Path if there is no database. Without a usable snapshot it creates nothing:
// the database is then created empty and filled from the start of the streams. It waits while NATS is
// unavailable. It returns an error if the snapshot has the schema of a newer program or cannot be written to
// disk.
func (r *Restorer) Run(ctx context.Context) (err error) {
	if _, err := os.Stat(r.Path); r.Every == 0 || !errors.Is(err, fs.ErrNotExist) {
		return nil // opening the database returns other errors
	}
	ctx, cancel := context.WithCancelCause(ctx)
	troubles := problems.NewSet(r.Log)
	if r.conn, err = bus.Open(r.NATS, nil, troubles, r.Log, func(err error) { cancel(err) }); err != nil {
		cancel(nil)
		return err
	}
	r.bucket = bucket{r.conn.JS, r.NATS}
	var tending sync.WaitGroup
	tending.Go(func() { r.conn.Maintain(ctx) })
	defer func() {
		cancel(nil)
		tending.Wait()
		r.conn.Close()
	}()
	activity := troubles.Activity("snapshot")
	for {
		if r.conn.Usable() == nil {
			err := r.restore(ctx)
			_, fatal := errors.AsType[fatalError](err)
			switch {
			case err == nil:
				activity.OK()
				return nil
			case ctx.Err() != nil:
			case fatal:
				return fmt.Errorf("snapshot: %w", err)
			case isUnusable(err):
				r.Log.Warn("no snapshot can be used: the database follows the streams from their start, and lacks what they no longer have", "err", err)
				return nil
			case r.conn.Denied() != nil:
				r.Log.Warn("the NATS user may not read snapshots: the database follows the streams from their start, and lacks what they no longer have", "err", r.conn.Explain(err))
				return nil
			default:
				activity.Failed("failed to read a snapshot, will retry", r.conn.Explain(err))
			}
		}
		if !wait.For(ctx, pause) {
			return context.Cause(ctx)
		}
	}
}

// restore restores the newest snapshot if there is one. If it cannot be used, restore tries newer ones.
func (r *Restorer) restore(ctx context.Context) (err error) {
	tried := ""
	for range attempts {
		m, looked := r.look(ctx, tried)
		if isUnusable(looked) && err == nil {
			err = looked
		}
		if looked != nil && !isUnusable(looked) {
			return looked
		}
		if m == nil || m.ID == tried {
			return err
		}
		if err = r.fetch(ctx, m); !isUnusable(err) {
			return err
		}
		tried = m.ID
	}
	return err
}

// look returns the newest snapshot, nil if there is none. It waits for a newer one if the newest is too old or was
// tried before.
func (r *Restorer) look(ctx context.Context, tried string) (*manifest, error) {
	all, err := states(ctx, r.conn)
	if err != nil {
		return nil, err
	}
	m, err := r.bucket.newest(ctx)
	published := slices.ContainsFunc(slices.Collect(maps.Values(all)), func(s jetstream.StreamState) bool { return s.LastSeq > 0 })
	switch {
	case err != nil && !isUnusable(err):
		return nil, err
	case err == nil && m == nil && !published: // the first process of a fleet
		return nil, nil
	case m != nil && m.ID != tried && time.Since(m.MadeAt) <= r.Every && m.coveredBy(all):
		return m, nil
	}
	r.request(ctx, tried)
	m, err = r.bucket.newest(ctx)
	switch {
	case err != nil || m != nil:
	case (&manifest{}).coveredBy(all):
		r.Log.Info("there is no snapshot: the database follows the streams from their start")
	default:
		r.Log.Warn("there is no snapshot: the database follows the streams from their start, and lacks what they no longer have")
	}
	return m, err
}

// request makes the leader create a snapshot if the newest is too old or has the id tried, and waits for
// it.
func (r *Restorer) request(ctx context.Context, tried string) {
	ask := request{Make: true, Unusable: tried}
	begun, failed := time.Now(), 0
	for heard := begun; time.Since(begun) < makingTimeout && time.Since(heard) < leaderTimeout; wait.For(ctx, pause) {
		reply, err := r.send(ctx, ask)
		switch {
		case ctx.Err() != nil, ask.Make && errors.Is(err, nats.ErrNoResponders): // there is no leader
			return
		case err != nil:
		case reply.Making:
			if ask.Make {
				r.Log.Info("waiting for a snapshot that the leader makes")
			}
			ask.Make, heard = false, time.Now()
		case reply.Error != "":
			if failed++; failed == attempts {
				r.Log.Warn("the leader made no snapshot", "err", reply.Error)
				return
			}
			ask.Make = true
		default:
			return
		}
	}
	r.Log.Warn("the leader made no snapshot in time", "after", time.Since(begun).Round(time.Second).String())
}

// send sends a request to the leader.
func (r *Restorer) send(ctx context.Context, ask request) (s state, err error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	body, err := json.Marshal(ask)
	if err != nil {
		return s, err
	}
	msg, err := r.conn.NATS.RequestWithContext(ctx, r.conn.Of(requestSubject), body)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(msg.Data, &s)
}

// fetch downloads a snapshot, checks it and moves it to Path.
func (r *Restorer) fetch(ctx context.Context, m *manifest) error {
	if known := db.SchemaVersion(); m.Schema > known {
		return fatalError{fmt.Errorf("its schema is version %d, this program supports %d: use the version of the program that leads, or a newer one; "+
			`with worker.snapshot_every = "0s" the database follows the streams from their start`, m.Schema, known)}
	}
	begun := time.Now()
	r.Log.Info("fetching a snapshot", "snapshot", m.ID, "made_at", m.MadeAt.Format(time.RFC3339), "bytes", m.Bytes, "compressed_bytes", m.Compressed)
	if err := r.bucket.complete(ctx, m); err != nil {
		return err
	}
	f, err := sqlite.Partial(r.Path)
	if err != nil {
		return fatalError{err}
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if free, err := sqlite.FreeBytes(f.Name()); err == nil && free < m.Bytes {
		return fatalError{fmt.Errorf("it needs %d MB in %s, but only %d MB are free: %w", m.Bytes>>20, filepath.Dir(r.Path), free>>20, unix.ENOSPC)}
	}
	if err := r.bucket.read(ctx, m, f); err != nil {
		return err
	}
	fetched := time.Now()
	if err := db.Adopt(ctx, f, r.Path); err != nil {
		if _, local := errors.AsType[*fs.PathError](err); local || ctx.Err() != nil {
			return fatalError{err}
		}
		return unusable("snapshot %s: %w", m.ID, err)
	}
	r.Log.Info("database restored from a snapshot: it follows the streams from there", "snapshot", m.ID, "database", r.Path, "sequence", m.Sequences["orders"],
		"fetching", fetched.Sub(begun).Round(time.Millisecond).String(), "checking", time.Since(fetched).Round(time.Millisecond).String())
	return nil
}

// read writes the database of a snapshot to a file.
func (b *bucket) read(ctx context.Context, m *manifest, f *os.File) error {
	store, err := b.open(ctx, false)
	if err != nil {
		return err
	}
	parts := &reader{ctx: ctx, bucket: b, store: store, left: m.Parts}
	defer parts.close()
	content, err := zstd.NewReader(parts, zstd.WithDecoderMaxWindow(window), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(content, m.Bytes+1))
	content.Close() // stops its read-ahead
	_, local := errors.AsType[*fs.PathError](err)
	switch {
	case local:
		return fatalError{err}
	case parts.err != nil:
		return parts.err
	case err != nil:
		return unusable("snapshot %s is damaged: %w", m.ID, err)
	case n != m.Bytes:
		return unusable("snapshot %s is damaged: it has more or less than %d bytes", m.ID, m.Bytes)
	}
	return nil
}
