package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"orderbeat/db"
)

// patience is how long the server may take to answer.
const patience = 5 * time.Second

// maxSubject bounds a subject, in bytes. A server ends the connection for good when
// a line of the protocol, which holds two of them, is longer than 4096 bytes.
const maxSubject = 1024

// publisher puts messages of the outbox on the wire.
type publisher struct {
	bus      *bus
	subjects subjects
	log      *slog.Logger
	// single are the topics whose stream takes no batches.
	single map[string]bool
}

func newPublisher(b *bus, s subjects, log *slog.Logger) *publisher {
	return &publisher{bus: b, subjects: s, log: log, single: map[string]bool{}}
}

// publish publishes messages of one topic, in order, and returns the ids of those
// that the server has.
func (p *publisher) publish(ctx context.Context, topic string, messages []db.Message) (done []int64, err error) {
	messages, done = p.publishable(messages)
	if topic == "reply" {
		sent, err := p.replies(ctx, messages)
		return append(done, sent...), err
	}
	messages, had, err := p.news(ctx, topic, messages)
	done = append(done, had...)
	if err != nil {
		return done, fmt.Errorf("publish %s: %w", topic, err)
	}
	if len(messages) > 1 && !p.single[topic] {
		if err := p.batch(ctx, messages); err == nil {
			return append(done, idsOf(messages)...), nil
		} else if !p.fallBack(topic, err) {
			return done, fmt.Errorf("publish %s: %w", topic, err)
		}
	}
	sent, err := p.singles(ctx, messages)
	if err != nil {
		err = fmt.Errorf("publish %s: %w", topic, err)
	}
	return append(done, sent...), err
}

// publishable leaves out what no server will ever take, and says so: the row that it
// is about stays in the database, and the outbox goes on.
func (p *publisher) publishable(messages []db.Message) (fit []db.Message, unfit []int64) {
	for _, m := range messages {
		if len(p.subjects.of(m.Subject)) > maxSubject {
			p.log.Error("a subject is too long to be published", "subject", m.Subject[:maxSubject/4]+"…", "bytes", len(m.Subject))
			unfit = append(unfit, m.ID)
			continue
		}
		fit = append(fit, m)
	}
	return fit, unfit
}

// replies publishes results to the subjects that callers named, which no stream
// needs to hold.
func (p *publisher) replies(ctx context.Context, messages []db.Message) (done []int64, err error) {
	if len(messages) == 0 {
		return nil, nil
	}
	for _, m := range messages {
		msg := p.message(m)
		msg.Subject = m.Subject
		if err := p.bus.conn.PublishMsg(msg); err != nil {
			return nil, fmt.Errorf("publish reply: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.bus.conn.FlushWithContext(ctx); err != nil {
		return nil, fmt.Errorf("publish reply: %w", err)
	}
	return idsOf(messages), nil
}

// batch publishes all messages or none: one atomic batch (ADR-50), which a server
// that syncs always writes with one fsync instead of one for each message.
func (p *publisher) batch(ctx context.Context, messages []db.Message) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	batch, err := jetstreamext.NewBatchPublisher(p.bus.js)
	if err != nil {
		return err
	}
	last := len(messages) - 1
	for _, m := range messages[:last] {
		if err := batch.AddMsg(p.message(m)); err != nil {
			return err
		}
	}
	_, err = batch.CommitMsg(ctx, p.message(messages[last]))
	return err
}

// fallBack decides whether what could not be published as a batch may go one by
// one: when the stream takes no batches, when it has a part of this one, and when a
// message is one that nobody takes.
func (p *publisher) fallBack(topic string, err error) bool {
	switch {
	case errors.Is(err, jetstreamext.ErrBatchPublishDuplicateMsgID), errors.Is(err, nats.ErrMaxPayload):
		return true
	case errors.Is(err, jetstreamext.ErrBatchPublishNotEnabled), errors.Is(err, jetstreamext.ErrInvalidBatchAck):
		p.log.Info("the stream takes no atomic batches: messages go one by one", "stream", p.subjects.stream(topic))
		p.single[topic] = true
		return true
	}
	_, answered := errors.AsType[*jetstream.APIError](err)
	return answered
}

// singles publishes messages one by one, without waiting in between. Of one order
// only one event is on its way at a time: should that one fail, no later one can
// overtake it.
func (p *publisher) singles(ctx context.Context, messages []db.Message) (done []int64, err error) {
	type flight struct {
		id  int64
		ack jetstream.PubAckFuture
	}
	flights := make([]flight, 0, len(messages))
	flying := make(map[string]bool, len(messages))
	for _, m := range messages {
		if m.Topic == "orders" && flying[m.Subject] {
			continue
		}
		var ack jetstream.PubAckFuture
		ack, err = p.bus.js.PublishMsgAsync(p.message(m), jetstream.WithStallWait(patience))
		if errors.Is(err, nats.ErrMaxPayload) {
			p.log.Error("a message is larger than the server will ever take: it is not published", "subject", m.Subject, "ce_id", m.MsgID, "bytes", len(m.Body))
			done, err = append(done, m.ID), nil
			continue
		}
		if err != nil {
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
	return done, err
}

// news splits off the messages that the server has already. A young message need
// not be looked for: the server itself drops a second one with its Nats-Msg-Id. But
// one that was published just before the program was killed, and found in the
// outbox after the server forgot the id, would be there twice. Work queues need no
// look: runs and jobs are recognised by whoever takes them.
func (p *publisher) news(ctx context.Context, topic string, messages []db.Message) (fresh []db.Message, had []int64, err error) {
	if topic == "runs" || topic == "jobs" {
		return messages, nil, nil
	}
	for _, m := range messages {
		there := false
		// An event that is told again is no news on its subject, where later ones stand.
		if _, again := m.Headers[db.HeaderReplay]; !again && time.Since(m.Time) > dedupeWindow/2 {
			if there, err = p.published(ctx, m); err != nil {
				return nil, had, err
			}
		}
		if there {
			had = append(had, m.ID)
		} else {
			fresh = append(fresh, m)
		}
	}
	return fresh, had, nil
}

func (p *publisher) published(ctx context.Context, m db.Message) (bool, error) {
	stream, err := p.bus.js.Stream(ctx, p.subjects.stream(m.Topic))
	if err != nil {
		return false, err
	}
	last, err := stream.GetLastMsgForSubject(ctx, p.subjects.of(m.Subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// Events of an order are published one after another, so the last one tells of all. But
	// another worker, with a database of its own, counts revisions of its own.
	at, err := time.Parse(time.RFC3339Nano, last.Header.Get("ce-time"))
	later := err == nil && at.Before(m.Time)
	return !later && revision(last.Header.Get(jetstream.MsgIDHeader)) >= revision(m.MsgID), nil
}

// revision is the number that an order event's id ends with; ids without one are
// all the same, because their subjects hold one message.
func revision(eventID string) int {
	eventID, _, _ = strings.Cut(eventID, ".replay.")
	n, err := strconv.Atoi(eventID[strings.LastIndexByte(eventID, '.')+1:])
	if err != nil {
		return 0
	}
	return n
}

func idsOf(messages []db.Message) []int64 {
	ids := make([]int64, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return ids
}
