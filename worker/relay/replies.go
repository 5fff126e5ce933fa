package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"orderbeat/db/outbox"
	"orderbeat/worker/bus"
)

const (
	// repliesAtOnce limits the replies that are looked up and published to streams concurrently.
	repliesAtOnce = 16
	// replyLife is the time after which a reply that the caller's stream rejects is set aside.
	replyLife = 24 * time.Hour
	// lookLife is how long the lookup of the stream with a reply's subject is retried.
	lookLife = time.Minute
)

// reply is a message for the reply subject of a caller.
type reply struct {
	*outbox.Message
	msg    *nats.Msg
	stream jetstream.Stream // the stream with this subject, nil if none
	before bool             // it may have been sent before
	err    error            // why it was not published
	own    bool             // err is about this message, not about the stream
	forged bool             // another publisher had used its Nats-Msg-Id
}

// replies publishes results and republished events to the reply subjects of callers. If a stream
// has the subject, it acknowledges each message. Core NATS subscribers receive messages at least once.
func (t *topicRelay) replies(ctx context.Context, messages []outbox.Message) (out outcome, err error) {
	list, err := t.prepare(ctx, messages, &out)
	if err != nil || len(list) == 0 {
		return out, err
	}
	t.attempt.UpTo = max(t.attempt.UpTo, list[len(list)-1].ID)
	plain := false
	var sending errgroup.Group
	sending.SetLimit(repliesAtOnce)
	for i := range list {
		r := &list[i]
		if r.stream != nil {
			sending.Go(func() error { t.toStream(ctx, r); return nil })
		} else if r.err == nil {
			r.err = t.Streams.NATS.PublishMsg(r.msg)
			plain = plain || r.err == nil
		}
	}
	_ = sending.Wait() // errors are in the replies
	var flushed error
	if plain {
		flushing, cancel := context.WithTimeout(ctx, bus.Timeout)
		defer cancel()
		flushed = t.Streams.NATS.FlushWithContext(flushing)
	}
	for i := range list {
		r := &list[i]
		switch {
		case r.err == nil && r.stream == nil && flushed != nil:
			err = flushed
		case r.err == nil:
			out.done = append(out.done, r.ID)
			if r.forged {
				out.conflicts = append(out.conflicts, *r.Message)
			}
		case !t.Streams.NATS.IsConnected() || ctx.Err() != nil:
			err = r.err
		default:
			out.refuse(r.Message, r.err.Error(), r.own || time.Since(r.Time) > replyLife)
		}
	}
	return out, err
}

// prepare looks up which stream, if any, has the subject of each reply.
func (t *topicRelay) prepare(ctx context.Context, messages []outbox.Message, out *outcome) ([]reply, error) {
	list := make([]reply, 0, len(messages))
	for i := range messages {
		m := &messages[i]
		if len(m.Subject) > bus.MaxSubject {
			out.refuse(m, fmt.Sprintf("the subject has %d bytes, more than %d", len(m.Subject), bus.MaxSubject), true)
			continue
		}
		list = append(list, reply{Message: m, msg: t.message(nil, m), before: m.ID <= t.attempt.UpTo})
	}
	var looking errgroup.Group
	looking.SetLimit(repliesAtOnce)
	for i := range list {
		r := &list[i]
		looking.Go(func() error { t.findStream(ctx, r); return nil })
	}
	return list, looking.Wait()
}

// findStream looks up the stream with a reply's subject. If the lookup fails for longer than lookLife, the
// reply is published without JetStream.
func (t *topicRelay) findStream(ctx context.Context, r *reply) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	name, err := t.Streams.JS.StreamNameBySubject(ctx, r.Subject)
	if err == nil {
		r.stream, err = t.Streams.JS.Stream(ctx, name)
	}
	if err == nil || errors.Is(err, jetstream.ErrStreamNotFound) || time.Since(r.Time) > lookLife {
		return
	}
	r.err = fmt.Errorf("look up the stream with this subject: %w", err)
}

// toStream publishes a reply to its stream, unless the stream already has it.
func (t *topicRelay) toStream(ctx context.Context, r *reply) {
	config := r.stream.CachedInfo().Config
	if config.NoAck {
		r.err = t.Streams.NATS.PublishMsg(r.msg)
		return
	}
	if r.before {
		var there bool
		if there, r.err = t.replied(ctx, r); there || r.err != nil {
			return
		}
	}
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	ack, err := t.Streams.JS.PublishMsg(ctx, r.msg)
	if err == nil {
		var out outcome
		r.err = t.acknowledged(ctx, ack, r.Message, r.msg, r.before, &out)
		r.forged = len(out.conflicts) > 0
		return
	}
	r.err = fmt.Errorf("stream %s: %w", config.Name, err)
	if e, ok := errors.AsType[*jetstream.APIError](err); ok {
		r.own = e.ErrorCode == errCodeMessageSize || e.ErrorCode == errCodeHeaderSize
	}
	r.own = r.own || errors.Is(err, nats.ErrMaxPayload)
}

// replied reports whether the stream has a reply that may have been sent before. It searches the
// latest messages of the stream.
func (t *topicRelay) replied(ctx context.Context, r *reply) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	last, err := r.stream.GetLastMsgForSubject(limited, r.Subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if sameMessage(last, r.msg, r.Message) {
		return true, nil
	}
	if last.Time.Before(r.Time.Add(-time.Minute)) { // clocks may differ a little
		return false, nil
	}
	const near = 10_000
	at, err := t.find(ctx, r.stream, last.Sequence-min(last.Sequence, near), r.msg, r.Message)
	return at > 0, err
}
