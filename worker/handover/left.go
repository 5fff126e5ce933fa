package handover

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/wait"
)

const (
	// lookAgain is how often the bucket is searched for entries of others, less often if that takes more
	// than a part in lookShare of the time: the server that answered the first look may not have had the
	// latest.
	lookAgain = 10 * time.Second
	lookShare = 20
)

// Left is a run that another process left open.
type Left struct {
	Run  jobs.Run
	Jobs []jobs.Job
	// Joined are the requests that joined it.
	Joined []runs.Joined
	// Answered reports whether its result is in the stream of results.
	Answered func(ctx context.Context) (bool, error)
}

func (e *entry) left(now time.Time) Left {
	run := *e.Run
	run.Key, run.ReplyTo, run.Traceparent, run.LowPrioritySlots, run.Overlap = e.Key, e.ReplyTo, e.Traceparent, e.Slots, e.Overlap
	left := Left{Run: run}
	for _, j := range e.Jobs {
		left.Jobs = append(left.Jobs, jobs.Job{
			ID: j.ID, RunID: run.ID, Provider: run.Provider, Account: j.Account, Kind: run.Kind, Question: j.Question, Attempt: 1, FirstAt: now,
		})
	}
	return left
}

// Resume calls start for every run in the bucket that is not of this process, oldest first, and later for
// those that come to light. done says that the run needs no entry any more. It returns after the first
// look.
func (r *Runs) Resume(ctx context.Context, start func(context.Context, Left) (done bool, err error), later func(func())) {
	if r == nil {
		return
	}
	pause := r.look(ctx, start)
	later(func() {
		for wait.For(ctx, pause) {
			pause = r.look(ctx, start)
		}
	})
}

// look calls start for the runs that are not of this process. It returns how long to wait until the next look,
// which is longer the longer it takes to read the bucket.
func (r *Runs) look(ctx context.Context, start func(context.Context, Left) (bool, error)) (pause time.Duration) {
	began := time.Now()
	found, err := r.entries(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.Activity.Failed("failed to read the runs that another worker left", r.Conn.Explain(err), "bucket", r.bucket.Bucket)
		}
		return lookAgain
	}
	now := time.Now()
	pause = max(lookAgain, lookShare*now.Sub(began))
	joined := map[string][]string{} // keys by run
	for key, e := range found {
		if e.Joins != "" {
			joined[e.Joins] = append(joined[e.Joins], key)
		}
	}
	r.removeOrphans(found)
	started := 0
	for _, key := range slices.Sorted(maps.Keys(found)) {
		e := found[key]
		if e.Run == nil || r.has(key) {
			continue
		}
		left := e.left(now)
		left.Answered = func(ctx context.Context) (bool, error) { return r.answered(ctx, &left.Run) }
		slices.Sort(joined[key])
		for _, name := range joined[key] {
			left.Joined = append(left.Joined, runs.Joined{Key: found[name].Key, ReplyTo: found[name].ReplyTo})
		}
		r.mu.Lock()
		r.mine[key] = joined[key]
		r.mu.Unlock()
		done, err := start(ctx, left)
		if err != nil {
			r.mu.Lock()
			delete(r.mine, key)
			r.mu.Unlock()
			r.Log.Error("failed to continue a run that another worker left, will retry", "bucket", r.bucket.Bucket, "key", key, "err", err)
			pause = lookAgain
			continue
		}
		if done {
			r.Ended(key)
			continue
		}
		started++
	}
	if started > 0 {
		r.Log.Info("open runs of the worker before", "bucket", r.bucket.Bucket, "runs", started)
	}
	return pause
}

// removeOrphans removes the entries of requests whose run has no entry any more: it has ended, and its
// worker was removing them.
func (r *Runs) removeOrphans(found map[string]entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, e := range found {
		_, open := found[e.Joins]
		_, mine := r.mine[e.Joins]
		if e.Joins != "" && !open && !mine {
			r.ended[key] = true
		}
	}
}

// answered reports whether the result of a run is in the stream.
func (r *Runs) answered(ctx context.Context, run *jobs.Run) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	names := bus.Subjects{Prefix: r.NATS.Prefix}
	stream, err := r.Conn.JS.Stream(ctx, names.Stream("results"))
	if err == nil {
		_, err = stream.GetLastMsgForSubject(ctx, names.Of(runs.ResultSubject(run)))
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	return err == nil, err
}

// has reports whether a run is of this process.
func (r *Runs) has(runID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, mine := r.mine[runID]
	return mine
}

// entries reads the bucket. An unreadable entry is logged and left alone.
func (r *Runs) entries(ctx context.Context) (map[string]entry, error) {
	opening, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	if _, err := r.open(opening); err != nil {
		return nil, err
	}
	found := map[string]entry{}
	err := each(ctx, r.Conn.JS, r.bucket.Bucket, ">", func(key string, value []byte) {
		e, err := decode(value)
		if err != nil {
			r.Log.Error("entry of an open run is unreadable, it is left alone", "bucket", r.bucket.Bucket, "key", key, "err", err)
			return
		}
		if e.Run != nil && e.Run.ID != key {
			r.Log.Error("entry of an open run is unreadable, it is left alone", "bucket", r.bucket.Bucket, "key", key, "err", "it is about run "+e.Run.ID)
			return
		}
		found[key] = e
	})
	return found, err
}

// each calls do for the keys of a bucket that match a filter. It needs no consumer.
func each(ctx context.Context, js jetstream.JetStream, bucket, filter string, do func(key string, value []byte)) error {
	opening, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	stream, err := js.Stream(opening, "KV_"+bucket)
	if err != nil {
		return err
	}
	// From the leader of the bucket: another replica may lack entries, for minutes after a restart.
	stream.CachedInfo().Config.AllowDirect = false
	prefix := "$KV." + bucket + "."
	for next := uint64(1); ; {
		raw, err := func() (*jetstream.RawStreamMsg, error) {
			ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
			defer cancel()
			return stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(prefix+filter))
		}()
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		next = raw.Sequence + 1
		if raw.Header.Get("KV-Operation") == "" && raw.Header.Get("Nats-Marker-Reason") == "" {
			do(strings.TrimPrefix(raw.Subject, prefix), raw.Data)
		}
	}
}
