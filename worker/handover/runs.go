package handover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

const (
	// putTimeout is how long a request waits for its entry to be written. After that the entry is written in
	// the background.
	putTimeout = 2 * time.Second
	// retryEvery is how often failed writes and removals of entries are retried.
	retryEvery = time.Second
	// markerLife is the TTL of delete markers in the bucket.
	markerLife = time.Second
	// maxWaiting limits the entries that wait to be written.
	maxWaiting = 10_000
	// atOnce limits the entries that are written or removed concurrently.
	atOnce = 16
)

// Config has the dependencies of a [Runs].
type Config struct {
	Conn     *bus.Conn
	Activity *problems.Activity
	Log      *slog.Logger
}

// Runs keeps the open runs of the leader in a bucket: an entry is written before the request is
// acknowledged, and removed after the result was published. It is safe for concurrent use.
//
// Each process writes its own entry for a run, so that a process that was suspended while another
// took over does not remove the entry of the new leader.
type Runs struct {
	Config
	bucket  jetstream.KeyValueConfig
	process string // suffix of this process's keys
	wake    wait.Signal

	mu    sync.Mutex // guards the rest
	kv    jetstream.KeyValue
	mine  map[string][]string // runs of this process, with the keys of other entries about them
	late  map[string]waiting  // entries to write, by key
	ended map[string]bool     // keys to remove
}

// waiting is an entry to write. tick is the key of its run's due time, "" if there is none.
type waiting struct {
	value []byte
	tick  string
}

// NewRuns returns a Runs. [Runs.Run] writes and removes its entries in the background.
func NewRuns(c Config) *Runs {
	bucket := c.Conn.Config.KeyValueConfig("open_runs", "accepted runs without a result", c.Conn.Config.MaxBytes)
	bucket.LimitMarkerTTL = markerLife
	return &Runs{
		Config: c, bucket: bucket, process: jobs.NewID(time.Now()), wake: wait.NewSignal(), mine: map[string][]string{}, late: map[string]waiting{}, ended: map[string]bool{},
	}
}

// key returns the key of this process's entry for a run.
func (r *Runs) key(runID string) string { return runID + "." + r.process }

// Put writes an open run. After an error the run is written in the background, unless [Runs.Ended] is called.
// Two cases are not errors: without a connection to NATS the run is written in the background, and a run that is
// too large for a message is logged and never written.
func (r *Runs) Put(ctx context.Context, run jobs.Run, js []jobs.Job) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	r.mine[run.ID] = nil
	r.mu.Unlock()
	return r.write(ctx, r.key(run.ID), entryOf(&run, js))
}

// Keep writes an open run of this database in the background, because the process that accepted it may have ended before
// it was written.
func (r *Runs) Keep(run jobs.Run, js []jobs.Job) {
	if r == nil {
		return
	}
	key, e := r.key(run.ID), entryOf(&run, js)
	value, ok := r.value(key, e)
	r.mu.Lock()
	r.mine[run.ID] = nil
	r.mu.Unlock()
	if ok {
		r.later(key, waiting{value, e.Key})
		r.wake.Set()
	}
}

// Join records that a request with a key joined an open run. After an error it is written in the background.
func (r *Runs) Join(ctx context.Context, runID, key, replyTo string) error {
	if r == nil || key == "" {
		return nil
	}
	name := runID + "." + jobs.NewID(time.Now())
	r.mu.Lock()
	of, open := r.mine[runID]
	if open {
		r.mine[runID] = append(of, name)
	}
	r.mu.Unlock()
	if !open {
		return nil
	}
	return r.write(ctx, name, entry{Joins: runID, Key: key, ReplyTo: replyTo})
}

// Unrecorded corrects until, which has the time for each schedule until which its due times are accounted for: it moves
// the times back to before the due times whose runs are not in the bucket yet, so that the next leader starts those.
// before returns a time after which a due time is the schedule's next.
func (r *Runs) Unrecorded(until map[string]time.Time, before func(schedule string, due time.Time) time.Time) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.late {
		schedule, due, ok := jobs.TickOf(w.tick)
		if t, known := until[schedule]; ok && known && !t.Before(due) {
			until[schedule] = before(schedule, due)
		}
	}
}

// Ended removes the entries of runs that have a result or were not started.
func (r *Runs) Ended(runIDs ...string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	for _, id := range runIDs {
		for _, key := range append(r.mine[id], r.key(id)) {
			delete(r.late, key)
			r.ended[key] = true
		}
		delete(r.mine, id)
	}
	r.mu.Unlock()
	r.wake.Set()
}

// write writes an entry. After an error or without a connection, it is written in the background.
func (r *Runs) write(ctx context.Context, key string, e entry) error {
	value, ok := r.value(key, e)
	if !ok {
		return nil
	}
	var err error
	connected := r.Conn.NATS.IsConnected()
	if connected {
		putting, cancel := context.WithTimeout(ctx, putTimeout)
		defer cancel()
		if err = r.put(putting, key, value); err == nil {
			return nil
		}
		err = fmt.Errorf("bucket %s: %w", r.bucket.Bucket, r.Conn.Explain(err))
		if ctx.Err() == nil {
			r.Activity.Failed("failed to record open runs; no other process can continue them", err)
		}
	}
	r.later(key, waiting{value, e.Key})
	return err
}

