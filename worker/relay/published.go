package relay

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db/outbox"
	"orderbeat/worker/bus"
)

// freshSuffix is added, with a random text, to a Nats-Msg-Id that another publisher used.
const freshSuffix = ".fresh."

// maxLook bounds the number of messages on one subject that are compared with a message of the outbox.
const maxLook = 1000

// unpublished drops the messages that the stream already has. It looks up only messages that may
// have been sent before, but all of them: an outage may be longer than the stream's duplicate
// window. The work queue of runs is not searched: messages are removed from it, and the planner detects
// duplicates.
func (t *topicRelay) unpublished(ctx context.Context, messages []outbox.Message, out *outcome) ([]outbox.Message, error) {
	if t.topic == "runs" {
		return messages, nil
	}
	sent := 0 // the messages are in ascending order of ids
	for sent < len(messages) && messages[sent].ID <= t.attempt.UpTo {
		sent++
	}
	if sent == 0 {
		return messages, nil
	}
	fresh, err := t.Streams.Home(ctx, t.topic, nil, true)
	if err != nil {
		return nil, err
	}
	t.home = fresh
	missing, err := t.lookUpSent(ctx, messages[:sent], out)
	if err != nil {
		return nil, fresh.Explain(err)
	}
	return slices.Concat(missing, messages[sent:]), nil
}

// lookUpSent adds the messages that the stream has to out, and returns the missing ones.
func (t *topicRelay) lookUpSent(ctx context.Context, messages []outbox.Message, out *outcome) (missing []outbox.Message, err error) {
	from := t.attempt.AfterSeq + 1
	if t.home.Last < t.attempt.AfterSeq {
		from = 1 // the stream was recreated
	}
	for i := range messages {
		m := &messages[i]
		at, err := t.find(ctx, t.home, from, t.message(t.home, m), m)
		if err != nil {
			return nil, err
		}
		if at > 0 {
			if at > t.ends.last[m.Subject] { // the database may have recorded a later sequence
				t.reached(out, m, at)
			}
			out.done = append(out.done, m.ID)
		} else {
			missing = append(missing, *m)
		}
	}
	return missing, nil
}

// find searches a stream for a message on its subject, starting at sequence from. It returns the sequence of the
// message, or 0 if it is not found.
func (t *topicRelay) find(ctx context.Context, stream jetstream.Stream, from uint64, msg *nats.Msg, m *outbox.Message) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	for range maxLook {
		raw, err := stream.GetMsg(ctx, max(1, from), jetstream.WithGetMsgSubject(msg.Subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if sameMessage(raw, msg, m) {
			return raw.Sequence, nil
		}
		from = raw.Sequence + 1
	}
	return 0, nil
}

// sameMessage reports whether raw is the message m. The same id is not enough: another database
// has its own revision numbers, and any publisher can use any id. The whole body is compared, which
// includes the provider and the time.
func sameMessage(raw *jetstream.RawStreamMsg, msg *nats.Msg, m *outbox.Message) bool {
	if id := raw.Header.Get(jetstream.MsgIDHeader); id != m.MsgID && !strings.HasPrefix(id, m.MsgID+freshSuffix) {
		return false // a reply to another requester
	}
	for _, name := range []string{"ce-id", "ce-type", outbox.HeaderReplay} {
		if raw.Header.Get(name) != msg.Header.Get(name) {
			return false
		}
	}
	return string(msg.Data) == string(raw.Data) || sameBody(m.Type, m.Body, raw.Data)
}

// sameBody reports whether a published body is a full, reduced or truncated form of body: the configuration and the size
// limit may have been different when it was published.
func sameBody(kind string, body, published []byte) bool {
	is := func(body []byte) bool { return string(body) == string(published) }
	for _, form := range [][]byte{body, onlyChanges(kind, body)} {
		if is(form) || slices.ContainsFunc(truncations(form), is) {
			return true
		}
	}
	return false
}

// acknowledged adds an acknowledged message to out. If the stream reports a duplicate of another
// message with the same id, the message is published with a new id.
func (t *topicRelay) acknowledged(ctx context.Context, ack *jetstream.PubAck, m *outbox.Message, msg *nats.Msg, before bool, out *outcome) error {
	at := ack.Sequence
	if ack.Duplicate {
		mine, err := t.isOwn(ctx, ack, msg, m, before)
		if err != nil {
			return err
		}
		if !mine {
			msg.Header.Set(jetstream.MsgIDHeader, m.MsgID+freshSuffix+rand.Text())
			ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
			defer cancel()
			fresh, err := t.Streams.JS.PublishMsg(ctx, msg)
			if wrongSequence(err) && t.ends.last != nil {
				return t.mismatch(ctx, m, msg, before, out)
			}
			if err != nil {
				return err
			}
			at = fresh.Sequence
			out.conflicts = append(out.conflicts, *m)
		}
	}
	t.reached(out, m, at)
	out.done = append(out.done, m.ID)
	return nil
}

// isOwn reports whether the stored message that m duplicates is m itself. If the stored message was deleted,
// isMine assumes so if m may have been sent before.
func (t *topicRelay) isOwn(ctx context.Context, ack *jetstream.PubAck, msg *nats.Msg, m *outbox.Message, before bool) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	stream, err := t.Streams.JS.Stream(ctx, ack.Stream)
	if err != nil {
		return false, err
	}
	raw, err := stream.GetMsg(ctx, max(1, ack.Sequence))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return before, nil
	}
	if err != nil {
		return false, err
	}
	return raw.Subject == msg.Subject && sameMessage(raw, msg, m), nil
}

// truncations returns the truncated forms of a body, longest first: without the order, then without
// the order and the changes, and so on.
func truncations(body []byte) (list [][]byte) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil
	}
	fields["truncated"] = json.RawMessage("true")
	for _, name := range []string{"order", "changes", "despatch_advice", "invoice", "late_lines"} {
		delete(fields, name)
		if short, err := json.Marshal(fields); err == nil {
			list = append(list, short)
		}
	}
	return list
}
