package relay

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/alerts"
	"orderbeat/db/outbox"
	"orderbeat/db/unpublishable"
	"orderbeat/worker/bus"
	"orderbeat/worker/metrics"
	"orderbeat/worker/problems"
	"orderbeat/worker/telemetry"
	"orderbeat/worker/wait"
)

const (
	// relayBatch is the maximum number of messages of one topic in flight, probeBatch the maximum
	// while publishing of the topic fails.
	relayBatch = 512
	probeBatch = 16
	// relayPause is the pause of a topic after the first failure and while NATS is disconnected;
	// it doubles up to relayLongPause.
	relayPause     = time.Second
	relayLongPause = 8 * time.Second
	// relayIdle bounds how long a topic sleeps, in case the wall clock changes. dueIdle bounds how
	// long due messages wait until they are noticed.
	relayIdle = 30 * time.Second
	dueIdle   = 5 * time.Second
	// attemptStride is the number of messages that are recorded as attempted in advance.
	attemptStride = 4096
)

// A message that its stream rejects is postponed by half of its age, within these bounds.
const (
	minPostponed = 5 * time.Second
	maxPostponed = 5 * time.Minute
)

// codeConflict is the code of the alert about a Nats-Msg-Id that another publisher used. It is
// resolved conflictLife after it was raised.
const (
	codeConflict clients.Code = "id_conflict"
	conflictLife              = 24 * time.Hour
)

// Topics are the topics of the outbox.
var Topics = []string{"runs", "alerts", "orders", "results", "reply"}

// Relay publishes the messages of the outbox. Messages of one topic are published in the order of
// the outbox, at least once; the server drops duplicates by Nats-Msg-Id. Topics are independent of
// each other, except that a run's result waits for the order events of that run and, if other processes can be leader,
// a reply waits for the result.
type Relay struct {
	Config
	topics    []*topicRelay
	refused   *prometheus.CounterVec
	conflicts *prometheus.CounterVec
	published *prometheus.CounterVec
	stopped   atomic.Bool // by [Relay.stop]
}

// Config has a relay's dependencies.
type Config struct {
	DB         *db.DB
	Streams    *bus.Streams
	Documents  *bus.Documents
	CanPublish func() bool // false while another worker may be the leader
	Fence      *Fence      // nil with the embedded server, which only one process can use
	// OnlyChanges omits the order and unchanged array elements from order messages.
	OnlyChanges bool
	Trace       *telemetry.Tracer
	Problems    *problems.Set
	Log         *slog.Logger
}

// New returns a relay. It publishes nothing until [Relay.Run] is called.
func New(c Config) *Relay {
	r := &Relay{
		Config:    c,
		refused:   metrics.NewCounter("unpublishable_total", "Messages that NATS rejected and that were set aside or postponed.", "topic", Topics),
		published: metrics.NewCounter("published_total", "Messages of the outbox that NATS has accepted.", "topic", Topics),
		conflicts: metrics.NewCounter("id_conflicts_total", "Messages whose Nats-Msg-Id another publisher had used.", "topic", Topics),
	}
	for _, topic := range Topics {
		r.topics = append(r.topics, &topicRelay{
			Relay: r, topic: topic, activity: c.Problems.Activity("publish " + topic), wake: wait.NewSignal(), source: source{db: c.DB, topic: topic},
		})
	}
	return r
}

// topicRelay publishes the messages of one topic. Only one goroutine uses it at a time.
type topicRelay struct {
	*Relay
	topic    string
	activity *problems.Activity
	wake     wait.Signal
	source   source

	put      atomic.Int64          // number of times that messages were added to the outbox
	taken    atomic.Int64          // the value of put before the last pass that emptied the outbox
	more     bool                  // there may be more messages than the last pass read
	failing  time.Duration         // pause after the last failure; 0 while publishing succeeds
	home     *bus.TopicStream      // the topic's stream, nil until it is looked up
	single   bool                  // the stream does not accept batches
	attempt  unpublishable.Attempt // messages with ids up to attempt.UpTo may have been sent
	recorded int64                 // the UpTo that is stored in the database
	loaded   bool                  // attempt was read from the database
	ends     ends
}

// waitFor lists, by topic, the topics whose messages may wait for it.
var waitFor = map[string][]string{"orders": {"results", "reply"}, "results": {"reply"}}

// errNotLeader means that this process must not publish now.
var errNotLeader = errors.New("another worker may be the leader")

// Counters returns the relay's metrics.
func (r *Relay) Counters() []prometheus.Collector {
	return []prometheus.Collector{r.refused, r.conflicts, r.published}
}