// value encodes an entry. ok is false if it is too large for the bucket.
func (r *Runs) value(key string, e entry) (value []byte, ok bool) {
	value, err := encode(&e)
	if limit := r.Conn.MaxBody(); err != nil || limit > 0 && int64(len(value)) > limit {
		r.Log.Warn("run is too large to be recorded in NATS; no other process can continue it", "key", key, "bytes", len(value), "err", err)
		return nil, false
	}
	return value, true
}

var errFull = errors.New("too many entries are waiting to be written")

// later queues an entry for [Runs.Flush].
func (r *Runs) later(key string, w waiting) {
	r.mu.Lock()
	full := len(r.late) >= maxWaiting
	if !full {
		r.late[key] = w
	}
	r.mu.Unlock()
	if full {
		r.Activity.Noticed("failed to record a run in NATS", errFull, "bucket", r.bucket.Bucket, "key", key)
	}
}

func (r *Runs) put(ctx context.Context, key string, value []byte) error {
	kv, err := r.open(ctx)
	if err != nil {
		return err
	}
	if _, err = kv.Put(ctx, key, value); err != nil {
		r.forget()
		return err
	}
	r.Activity.OK()
	return nil
}

// open returns the bucket, and creates it if it is missing.
func (r *Runs) open(ctx context.Context) (jetstream.KeyValue, error) {
	r.mu.Lock()
	kv := r.kv
	r.mu.Unlock()
	if kv != nil {
		return kv, nil
	}
	kv, err := bus.OpenKeyValue(ctx, r.Conn.JS, r.bucket)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.kv = kv
	r.mu.Unlock()
	return kv, nil
}

// forget makes the next use look up the bucket again, because it may have been deleted.
func (r *Runs) forget() {
	r.mu.Lock()
	r.kv = nil
	r.mu.Unlock()
}

// Run writes and removes entries until ctx ends.
func (r *Runs) Run(ctx context.Context) {
	if r == nil {
		return
	}
	for ctx.Err() == nil {
		wait.Until(ctx, r.wake, retryEvery)
		r.Flush(ctx)
	}
}

// Flush writes and removes all pending entries once.
func (r *Runs) Flush(ctx context.Context) {
	if r == nil || !r.Conn.NATS.IsConnected() {
		return
	}
	r.mu.Lock()
	late, ended := maps.Clone(r.late), slices.Collect(maps.Keys(r.ended))
	r.mu.Unlock()
	if len(late)+len(ended) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bus.Timeout)
	defer cancel()
	failed := concurrently(slices.Sorted(maps.Keys(late)), func(key string) error {
		if err := r.put(ctx, key, late[key].value); err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if bytes.Equal(r.late[key].value, late[key].value) { // otherwise the run was paused in the meantime
			delete(r.late, key)
		}
		return nil
	})
	if failed == nil {
		failed = r.remove(ctx, ended)
	}
	if failed != nil {
		r.forget()
		r.Activity.Failed("failed to record open runs; no other process can continue them", r.Conn.Explain(failed), "bucket", r.bucket.Bucket)
	}
}

func (r *Runs) remove(ctx context.Context, keys []string) error {
	kv, err := r.open(ctx)
	if err != nil {
		return err
	}
	return concurrently(keys, func(key string) error {
		if err := kv.Purge(ctx, key, jetstream.PurgeTTL(markerLife)); err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.ended, key)
		return nil
	})
}

// concurrently calls do for the keys, at most atOnce at a time. After an error it starts no further calls.
func concurrently(keys []string, do func(key string) error) error {
	doing, ctx := errgroup.WithContext(context.Background())
	doing.SetLimit(atOnce)
	for _, key := range keys {
		if ctx.Err() != nil {
			break
		}
		doing.Go(func() error { return do(key) })
	}
	return doing.Wait()
}

// Pause records that an open run is paused, or with nil that it is not.
func (r *Runs) Pause(ctx context.Context, runID string, at *time.Time, note string) {
	if r == nil {
		return
	}
	if err := r.pause(ctx, r.key(runID), at, note); err != nil {
		r.Log.Warn("failed to record a pause in NATS; the next leader will not apply it", "bucket", r.bucket.Bucket, "run_id", runID, "err", r.Conn.Explain(err))
	}
}

func (r *Runs) pause(ctx context.Context, key string, at *time.Time, note string) error {
	paused := func(value []byte) ([]byte, error) {
		e, err := decode(value)
		if err != nil || e.Run == nil {
			return value, err
		}
		e.Run.PausedAt, e.Run.Note = at, note
		return encode(&e)
	}
	r.mu.Lock()
	if w, late := r.late[key]; late {
		defer r.mu.Unlock()
		var err error
		if w.value, err = paused(w.value); err == nil {
			r.late[key] = w
		}
		return err
	}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), putTimeout)
	defer cancel()
	kv, err := r.open(ctx)
	if err != nil {
		return err
	}
	was, err := kv.Get(ctx, key)
	if err != nil {
		return err
	}
	value, err := paused(was.Value())
	if err != nil {
		return err
	}
	_, err = kv.Update(ctx, key, value, was.Revision())
	return err
}
