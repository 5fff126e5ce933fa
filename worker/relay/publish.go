package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"orderbeat/db/outbox"
	"orderbeat/db/unpublishable"
	"orderbeat/worker/bus"
	"orderbeat/worker/wait"
)

// maxSingles is the maximum number of messages that are published one by one even if the stream
// accepts atomic batches: a batch takes longer than a few concurrent messages.
const maxSingles = 3

// outcome is the result of one pass.
type outcome struct {
	done      []int64 // ids of messages that are in the stream
	again     int     // number of messages that the next pass publishes truncated
	refused   []refusal
	conflicts []outbox.Message  // messages in done whose Nats-Msg-Id another publisher had used
	sequences map[string]uint64 // sequence of the last message by subject; only with a fence
	last      uint64            // the last sequence of the messages in done; 0 if unknown
	foreign   bool              // some messages in done were not published: another process published theirs
}

// refusal is a message that its stream rejects because of the message itself. It is set aside or postponed.
type refusal struct {
	unpublishable.Rejection
	subject string
	aside   bool
}

// refuse adds a message that its stream rejects. Requests are never set aside, because a run
// depends on them.
func (o *outcome) refuse(m *outbox.Message, reason string, aside bool) {
	aside = aside && m.Topic != "runs"
	now := time.Now()
	until := now.Add(min(max(now.Sub(m.Time)/2, minPostponed), maxPostponed))
	o.refused = append(o.refused, refusal{unpublishable.Rejection{ID: m.ID, Reason: reason, Until: until}, m.Subject, aside})
}

func (o *outcome) refusals(aside bool) (list []unpublishable.Rejection) {
	for _, r := range o.refused {
		if r.aside == aside {
			list = append(list, r.Rejection)
		}
	}
	return list
}

// publish publishes messages of one topic, in order.
func (t *topicRelay) publish(ctx context.Context, messages []outbox.Message) (out outcome, err error) {
	if t.topic == "reply" {
		return t.replies(ctx, messages)
	}
	if t.home, err = t.Streams.Home(ctx, t.topic, t.home, t.failing > 0); err != nil {
		return out, err
	}
	if err := t.readEnds(ctx, messages); err != nil {
		return out, err
	}
	messages = t.accepted(messages, &out)
	messages, err = t.unpublished(ctx, messages, &out)
	if err == nil {
		messages = t.keepDocuments(ctx, messages, &out)
	}
	if err != nil || len(messages) == 0 {
		return out, err
	}
	before := t.attempt.UpTo
	t.attempt.UpTo = max(before, messages[len(messages)-1].ID)
	if t.home.Config.NoAck {
		return out, t.unacknowledged(ctx, messages, &out)
	}
	if len(messages) > maxSingles && t.home.Config.AllowAtomicPublish && !t.single {
		last, err := t.batch(ctx, messages)
		if err == nil {
			t.attempt.AfterSeq, out.last = last, last
			out.done = append(out.done, idsOf(messages)...)
			for i := range messages { // a batch is stored without gaps
				t.reached(&out, &messages[i], last-uint64(len(messages)-1-i)) //nolint:gosec // not negative
			}
			return out, nil
		}
		if wrongSequence(err) { // nothing was stored
			if err := t.confirm(ctx); err != nil {
				return out, err
			}
		}
		if !t.fallBack(err) {
			return out, t.home.Explain(err)
		}
	}
	return out, t.singles(ctx, messages, before, &out)
}

// accepted returns the messages whose subjects the stream accepts, and adds the others to the refusals.
func (t *topicRelay) accepted(messages []outbox.Message, out *outcome) (fit []outbox.Message) {
	for _, m := range messages {
		subject := t.Streams.Of(m.Subject)
		switch {
		case len(subject) > bus.MaxSubject:
			out.refuse(&m, fmt.Sprintf("the subject has %d bytes, more than %d", len(subject), bus.MaxSubject), true)
		case !t.home.Covers(subject):
			out.refuse(&m, fmt.Sprintf("stream %s does not have this subject (it has %q)", t.home.Config.Name, t.home.Config.Subjects), false)
		default:
			fit = append(fit, m)
		}
	}
	return fit
}