// Run publishes until ctx ends.
func (r *Relay) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for _, t := range r.topics {
		if n, err := r.DB.Backlog(ctx, t.topic, 1); n > 0 || err != nil {
			t.put.Add(1)
		}
		running.Go(func() { t.run(ctx) })
	}
	running.Go(func() { r.maintain(ctx) })
	for ctx.Err() == nil {
		timer := time.NewTimer(r.untilNext(ctx))
		select {
		case <-ctx.Done():
		case <-timer.C:
			for _, t := range r.topics {
				t.wake.Set()
			}
		case <-r.DB.Wake():
			woken := r.DB.Woken()
			for _, t := range r.topics {
				if woken[t.topic] || woken[outbox.AnyTopic] {
					t.put.Add(1)
					t.wake.Set()
				}
			}
		}
		timer.Stop()
	}
}

// untilNext returns the time until the next message is due, at most dueIdle.
func (r *Relay) untilNext(ctx context.Context) time.Duration {
	now := time.Now()
	due, ok, err := r.DB.NextDue(ctx, now)
	if err != nil || !ok {
		return dueIdle
	}
	return min(dueIdle, max(due.Sub(now), time.Millisecond))
}

// Err returns why publishing of the outbox fails, nil while it succeeds.
func (r *Relay) Err() error {
	var all []error
	for _, t := range r.topics {
		all = append(all, t.activity.Err())
	}
	return errors.Join(all...)
}

// Flush publishes all due messages before the process exits.
func (r *Relay) Flush(ctx context.Context) error {
	for {
		total := 0
		var failed error
		for _, t := range r.topics {
			sent, err := t.pass(ctx)
			if errors.Is(err, ErrStale) {
				continue
			}
			total += sent
			failed = errors.Join(failed, err)
		}
		if total == 0 || ctx.Err() != nil {
			return failed
		}
	}
}

// run publishes until ctx ends. After each pass it sleeps until it is woken; after a failure it pauses.
func (t *topicRelay) run(ctx context.Context) {
	for ctx.Err() == nil {
		sent, err := t.pass(ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case errors.Is(err, ErrStale):
			t.stop(err)
			return
		case errors.Is(err, errNotLeader):
			t.activity.Pending(err)
			wait.For(ctx, relayPause/4)
		case err != nil:
			t.activity.Failed("publish failed", t.Streams.Explain(err), "topic", t.topic)
			t.failing = min(max(relayPause, 2*t.failing), relayLongPause)
			if !t.Streams.NATS.IsConnected() {
				t.failing = relayPause
			}
			wait.For(ctx, t.failing)
		case sent == 0:
			t.failing = 0
			t.activity.OK()
			wait.Until(ctx, t.wake, relayIdle)
		default:
			t.failing = 0
			t.activity.OK()
			t.published()
			if !t.more {
				wait.Until(ctx, t.wake, relayIdle)
			}
		}
	}
}

// published wakes the topics whose messages may wait for this topic.
func (t *topicRelay) published() {
	for _, other := range t.topics {
		if slices.Contains(waitFor[t.topic], other.topic) && other.taken.Load() < other.put.Load() {
			other.wake.Set()
		}
	}
}

// pass publishes a limited number of due messages, and removes the published ones from the
// outbox.
func (t *topicRelay) pass(ctx context.Context) (sent int, err error) {
	limit := relayBatch
	if t.failing > 0 {
		limit = probeBatch
	}
	put := t.put.Load()
	page, more, err := t.source.next(ctx, limit)
	if t.more = more; err != nil || len(page) == 0 {
		return 0, err
	}
	if t.stopped.Load() {
		return 0, ErrStale
	}
	if !t.CanPublish() {
		return 0, errNotLeader
	}
	if page, err = t.withResults(ctx, page); err != nil || len(page) == 0 {
		return 0, err
	}
	if err := t.record(ctx, page[len(page)-1].ID); err != nil {
		return 0, err
	}
	began := time.Now()
	out, err := t.publish(ctx, page)
	t.Trace.Published(ctx, began, page, out.done)
	// Published messages are removed from the outbox even during a shutdown.
	stored := t.settle(context.WithoutCancel(ctx), &out)
	clean := err == nil && stored == nil && len(out.refused)+out.again == 0
	t.source.published(ctx, page, out.done, clean)
	if stored != nil {
		return 0, stored
	}
	if slices.Contains(waitFor["orders"], t.topic) { // messages that still wait are not part of the page
		if n, err := t.DB.Backlog(context.WithoutCancel(ctx), t.topic, 1); n == 0 && err == nil {
			t.taken.Store(put)
		}
	}
	t.answered(context.WithoutCancel(ctx), page, out.done)
	return len(out.done) + len(out.refused) + out.again, err
}

