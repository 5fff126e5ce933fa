package planner

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db"
	"orderbeat/worker/bus"
)

const (
	// maxRepeatsWaiting bounds how many repeated requests wait for the first to be planned,
	// and repeatLife how long each does.
	maxRepeatsWaiting = 1024
	repeatLife        = time.Minute
	repeatRetry       = 500 * time.Millisecond
)

// Repeats answers requests that the runs stream drops because their Nats-Msg-Id was used
// before: those that name a reply subject. It sees them as a plain subscriber. One that the
// stream keeps is answered by the planner; to find it here too does no harm.
type Repeats struct {
	DB       *db.DB
	Subjects bus.Subjects
	Log      *slog.Logger

	seen    map[string]bool // ids of the last requests, about
	before  map[string]bool // those before them
	waiting []repeat
}

type repeat struct {
	key, replyTo string
	at           time.Time
}

// Run answers until ctx ends.
func (r *Repeats) Run(ctx context.Context, conn *nats.Conn) error {
	requests := make(chan *nats.Msg, maxRepeatsWaiting)
	subscription, err := conn.ChanSubscribe(r.Subjects.Of("runs.>"), requests)
	if err != nil {
		return err
	}
	defer func() { _ = subscription.Unsubscribe() }() // fails when the connection is closed
	r.seen, r.before = map[string]bool{}, map[string]bool{}
	retry := time.NewTicker(repeatRetry)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case msg := <-requests:
			key, replyTo := msg.Header.Get(jetstream.MsgIDHeader), msg.Header.Get(db.HeaderReplyTo)
			if key != "" && r.Subjects.Foreign(replyTo) && replyTo != "" && !reserved(key, r.Subjects.Stream("runs")) {
				r.answer(ctx, repeat{key, replyTo, time.Now()})
			}
		case <-retry.C:
			r.again(ctx)
		}
	}
}

// answer answers a request whose key is known. Another one waits, if its key was seen
// before: the first request with it is still to be planned.
func (r *Repeats) answer(ctx context.Context, q repeat) {
	known, err := r.DB.AnswerRepeat(ctx, q.key, q.replyTo, q.at)
	if err != nil && ctx.Err() == nil {
		r.Log.Warn("failed to answer a repeated request, will retry", "nats_msg_id", q.key, "err", err)
	}
	if known {
		return
	}
	if err != nil || r.seen[q.key] || r.before[q.key] {
		if len(r.waiting) < maxRepeatsWaiting {
			r.waiting = append(r.waiting, q)
		} else {
			r.Log.Warn("repeated request not answered: too many are pending", "nats_msg_id", q.key, "reply_to", q.replyTo)
		}
		return
	}
	if len(r.seen) >= 10*maxRepeatsWaiting {
		r.seen, r.before = map[string]bool{}, r.seen
	}
	r.seen[q.key] = true
}

// again tries those that wait.
func (r *Repeats) again(ctx context.Context) {
	left := r.waiting[:0]
	for _, q := range r.waiting {
		known, err := r.DB.AnswerRepeat(ctx, q.key, q.replyTo, q.at)
		if (!known || err != nil) && time.Since(q.at) < repeatLife {
			left = append(left, q)
		}
	}
	r.waiting = left
}
