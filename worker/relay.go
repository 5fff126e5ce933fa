package worker

import (
	"context"
	"errors"
	"time"

	"orderbeat/db"
	"orderbeat/worker/problems"
)

const (
	// relayBatch is how many messages are on their way to the server at once.
	relayBatch = 512
	// relayPause bounds how long the relay sleeps: its wake-up after a failure, and
	// its guard against a wall clock that was set.
	relayPause = time.Second
	relayIdle  = 30 * time.Second
)

// relay takes messages out of the outbox: the only way out for events, results,
// jobs and ticks. It publishes them in the outbox's order, at least once, with the
// Nats-Msg-Id by which the server keeps one.
type relay struct {
	db        *db.DB
	publisher *publisher
	maySpeak  func() bool // not while another worker may be at work
	activity  *problems.Activity
}

// errSilent is that nothing may be published now.
var errSilent = errors.New("it is not certain that no other orderbeat works")

// run relays until ctx ends. It sleeps until a commit wakes it, a message falls
// due, or, after a failure, a little while.
func (r *relay) run(ctx context.Context) {
	for ctx.Err() == nil {
		sent, err := r.pass(ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case errors.Is(err, errSilent):
			r.activity.Pending(err)
			r.sleep(ctx, relayPause/4, false)
		case err != nil:
			r.activity.Failed("outbox waits", err)
			r.sleep(ctx, relayPause, false)
		case sent == 0:
			r.activity.OK()
			r.sleep(ctx, r.untilNext(ctx), true)
		default:
			r.activity.OK()
		}
	}
}

// trouble is why what is in the outbox waits, nil while it does not.
func (r *relay) trouble() error { return r.activity.Err() }

// flush publishes what is due, once more, before the program ends.
func (r *relay) flush(ctx context.Context) error {
	for {
		sent, err := r.pass(ctx)
		if err != nil || sent == 0 {
			return err
		}
	}
}

// sleep waits for d, or less when the outbox got something and wakeable is true.
func (r *relay) sleep(ctx context.Context, d time.Duration, wakeable bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	var wake <-chan struct{}
	if wakeable {
		wake = r.db.Wake()
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

func (r *relay) untilNext(ctx context.Context) time.Duration {
	now := time.Now()
	due, ok, err := r.db.NextDue(ctx, now)
	if err != nil || !ok {
		return relayIdle
	}
	return min(relayIdle, max(due.Sub(now), time.Millisecond))
}

// pass publishes what is due, up to a bound, and takes what the server has out of
// the outbox.
func (r *relay) pass(ctx context.Context) (sent int, err error) {
	pending, err := r.db.Pending(ctx, time.Now(), relayBatch)
	if err != nil || len(pending) == 0 {
		return 0, err
	}
	if !r.maySpeak() {
		return 0, errSilent
	}
	byTopic := map[string][]db.Message{}
	for _, m := range pending {
		byTopic[m.Topic] = append(byTopic[m.Topic], m)
	}
	var done []int64
	for _, topic := range topics {
		ids, failed := r.publisher.publish(ctx, topic, byTopic[topic])
		done = append(done, ids...)
		err = errors.Join(err, failed)
		if topic == "orders" && len(ids) < len(byTopic[topic]) {
			break // what a run changed is told before its result
		}
	}
	// What the server has must leave the outbox even when the program is stopping.
	if gone := r.db.Published(context.WithoutCancel(ctx), done); gone != nil {
		return 0, gone
	}
	return len(done), err
}

// topics are in the order in which they are published.
var topics = []string{"runs", "jobs", "alerts", "orders", "results", "reply"}