// withResults drops the replies whose result is not published yet: if another process is the leader, the result is not
// published, and the run may end with a different result.
func (t *topicRelay) withResults(ctx context.Context, page []outbox.Message) ([]outbox.Message, error) {
	if t.topic != "reply" || t.Fence == nil {
		return page, nil
	}
	waiting, err := t.DB.WithoutPublishedResult(ctx, runsOf(page))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(page, func(m outbox.Message) bool {
		return m.Type == outbox.TypeRunFinished && slices.Contains(waiting, m.CESubject)
	}), nil
}

// runsOf returns the runs whose results are among the messages.
func runsOf(page []outbox.Message) (runIDs []string) {
	for _, m := range page {
		if m.Type == outbox.TypeRunFinished {
			runIDs = append(runIDs, m.CESubject)
		}
	}
	return runIDs
}

// record stores which messages may have been sent, before they are sent.
func (t *topicRelay) record(ctx context.Context, last int64) error {
	if !t.loaded {
		attempts, err := t.DB.Attempts(ctx)
		if err != nil {
			return err
		}
		t.attempt, t.loaded = attempts[t.topic], true
		t.recorded = t.attempt.UpTo
	}
	if last <= t.recorded {
		return nil
	}
	ahead := unpublishable.Attempt{UpTo: last + attemptStride, AfterSeq: t.attempt.AfterSeq}
	if err := t.DB.RecordAttempt(ctx, t.topic, ahead); err != nil {
		return err
	}
	t.recorded = ahead.UpTo
	return nil
}

// settle stores the outcome of a pass.
func (t *topicRelay) settle(ctx context.Context, out *outcome) error {
	if out.foreign {
		out.last = 0
	}
	if err := t.DB.Published(ctx, outbox.Settled{Topic: t.topic, IDs: out.done, Sequences: out.sequences, Last: out.last}); err != nil {
		return err
	}
	t.Relay.published.WithLabelValues(t.topic).Add(float64(len(out.done)))
	for _, m := range out.conflicts {
		t.conflict(ctx, &m)
	}
	t.Relay.refused.WithLabelValues(t.topic).Add(float64(len(out.refused)))
	for _, m := range out.refused {
		t.activity.Noticed("message rejected by NATS", errors.New(m.Reason), "topic", t.topic, "subject", m.subject, "outbox_id", m.ID, "set_aside", m.aside)
	}
	if err := t.DB.SetAside(ctx, out.refusals(true)); err != nil {
		return err
	}
	return t.DB.Postpone(ctx, out.refusals(false))
}

// conflict reports a message whose Nats-Msg-Id another publisher had used.
func (t *topicRelay) conflict(ctx context.Context, m *outbox.Message) {
	t.Relay.conflicts.WithLabelValues(t.topic).Inc()
	t.Log.Error("message id used by another publisher", "topic", t.topic, "subject", m.Subject, "nats_msg_id", m.MsgID)
	_, err := t.DB.Raise(ctx, alerts.Alert{
		Provider: m.Provider(), Code: codeConflict,
		Message: "another publisher used the Nats-Msg-Id " + m.MsgID + ": a forged message, or a message of another database",
		Hint:    "Inspect the messages on subject " + t.Streams.Of(m.Subject) + " and check who may publish there. Orderbeat published its message with another Nats-Msg-Id.",
	})
	if err != nil {
		t.Log.Error("failed to raise an alert", "code", codeConflict, "err", err)
	}
}

// maintain resolves alerts about publishing that no longer apply, and creates streams that were
// deleted, until ctx ends.
func (r *Relay) maintain(ctx context.Context) {
	streams := r.Streams
	for wait.For(ctx, streams.CheckEvery()) {
		if streams.Lease.IsLeader() {
			if err := streams.Ensure(ctx); err != nil && ctx.Err() == nil {
				streams.Problems.Activity("streams").Noticed("streams are not ready", err)
			}
		}
		raised, err := r.DB.Alerts(ctx, true)
		for _, a := range raised {
			switch {
			case a.Code == unpublishable.CodeUnpublishable:
				err = errors.Join(err, r.DB.ResolveUnpublishable(ctx, a.Provider))
			case a.Code == codeConflict && time.Since(a.Since) > conflictLife:
				_, failed := r.DB.Resolve(ctx, a.Provider, a.Account, a.User, codeConflict)
				err = errors.Join(err, failed)
			}
		}
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("failed to resolve alerts", "err", err)
		}
	}
}
