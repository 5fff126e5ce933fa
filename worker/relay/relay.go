package relay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/worker/bus"
	"orderbeat/worker/metrics"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

const (
	// relayBatch is how many messages of one topic are on their way to the server at
	// once, and probeBatch how many while the topic fails.
	relayBatch = 512
	probeBatch = 16
	// relayPause is how long a topic rests after a failure, at first and while NATS is
	// away; relayLongPause at most.
	relayPause     = time.Second
	relayLongPause = 8 * time.Second
	// relayIdle bounds how long a topic sleeps, which guards against a wall clock that
	// was set, and dueIdle how long nobody looks for what falls due.
	relayIdle = 30 * time.Second
	dueIdle   = 5 * time.Second
	// attemptStride is how many messages are recorded as attempted together, ahead of time.
	attemptStride = 4096
)

// A message that its stream does not take now waits for half of its age, within these bounds.
const (
	minPostponed = 5 * time.Second
	maxPostponed = 5 * time.Minute
)

// tidyEvery is how often it is looked whether the streams are there, and alerts about
// publishing hold still.
const tidyEvery = 10 * time.Second

// codeConflict is the alert's about a Nats-Msg-Id that another publisher had used; it is
// resolved when none was found for conflictLife.
const (
	codeConflict clients.Code = "id_conflict"
	conflictLife              = 24 * time.Hour
)

// Topics are those of the outbox.
var Topics = []string{"runs", "jobs", "alerts", "orders", "results", "reply"}

// Relay takes messages out of the outbox: the only way out for events, results, jobs and
// ticks. It publishes the messages of each topic in the outbox's order, at least once, with
// the Nats-Msg-Id by which the server keeps one. No topic waits for another, except that a
// run's result waits for the order events of that run.
type Relay struct {
	db        *db.DB
	publisher *publisher
	maySpeak  func() bool // not while another worker may be at work
	topics    []*topicRelay
	refused   *prometheus.CounterVec
	conflicts *prometheus.CounterVec
	log       *slog.Logger
}

// Config is what a relay is made of.
type Config struct {
	DB         *db.DB
	Conn       *bus.Conn
	Subjects   bus.Subjects
	Streams    *bus.Streams
	CanPublish func() bool // not while another worker may be at work
	Problems   *problems.Set
	Log        *slog.Logger
}

// New makes a relay, which publishes nothing before [Relay.Run].
func New(c Config) *Relay {
	r := &Relay{
		db: c.DB, publisher: &publisher{bus: c.Conn, subjects: c.Subjects, queues: c.Streams}, maySpeak: c.CanPublish, log: c.Log,
		refused:   metrics.NewCounter("unpublishable_total", "Messages that NATS refused as they are, and that were set aside or postponed.", "topic", Topics),
		conflicts: metrics.NewCounter("id_conflicts_total", "Messages whose Nats-Msg-Id another publisher had used before.", "topic", Topics),
	}
	for _, topic := range Topics {
		r.topics = append(r.topics, &topicRelay{
			Relay: r, topic: topic, activity: c.Problems.Activity("publish " + topic), wake: make(chan struct{}, 1),
		})
	}
	return r
}

// topicRelay publishes the messages of one topic. Only one goroutine uses it at a time.
type topicRelay struct {
	*Relay
	topic    string
	activity *problems.Activity
	wake     chan struct{}

	failing  time.Duration // the next pause; 0 while publishing succeeds
	home     *bus.Home     // the topic's stream, nil until it is looked up
	single   bool          // the stream takes no batches
	attempt  db.Attempt    // messages up to there may have been sent
	recorded int64         // the attempt in the database is up to there
	loaded   bool          // it was read from the database
}

// errSilent is that nothing may be published now.
var errSilent = errors.New("it is not certain that no other orderbeat works")

// Counters are what the relay counts.
func (r *Relay) Counters() []prometheus.Collector {
	return []prometheus.Collector{r.refused, r.conflicts}
}

// Run relays until ctx ends.
func (r *Relay) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for _, t := range r.topics {
		running.Go(func() { t.run(ctx) })
	}
	running.Go(func() { r.tidy(ctx) })
	for ctx.Err() == nil {
		timer := time.NewTimer(r.untilNext(ctx))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-r.db.Wake():
		}
		timer.Stop()
		for _, t := range r.topics {
			t.poke()
		}
	}
}

// untilNext is how long it is until a message falls due.
func (r *Relay) untilNext(ctx context.Context) time.Duration {
	now := time.Now()
	due, ok, err := r.db.NextDue(ctx, now)
	if err != nil || !ok {
		return dueIdle
	}
	return min(dueIdle, max(due.Sub(now), time.Millisecond))
}

// Trouble is why what is in the outbox waits, nil while it does not.
func (r *Relay) Trouble() error {
	var all []error
	for _, t := range r.topics {
		all = append(all, t.activity.Err())
	}
	return errors.Join(all...)
}

// Flush publishes what is due, once more, before the program ends.
func (r *Relay) Flush(ctx context.Context) error {
	for {
		total := 0
		var failed error
		for _, t := range r.topics {
			sent, err := t.pass(ctx)
			total += sent
			failed = errors.Join(failed, err)
		}
		if total == 0 || ctx.Err() != nil {
			return failed
		}
	}
}

// poke has a topic look at the outbox.
func (t *topicRelay) poke() {
	select {
	case t.wake <- struct{}{}:
	default: // it is awake, or about to be
	}
}