// keepDocuments stores the full bodies of events that are too large for a message. An event whose body
// cannot be stored is postponed, with all later ones of its order.
func (t *topicRelay) keepDocuments(ctx context.Context, messages []outbox.Message, out *outcome) (fit []outbox.Message) {
	limit := t.limit(t.home, &nats.Msg{})
	small := max(0, limit-maxHeaders)
	if t.topic != "orders" || limit <= 0 || !slices.ContainsFunc(messages, func(m outbox.Message) bool { return len(m.Body) > small }) {
		return messages
	}
	waits := map[string]bool{} // by subject
	for _, m := range messages {
		if waits[m.Subject] {
			continue
		}
		if name := t.message(t.home, &m).Header.Get(outbox.HeaderDocument); name != "" {
			if err := t.Documents.Keep(ctx, name, m.Body); err != nil {
				out.refuse(&m, "its document cannot be stored: "+t.Streams.Explain(err).Error(), false)
				waits[m.Subject] = true
				continue
			}
		}
		fit = append(fit, m)
	}
	return fit
}

// maxHeaders is an upper bound for the size of a message's headers, in bytes.
const maxHeaders = 4 << 10

// batch publishes all messages or none as one atomic batch (ADR-50), which a server with
// sync_always writes with one fsync instead of one per message. It returns the sequence of the
// last message.
func (t *topicRelay) batch(ctx context.Context, messages []outbox.Message) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	batch, err := jetstreamext.NewBatchPublisher(t.Streams.JS)
	if err != nil {
		return 0, err
	}
	last := len(messages) - 1
	begun := make(map[string]bool, len(messages)) // a batch is rejected if two messages on one subject expect a sequence
	for i := range messages {
		msg := t.message(t.home, &messages[i])
		if !begun[msg.Subject] {
			t.expect(msg, &messages[i])
			begun[msg.Subject] = true
		}
		if i == last {
			ack, err := batch.CommitMsg(ctx, msg)
			if err != nil {
				return 0, err
			}
			return ack.Sequence, nil
		}
		if err := batch.AddMsg(msg); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// fallBack reports whether messages that were not published as a batch may be published one by
// one: the stream does not accept batches, has some of the messages, or rejects one of the
// messages.
func (t *topicRelay) fallBack(err error) bool {
	switch {
	case errors.Is(err, jetstreamext.ErrBatchPublishDuplicateMsgID), errors.Is(err, nats.ErrMaxPayload):
		return true
	case errors.Is(err, jetstreamext.ErrBatchPublishNotEnabled), errors.Is(err, jetstreamext.ErrInvalidBatchAck):
		t.Log.Info("stream does not accept atomic batches, publishing one by one", "stream", t.Streams.Stream(t.topic))
		t.single = true
		return true
	}
	_, answered := errors.AsType[*jetstream.APIError](err)
	return answered
}

// singles publishes messages one by one, without waiting for each acknowledgement. Only one event
// of each order is in flight at a time, so that a later event is not stored before one that failed.
// Messages with ids up to before may have been sent earlier.
func (t *topicRelay) singles(ctx context.Context, messages []outbox.Message, before int64, out *outcome) (err error) {
	type flight struct {
		*outbox.Message
		sent *nats.Msg
		ack  jetstream.PubAckFuture
	}
	flights := make([]flight, 0, len(messages))
	flying := make(map[string]bool, len(messages))
	for i := range messages {
		m := &messages[i]
		if (m.Topic == "orders" || t.ends.last != nil) && flying[m.Subject] {
			continue
		}
		msg := t.message(t.home, m)
		t.expect(msg, m)
		var ack jetstream.PubAckFuture
		ack, err = t.Streams.JS.PublishMsgAsync(msg, jetstream.WithStallWait(bus.Timeout))
		if errors.Is(err, nats.ErrMaxPayload) {
			out.refuse(m, fmt.Sprintf("%d bytes are more than the server takes", len(msg.Data)), true)
			flying[m.Subject], err = true, nil
			continue
		}
		if err != nil {
			break
		}
		flying[m.Subject] = true
		flights = append(flights, flight{m, msg, ack})
	}
	last := uint64(0)
	for _, f := range flights {
		var failure error
		select {
		case ack := <-f.ack.Ok():
			last = max(last, ack.Sequence)
			failure = t.acknowledged(ctx, ack, f.Message, f.sent, f.ID <= before, out)
		case failure = <-f.ack.Err():
			if wrongSequence(failure) && t.ends.last != nil {
				failure = t.mismatch(ctx, f.Message, f.sent, f.ID <= before, out)
			}
			failure = t.refused(ctx, f.Message, f.sent, failure, out)
		case <-ctx.Done():
			failure = ctx.Err()
		}
		if failure != nil && !errors.Is(err, ErrStale) {
			err = failure
		}
	}
	if err == nil && last > 0 {
		t.attempt.AfterSeq, out.last = last, last
	}
	return t.home.Explain(err)
}

// The server's error codes for single messages (server/errors.json).
const (
	errCodeMessageSize jetstream.ErrorCode = 10054
	errCodeHeaderSize  jetstream.ErrorCode = 10097
	errCodeStoreFailed jetstream.ErrorCode = 10077
)

// refused adds a message to the refusals if it was rejected because of the message itself. It returns any
// other failure, which concerns the whole stream.
func (t *topicRelay) refused(ctx context.Context, m *outbox.Message, sent *nats.Msg, failure error, out *outcome) error {
	e, ok := errors.AsType[*jetstream.APIError](failure)
	if !ok {
		return failure
	}
	if e.ErrorCode == errCodeHeaderSize {
		out.refuse(m, e.Description, true)
		return nil
	}
	if e.ErrorCode == errCodeMessageSize {
		return t.tooLarge(ctx, m, sent, e, out)
	}
	if e.ErrorCode != errCodeStoreFailed {
		return failure
	}
	full, err := t.home.SubjectIsFull(ctx, sent.Subject)
	if err != nil || !full {
		return errors.Join(failure, err)
	}
	out.refuse(m, e.Description, true)
	return nil
}

// tooLarge adds a message that exceeds the stream's limit to the refusals, unless it can be
// truncated to the current limit.
func (t *topicRelay) tooLarge(ctx context.Context, m *outbox.Message, sent *nats.Msg, e *jetstream.APIError, out *outcome) error {
	fresh, err := t.Streams.Home(ctx, t.topic, nil, true)
	if err != nil {
		return err
	}
	t.home = fresh
	msg := t.message(fresh, m)
	if len(msg.Data) < len(sent.Data) {
		out.again++
		return nil
	}
	out.refuse(m, fmt.Sprintf("%s: %d bytes even when truncated, and max_msg_size of stream %s is %d",
		e.Description, len(msg.Data)+headerSize(msg.Header), fresh.Config.Name, fresh.Config.MaxMsgSize), true)
	return nil
}

// unacknowledged publishes to a stream with no_ack, and then looks up which
// messages the stream has.
func (t *topicRelay) unacknowledged(ctx context.Context, messages []outbox.Message, out *outcome) error {
	ctx, cancel := context.WithTimeout(ctx, 2*bus.Timeout)
	defer cancel()
	fresh, err := t.Streams.Home(ctx, t.topic, nil, true)
	if err != nil {
		return err
	}
	t.home, t.attempt.AfterSeq = fresh, fresh.Last
	for i := range messages {
		if err := t.Streams.NATS.PublishMsg(t.message(t.home, &messages[i])); err != nil {
			return err
		}
	}
	if err := t.Streams.NATS.FlushWithContext(ctx); err != nil {
		return err
	}
	missing, looked := messages, time.Now()
	for {
		var err error
		if missing, err = t.lookUpSent(ctx, missing, out); err != nil {
			return err
		}
		if len(missing) == 0 {
			return nil
		}
		if time.Since(looked) > bus.Timeout {
			break
		}
		wait.For(ctx, 20*time.Millisecond)
	}
	for i := range missing {
		out.refuse(&missing[i], fmt.Sprintf("stream %s has no_ack and did not store it", t.home.Config.Name), false)
	}
	return nil
}

func idsOf(messages []outbox.Message) []int64 {
	ids := make([]int64, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return ids
}
