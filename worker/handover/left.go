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
	// lookAgain is the pause between two searches for entries of other processes, which are repeated because the
	// NATS server that replied first may have lacked the latest. After a slow search the pause is lookShare times as long
	// as the search took.
	lookAgain = 10 * time.Second
	lookShare = 20
)

// OpenRun is an open run of another process.
type OpenRun struct {
	Run  jobs.Run
	Jobs []jobs.Job
	// Joined are the requests that joined it.
	Joined []runs.Joined
	// Answered reports whether its result is in the stream of results.
	Answered func(ctx context.Context) (bool, error)
}

func (e *entry) left(now time.Time) OpenRun {
	run := *e.Run
	run.Key, run.ReplyTo, run.Traceparent, run.LowPrioritySlots, run.Overlap = e.Key, e.ReplyTo, e.Traceparent, e.Slots, e.Overlap
	left := OpenRun{Run: run}
	for _, j := range e.Jobs {
		left.Jobs = append(left.Jobs, jobs.Job{
			ID: j.ID, RunID: run.ID, Provider: run.Provider, Account: j.Account, Kind: run.Kind, Question: j.Question, Attempt: 1, FirstAt: now,
		})
	}
	return left
}

// Resume calls start for each run in the bucket that is of another process, oldest first. start returns done
// if the run no longer needs an entry. Resume returns after the first search. It passes a function to later
// that searches again until ctx ends.
func (r *Runs) Resume(ctx context.Context, start func(context.Context, OpenRun) (done bool, err error), later func(func())) {
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

// look calls start for the runs of other processes. It returns the pause before the next search,
// which grows with the time that this search took.
func (r *Runs) look(ctx context.Context, start func(context.Context, OpenRun) (bool, error)) (pause time.Duration) {
	began := time.Now()
	found, err := r.entries(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.Activity.Failed("failed to read the open runs of the previous leader, will retry", r.Conn.Explain(err), "bucket", r.bucket.Bucket)
		}
		return lookAgain
	}
	now := time.Now()
	pause = max(lookAgain, lookShare*now.Sub(began))
	others, shared := r.ofOthers(found)
	if err := concurrently(others, func(runID string) error { return r.copy(ctx, &found[runID].entry) }); err != nil {
		r.forget()
		if ctx.Err() == nil {
			r.Activity.Failed("failed to take over the open runs of the previous leader, will retry", r.Conn.Explain(err), "bucket", r.bucket.Bucket)
		}
		return lookAgain
	}
	started := 0
	for _, id := range append(others, shared...) {
		left := found[id].entry.left(now)
		left.Joined = found[id].joined
		left.Answered = func(ctx context.Context) (bool, error) { return r.answered(ctx, &left.Run) }
		mine := r.has(id)
		if !mine {
			r.mu.Lock()
			r.mine[id] = found[id].keys
			r.mu.Unlock()
		}
		done, err := start(ctx, left)
		switch {
		case err != nil:
			if !mine {
				r.mu.Lock()
				delete(r.mine, id)
				r.mu.Unlock()
			}
			r.Log.Error("failed to continue an open run of the previous leader, will retry", "bucket", r.bucket.Bucket, "run_id", id, "err", err)
			pause = lookAgain
		case done:
			r.Ended(id)
		case !mine:
			started++
		}
	}
	if started > 0 {
		r.Log.Info("continuing open runs of the previous leader", "bucket", r.bucket.Bucket, "runs", started)
	}
	return pause
}

// has reports whether this process has a run.
func (r *Runs) has(runID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, mine := r.mine[runID]
	return mine
}

// ofOthers returns the runs of other processes, oldest first, and as shared the runs of this process for which other
// processes have entries too, because they may have ended there. Runs whose entries are to be removed are left out. Entries of
// joined requests whose run no longer has an entry are removed: the run has ended, and its process was removing them.
func (r *Runs) ofOthers(found map[string]*open) (others, shared []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(found)) {
		o := found[id]
		known, mine := r.mine[id]
		switch {
		case slices.ContainsFunc(o.keys, func(key string) bool { return r.ended[key] }):
		case mine:
			for _, key := range o.keys {
				if key != r.key(id) && !slices.Contains(known, key) {
					known = append(known, key)
				}
			}
			if r.mine[id] = known; len(known) > 0 && o.entry.Run != nil {
				shared = append(shared, id)
			}
		case o.entry.Run != nil:
			others = append(others, id)
		default:
			for _, key := range o.keys {
				r.ended[key] = true
			}
		}
	}
	return others, shared
}

// copy writes this process's own entry for a run of another process, because that process may still remove its entry.
func (r *Runs) copy(ctx context.Context, e *entry) error {
	value, err := encode(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	return r.put(ctx, r.key(e.Run.ID), value)
}

// answered reports whether the result of a run is in the results stream.
func (r *Runs) answered(ctx context.Context, run *jobs.Run) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	stream, err := r.Conn.JS.Stream(ctx, r.Conn.Stream("results"))
	if err == nil {
		_, err = stream.GetLastMsgForSubject(ctx, r.Conn.Of(runs.ResultSubject(run)))
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	return err == nil, err
}

// open has the entries of a run in the bucket.
type open struct {
	entry  entry         // the newest entry; its Run is nil if there are only joined requests
	joined []runs.Joined // in the order in which they were written
	keys   []string
}

// entries reads the bucket. It logs and skips an unreadable entry.
func (r *Runs) entries(ctx context.Context) (map[string]*open, error) {
	opening, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	if _, err := r.open(opening); err != nil {
		return nil, err
	}
	found := map[string]*open{}
	err := each(ctx, r.Conn.JS, r.bucket.Bucket, ">", func(key string, value []byte) {
		e, err := decode(value)
		id := e.Joins
		if e.Run != nil {
			id = e.Run.ID
		}
		if of, _, _ := strings.Cut(key, "."); err == nil && id != of {
			err = errors.New("it is about run " + id)
		}
		if err != nil {
			r.Log.Error("skipping an unreadable entry of an open run", "bucket", r.bucket.Bucket, "key", key, "err", err)
			return
		}
		if found[id] == nil {
			found[id] = &open{}
		}
		o := found[id]
		o.keys = append(o.keys, key)
		if e.Run != nil {
			o.entry = e
		} else {
			o.joined = append(o.joined, runs.Joined{Key: e.Key, ReplyTo: e.ReplyTo})
		}
	})
	return found, err
}

// each calls do for the keys of a bucket that match a filter. It reads them one by one, without a consumer.
func each(ctx context.Context, js jetstream.JetStream, bucket, filter string, do func(key string, value []byte)) error {
	opening, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	stream, err := js.Stream(opening, "KV_"+bucket)
	if err != nil {
		return err
	}
	// Read from the leader of the bucket: for minutes after a restart, other replicas may lack entries.
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
