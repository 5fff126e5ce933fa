package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db"
	"orderbeat/jobs"
)

const (
	// relayBatch is how many messages are on their way to the server at once.
	relayBatch = 512
	// relayPause bounds how long the relay sleeps: its wake-up after a failure, and
	// its guard against a wall clock that was set.
	relayPause = time.Second
	relayIdle  = 30 * time.Second
)

// relay publishes what the outbox holds: the only way out for events, results,
// jobs and ticks. It publishes in the outbox's order, at least once, with the
// Nats-Msg-Id by which the server keeps one.
type relay struct {
	db       *db.DB
	bus      *bus
	subjects subjects
	log      *slog.Logger
}

// run relays until ctx ends. It sleeps until a commit wakes it, a message falls
// due, or, after a failure, a little while.
func (r *relay) run(ctx context.Context) {
	for ctx.Err() == nil {
		sent, err := r.pass(ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil:
			r.log.Warn("outbox waits", "err", err)
			r.sleep(ctx, relayPause, false)
		case sent == 0:
			r.sleep(ctx, r.untilNext(ctx), true)
		}
	}
}

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

// pass publishes one batch and takes what the server acknowledged out of the
// outbox. Of one order only one event is on its way at a time: should that one
// fail, no later one can overtake it.
func (r *relay) pass(ctx context.Context) (sent int, err error) {
	pending, err := r.db.Pending(ctx, time.Now(), relayBatch)
	if err != nil || len(pending) == 0 {
		return 0, err
	}
	type flight struct {
		id  int64
		ack jetstream.PubAckFuture
	}
	flights := make([]flight, 0, len(pending))
	done := make([]int64, 0, len(pending))
	flying := make(map[string]bool, len(pending))
	for _, m := range pending {
		if m.Topic == "orders" && flying[m.Subject] {
			continue
		}
		if m.Topic == "reply" {
			if err = r.reply(m); err != nil {
				break
			}
			done = append(done, m.ID)
			continue
		}
		var there bool
		if there, err = r.published(ctx, m); err != nil {
			break
		}
		if there {
			done = append(done, m.ID)
			continue
		}
		var ack jetstream.PubAckFuture
		if ack, err = r.bus.js.PublishMsgAsync(r.message(m), jetstream.WithStallWait(30*time.Second)); err != nil {
			break
		}
		flying[m.Subject] = true
		flights = append(flights, flight{m.ID, ack})
	}
	for _, f := range flights {
		select {
		case <-f.ack.Ok():
			done = append(done, f.id)
		case failure := <-f.ack.Err():
			err = failure
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if len(done) == 0 {
		return 0, wrapPublish(err)
	}
	// What the server has must leave the outbox even when the program is stopping.
	if gone := r.db.Published(context.WithoutCancel(ctx), done); gone != nil {
		return 0, gone
	}
	return len(done), wrapPublish(err)
}

// published reports whether the server has m already. A young message need not be
// looked for: the server itself drops a second one with its Nats-Msg-Id. But one
// that was published just before the program was killed, and found in the outbox
// after the server forgot the id, would be there twice. Work queues need no look:
// runs and jobs are recognised by whoever takes them.
func (r *relay) published(ctx context.Context, m db.Message) (bool, error) {
	if m.Topic == "runs" || m.Topic == "jobs" || time.Since(m.Time) < dedupeWindow/2 {
		return false, nil
	}
	stream, err := r.bus.js.Stream(ctx, r.subjects.stream(m.Topic))
	if err != nil {
		return false, err
	}
	last, err := stream.GetLastMsgForSubject(ctx, r.subjects.of(m.Subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// Events of an order are published one after another, so the last one tells of all.
	return revision(last.Header.Get(jetstream.MsgIDHeader)) >= revision(m.MsgID), nil
}

// revision is the number that an order event's id ends with; ids without one are
// all the same, because their subjects hold one message.
func revision(eventID string) int {
	n, err := strconv.Atoi(eventID[strings.LastIndexByte(eventID, '.')+1:])
	if err != nil {
		return 0
	}
	return n
}

func wrapPublish(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("publish: %w", err)
}

// reply publishes a result to the subject its caller named, which no stream needs to hold.
func (r *relay) reply(m db.Message) error {
	msg := r.message(m)
	msg.Subject = m.Subject
	if err := r.bus.conn.PublishMsg(msg); err != nil {
		return err
	}
	return r.bus.conn.Flush()
}

// message is m as it goes on the wire: CloudEvents 1.0 in binary mode, with the
// attribute names in lower case, as the NATS binding spells them.
func (r *relay) message(m db.Message) *nats.Msg {
	msg := &nats.Msg{Subject: r.subjects.of(m.Subject), Data: m.Body, Header: nats.Header{
		jetstream.MsgIDHeader: {m.MsgID},
		"ce-id":               {m.MsgID},
		"ce-type":             {m.Type},
		"ce-source":           {m.Source},
		"ce-subject":          {m.CESubject},
		"ce-time":             {m.Time.UTC().Format(time.RFC3339Nano)},
		"ce-specversion":      {"1.0"},
		"ce-datacontenttype":  {"application/json"},
	}}
	if m.Traceparent != "" {
		msg.Header["traceparent"] = []string{jobs.ChildTraceparent(m.Traceparent, m.MsgID)}
	}
	for name, value := range m.Headers {
		msg.Header[name] = []string{value}
	}
	const headroom = 4 << 10 // the headers count too
	if limit := r.bus.conn.MaxPayload(); limit > headroom && int64(len(msg.Data)) > limit-headroom {
		msg.Data = truncate(msg.Data, int(limit-headroom))
	}
	return msg
}

// truncate leaves out of a message that the server would not take what makes it
// large: the order, and if that is not enough the changes.
func truncate(body []byte, limit int) []byte {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return body
	}
	fields["truncated"] = json.RawMessage("true")
	for _, name := range []string{"order", "changes"} {
		delete(fields, name)
		short, err := json.Marshal(fields)
		if err != nil {
			return body
		}
		if body = short; len(body) <= limit {
			break
		}
	}
	return body
}
