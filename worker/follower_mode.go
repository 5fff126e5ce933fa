package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"orderbeat/db"
	"orderbeat/db/outbox"
	"orderbeat/worker/api"
	"orderbeat/worker/bus"
	"orderbeat/worker/follower"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

// defaultMaxLag is the default of [Config.MaxLag].
const defaultMaxLag = 5 * time.Second

// keepUpEvery is how often a leader checks the streams for messages that its database lacks.
const keepUpEvery = 10 * time.Minute

// followerMode applies the streams to the database while another process leads, and before this process starts to
// lead.
type followerMode struct {
	*follower.Follower
	db     *db.DB
	maxLag time.Duration
	alone  bool // the NATS server is embedded, so no other process publishes
	log    *slog.Logger

	began atomic.Bool // another process has led since this one was started
	over  atomic.Bool // the database contains everything that was published before this process became the leader

	// reads serves read requests while this process follows.
	reads func(ctx context.Context, asOf func() (time.Time, bool))

	mu        sync.Mutex // guards the rest
	cancel    context.CancelFunc
	running   sync.WaitGroup
	stopReads context.CancelFunc
	reading   sync.WaitGroup
}

func newFollowerMode(c Config, conn *bus.Conn, documents *bus.Documents, alone bool, set *problems.Set) *followerMode {
	return &followerMode{
		db: c.DB, alone: alone, maxLag: cmp.Or(c.MaxLag, defaultMaxLag), log: c.Log, cancel: func() {}, stopReads: func() {},
		Follower: follower.New(follower.Config{
			DB: c.DB, Conn: conn, Document: documents.Read, Revision: leadersRevision(conn),
			Problems: set, Log: c.Log,
		}),
	}
}

// begin deletes unpublished data from the database, and then follows the streams.
func (f *followerMode) begin(ctx context.Context) error {
	w, err := f.db.Withdraw(ctx)
	if err != nil {
		return err
	}
	if w.Messages > 0 || w.Runs > 0 {
		f.log.Warn("unpublished data deleted: another process has become the leader in the meantime", "orders", w.Orders, "revisions", w.Revisions,
			"alerts", w.Alerts, "runs", w.Runs, "open_jobs", w.Jobs, "messages", w.Messages)
	}
	f.start(ctx)
	f.began.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	ctx, f.stopReads = context.WithCancel(context.WithoutCancel(ctx))
	f.reading.Go(func() { f.reads(ctx, f.asOf) })
	return nil
}

// start follows the streams until [following.stop].
func (f *followerMode) start(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	f.running.Go(func() { f.Run(ctx) })
}

// stop stops following the streams, and waits until that has ended.
func (f *followerMode) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cancel()
	f.running.Wait()
}

// leaveToLeader stops serving reads as a follower. It is called when the leader's endpoints are open, and at shutdown.
func (f *followerMode) leaveToLeader() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopReads()
	f.reading.Wait()
}

// current reports whether the lag of the database is less than maxLag.
func (f *followerMode) current() bool {
	_, current := f.asOf()
	return current
}

// asOf returns when the database last contained everything published; false if that is maxLag ago or longer.
func (f *followerMode) asOf() (time.Time, bool) {
	at := f.AsOf()
	return at, time.Since(at) < f.maxLag
}

// end applies the streams to their end, now that this process holds the lease and no other publishes.
func (f *followerMode) end(ctx context.Context) error {
	f.stop()
	if f.alone {
		if err := f.db.Adopt(ctx); err != nil {
			return err
		}
	}
	if !f.catchUp(ctx) {
		return nil
	}
	if err := f.db.LoadAlerted(ctx); err != nil {
		return err
	}
	f.over.Store(true)
	return nil
}

// catchUp applies the streams to their ends. It returns false if ctx ended first.
func (f *followerMode) catchUp(ctx context.Context) bool {
	f.start(ctx)
	defer f.stop()
	return f.CatchUp(ctx) == nil
}

// applyPublished periodically applies messages that another process published although this one leads, until ctx ends;
// for example a process that had been suspended. Its own messages are recorded when they are published.
func (f *followerMode) applyPublished(ctx context.Context) {
	for wait.For(ctx, keepUpEvery) {
		f.catchUp(ctx)
	}
}

// leadersRevision requests a revision of an order from a process that has it.
func leadersRevision(conn *bus.Conn) func(ctx context.Context, provider, account, orderID string, revision int) (*outbox.Event, error) {
	return func(ctx context.Context, provider, account, orderID string, revision int) (*outbox.Event, error) {
		request, err := json.Marshal(api.OrderHistory{Provider: provider, Account: account, OrderID: orderID, After: revision - 1, Limit: 1})
		if err != nil {
			return nil, err
		}
		for { // the reply may come from a follower that does not have the revision yet
			msg, err := conn.NATS.RequestWithContext(ctx, conn.Of("api.orders.history"), request)
			if err != nil {
				return nil, err
			}
			var reply api.OrderEvents
			if err := json.Unmarshal(msg.Data, &reply); err == nil && len(reply.Events) == 1 && reply.Events[0].Revision == revision {
				e := reply.Events[0]
				return &outbox.Event{EventID: e.EventID, Type: e.Type, EventBody: e.EventBody}, nil
			}
			if !wait.For(ctx, time.Second/2) {
				return nil, errors.New("no process has the requested revision")
			}
		}
	}
}