// run publishes until ctx ends. It sleeps until it is poked or, after a failure, a while.
func (t *topicRelay) run(ctx context.Context) {
	for ctx.Err() == nil {
		sent, err := t.pass(ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case errors.Is(err, errSilent):
			t.activity.Pending(err)
			wait.For(ctx, relayPause/4)
		case err != nil:
			t.activity.Failed("publish failed", t.publisher.bus.Explain(err), "topic", t.topic)
			t.failing = min(max(relayPause, 2*t.failing), relayLongPause)
			if !t.publisher.bus.NATS.IsConnected() {
				t.failing = relayPause
			}
			wait.For(ctx, t.failing)
		case sent == 0:
			t.failing = 0
			t.activity.OK()
			t.sleep(ctx)
		default:
			t.failing = 0
			t.activity.OK()
			t.published()
		}
	}
}

func (t *topicRelay) sleep(ctx context.Context) {
	timer := time.NewTimer(relayIdle)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-t.wake:
	}
}

// published wakes the topics that wait for this one.
func (t *topicRelay) published() {
	if t.topic != "orders" {
		return
	}
	for _, other := range t.topics {
		if other.topic == "results" || other.topic == "reply" {
			other.poke()
		}
	}
}

// pass publishes what is due, up to a bound, and takes what the server has out of the
// outbox.
func (t *topicRelay) pass(ctx context.Context) (sent int, err error) {
	limit := relayBatch
	if t.failing > 0 {
		limit = probeBatch
	}
	page, err := t.db.Publishable(ctx, t.topic, time.Now(), limit)
	if err != nil || len(page) == 0 {
		return 0, err
	}
	if !t.maySpeak() {
		return 0, errSilent
	}
	if err := t.record(ctx, page[len(page)-1].ID); err != nil {
		return 0, err
	}
	out, err := t.publisher.publish(ctx, t, page)
	// What the server has must leave the outbox even when the program is stopping.
	if kept := t.settle(context.WithoutCancel(ctx), &out); kept != nil {
		return 0, kept
	}
	return len(out.done) + len(out.refused) + out.again, err
}

// record has the database know which messages may be sent, before they are.
func (t *topicRelay) record(ctx context.Context, last int64) error {
	if !t.loaded {
		attempts, err := t.db.Attempts(ctx)
		if err != nil {
			return err
		}
		t.attempt, t.loaded = attempts[t.topic], true
		t.recorded = t.attempt.UpTo
	}
	if last <= t.recorded {
		return nil
	}
	ahead := db.Attempt{UpTo: last + attemptStride, AfterSeq: t.attempt.AfterSeq}
	if err := t.db.RecordAttempt(ctx, t.topic, ahead); err != nil {
		return err
	}
	t.recorded = ahead.UpTo
	return nil
}

// settle stores what became of messages.
func (t *topicRelay) settle(ctx context.Context, out *outcome) error {
	if err := t.db.Published(ctx, out.done); err != nil {
		return err
	}
	for _, m := range out.conflicts {
		t.conflict(ctx, &m)
	}
	t.Relay.refused.WithLabelValues(t.topic).Add(float64(len(out.refused)))
	for _, m := range out.refused {
		t.activity.Noticed("message refused by NATS", errors.New(m.Reason), "topic", t.topic, "subject", m.subject, "outbox_id", m.ID, "set_aside", m.aside)
	}
	if err := t.db.SetAside(ctx, out.refusals(true)); err != nil {
		return err
	}
	return t.db.Postpone(ctx, out.refusals(false))
}

// conflict reports a message whose Nats-Msg-Id another publisher had used.
func (t *topicRelay) conflict(ctx context.Context, m *db.Message) {
	t.Relay.conflicts.WithLabelValues(t.topic).Inc()
	t.log.Error("message id used by another publisher", "topic", t.topic, "subject", m.Subject, "nats_msg_id", m.MsgID)
	_, err := t.db.Raise(ctx, db.Alert{
		Provider: m.Provider(), Code: codeConflict,
		Message: "another publisher used the Nats-Msg-Id " + m.MsgID + ": a forged message, or one of another database",
		Hint:    "Look at the messages on subject " + t.publisher.subjects.Of(m.Subject) + ", and at who may publish there. Orderbeat's own message was published with another Nats-Msg-Id.",
	})
	if err != nil {
		t.log.Error("failed to raise an alert", "code", codeConflict, "err", err)
	}
}

// tidy resolves the alerts about publishing that hold no longer, and makes streams that
// were deleted, also while there is nothing to publish, until ctx ends.
func (r *Relay) tidy(ctx context.Context) {
	queues := r.publisher.queues
	for wait.For(ctx, tidyEvery) {
		if queues.Lease.Sure() {
			if err := queues.Ensure(ctx); err != nil && ctx.Err() == nil {
				queues.Problems.Activity("streams").Noticed("streams are not ready", err)
			}
		}
		raised, err := r.db.Alerts(ctx, true)
		for _, a := range raised {
			switch {
			case a.Code == db.CodeUnpublishable:
				err = errors.Join(err, r.db.ResolveUnpublishable(ctx, a.Provider))
			case a.Code == codeConflict && time.Since(a.Since) > conflictLife:
				_, failed := r.db.Resolve(ctx, a.Provider, a.Account, a.User, codeConflict)
				err = errors.Join(err, failed)
			}
		}
		if err != nil && ctx.Err() == nil {
			r.log.Warn("failed to resolve alerts", "err", err)
		}
	}
}
