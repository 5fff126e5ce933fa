package planner

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db"
	"orderbeat/db/runs"
	"orderbeat/worker/bus"
)

const (
	// maxRepeatsWaiting bounds the repeated requests that wait until the first one is planned,
	// repeatLife the time that each waits.
	maxRepeatsWaiting = 1024
	repeatLife        = time.Minute
	repeatRetry       = 500 * time.Millisecond
)

// Repeats replies to requests with a reply subject that the runs stream drops as duplicates,
// because their Nats-Msg-Id was used before. It receives them with a core NATS subscription. A request
// that the stream accepts gets its reply from the planner; handling it here too is harmless.
type Repeats struct {
	DB   *db.DB
	Conn *bus.Conn
	Log  *slog.Logger

	seen    map[string]bool // Nats-Msg-Ids of recent requests
	before  map[string]bool // the previous seen, from before its last reset
	waiting []repeat
}

type repeat struct {
	key, replyTo string
	at           time.Time
}

// Run replies until ctx ends.
func (r *Repeats) Run(ctx context.Context) error {
	requests := make(chan *nats.Msg, maxRepeatsWaiting)
	subscription, err := r.Conn.NATS.ChanSubscribe(r.Conn.Of("runs.>"), requests)
	if err != nil {
		return err
	}
	defer func() { _ = subscription.Unsubscribe() }() // fails if the connection is closed
	r.seen, r.before = map[string]bool{}, map[string]bool{}
	ticker := time.NewTicker(repeatRetry)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case msg := <-requests:
			key, replyTo := msg.Header.Get(jetstream.MsgIDHeader), msg.Header.Get(runs.HeaderReplyTo)
			if key != "" && r.Conn.IsCallerSubject(replyTo) && replyTo != "" && !reserved(key, r.Conn.Stream("runs")) {
				r.reply(ctx, repeat{key, replyTo, time.Now()})
			}
		case <-ticker.C:
			r.retry(ctx)
		}
	}
}

// reply replies to a request if a run has its key. If the key was seen but has no run yet, the first
// request with the key is still being planned, and this one waits.
func (r *Repeats) reply(ctx context.Context, q repeat) {
	known, err := r.DB.AnswerRepeat(ctx, q.key, q.replyTo, q.at)
	if err != nil && ctx.Err() == nil {
		r.Log.Warn("failed to reply to a repeated request, will retry", "nats_msg_id", q.key, "err", err)
	}
	if known {
		return
	}
	if err != nil || r.seen[q.key] || r.before[q.key] {
		if len(r.waiting) < maxRepeatsWaiting {
			r.waiting = append(r.waiting, q)
		} else {
			r.Log.Warn("no reply to a repeated request: too many are pending", "nats_msg_id", q.key, "reply_to", q.replyTo)
		}
		return
	}
	if len(r.seen) >= 10*maxRepeatsWaiting {
		r.seen, r.before = map[string]bool{}, r.seen
	}
	r.seen[q.key] = true
}

// retry replies to waiting requests.
func (r *Repeats) retry(ctx context.Context) {
	left := r.waiting[:0]
	for _, q := range r.waiting {
		known, err := r.DB.AnswerRepeat(ctx, q.key, q.replyTo, q.at)
		if (!known || err != nil) && time.Since(q.at) < repeatLife {
			left = append(left, q)
		}
	}
	r.waiting = left
}
