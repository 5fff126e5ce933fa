package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db/outbox"
	"orderbeat/worker/bus"
)

// Fence makes the server refuse what a process publishes that no longer leads: an order event is
// stored only if its subject ends with the message that this database knows as the last, and a result
// only if its run has no later one.
type Fence struct {
	// Confirm asks NATS whether this process leads: [ErrStale] if not, another error while that is
	// unknown.
	Confirm func(ctx context.Context) error
	// Stale is called once, when this process must stop leading.
	Stale func(error)
	// Answered is called with runs whose results are published, to all who wait for them.
	Answered func(runIDs ...string)
}

// ErrStale is that another worker published as the leader. Nothing more is published.
var ErrStale = errors.New("another worker published as the leader")

// The server's error codes about an expected sequence (server/errors.json): it differs, or it is not
// known yet, because another message on the subject is being stored.
const (
	errCodeWrongSequence  = jetstream.JSErrCodeStreamWrongLastSequence
	errCodeSequenceUnsure = jetstream.ErrorCode(10164)
)

func wrongSequence(err error) bool {
	e, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (e.ErrorCode == errCodeWrongSequence || e.ErrorCode == errCodeSequenceUnsure)
}

// ends is what a topic knows of the subjects of a page.
type ends struct {
	// last has the sequence of the last message by subject, 0 for those without one; nil without a fence.
	last map[string]uint64
	// confirmed is set when this process was confirmed to lead since the page began.
	confirmed bool
	// since is the last sequence of the stream when this process began to publish as the leader, once
	// begun. Until then another database may have published.
	since uint64
	begun bool
}

// readEnds reads the last messages on the subjects of messages. Streams that do not acknowledge cannot refuse.
func (t *topicRelay) readEnds(ctx context.Context, messages []outbox.Message) error {
	t.ends.last, t.ends.confirmed = nil, false
	if t.Fence == nil || t.home.Config.NoAck || t.topic != "orders" && t.topic != "results" {
		return nil
	}
	if t.topic == "results" {
		t.ends.last = map[string]uint64{} // a run has one result, unless it is reopened
		return nil
	}
	if !t.ends.begun {
		fresh, err := t.Streams.Home(ctx, t.topic, nil, true)
		if err != nil {
			return err
		}
		t.home, t.ends.since, t.ends.begun = fresh, fresh.Last, true
	}
	subjects := make([]string, len(messages))
	for i, m := range messages {
		subjects[i] = m.Subject
	}
	slices.Sort(subjects)
	var err error
	t.ends.last, err = t.DB.Sequences(ctx, slices.Compact(subjects))
	return err
}

// expect adds to msg after which message on its subject it may be stored.
func (t *topicRelay) expect(msg *nats.Msg, m *outbox.Message) {
	if t.ends.last != nil {
		msg.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(t.ends.last[m.Subject], 10)}
	}
}

// reached notes that the stream has a message at a sequence.
func (t *topicRelay) reached(out *outcome, m *outbox.Message, sequence uint64) {
	if t.ends.last == nil {
		return
	}
	t.ends.last[m.Subject] = sequence
	if t.topic != "orders" {
		return
	}
	if out.sequences == nil {
		out.sequences = map[string]uint64{}
	}
	out.sequences[m.Subject] = sequence
}

// confirm asks once for each page of order events whether this process still leads. A result says by its id
// which end of its run it is.
func (t *topicRelay) confirm(ctx context.Context) error {
	if t.ends.confirmed || t.topic != "orders" {
		return nil
	}
	if err := t.Fence.Confirm(ctx); err != nil {
		return err
	}
	t.ends.confirmed = true
	return nil
}

// mismatch publishes a message that the stream refused because its subject ends with another message
// than expected, if that one is accounted for. Otherwise the error is [ErrStale].
func (t *topicRelay) mismatch(ctx context.Context, m *outbox.Message, sent *nats.Msg, before bool, out *outcome) error {
	last, err := lastOn(ctx, t.home, sent.Subject)
	if err != nil {
		return err
	}
	after := uint64(0) // retention removed what was there
	if last != nil {
		if sameMessage(last, sent, m) { // the acknowledgement was lost
			t.reached(out, m, last.Sequence)
			out.done = append(out.done, m.ID)
			return nil
		}
		if err := t.confirm(ctx); err != nil {
			return err
		}
		if t.topic == "results" && endOf(last.Header.Get("ce-id"), m.CESubject) >= endOf(m.MsgID, m.CESubject) {
			t.Log.Warn("run has ended already, as another worker published: its result is not published again",
				"run_id", m.CESubject, "subject", sent.Subject, "sequence", last.Sequence)
			out.done, out.foreign = append(out.done, m.ID), true
			return nil
		}
		if err := t.accounted(ctx, last); err != nil {
			return err
		}
		after = last.Sequence
	}
	again := &nats.Msg{Subject: sent.Subject, Header: sent.Header, Data: sent.Data}
	again.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(after, 10)}
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	ack, err := t.Streams.JS.PublishMsg(ctx, again)
	if err != nil {
		return err
	}
	return t.acknowledged(ctx, ack, m, again, before, out)
}

// lastOn is the last message on a subject, nil if there is none.
func lastOn(ctx context.Context, stream jetstream.Stream, subject string) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	last, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return last, err
}

// endOf counts the ends of a run by the ce-id of its result: 1 for the first. It is 0 for another
// message.
func endOf(id, run string) int {
	again, ok := strings.CutPrefix(id, run+".result")
	if again == "" && ok {
		return 1
	}
	n, err := strconv.Atoi(strings.TrimPrefix(again, "."))
	if !ok || err != nil {
		return 0
	}
	return n + 1
}

// accounted is nil if the last message on an order's subject is no reason to stop: it is from this
// database, from before this process led, or no order event.
func (t *topicRelay) accounted(ctx context.Context, last *jetstream.RawStreamMsg) error {
	if t.topic != "orders" || last.Sequence <= t.ends.since {
		return nil
	}
	own, event, err := t.own(ctx, last)
	switch {
	case err != nil:
		return err
	case own:
		return nil
	case !event:
		t.Log.Warn("another publisher's message on an order's subject", "subject", last.Subject, "sequence", last.Sequence)
		return nil
	}
	return fmt.Errorf("%w: message %d on %s is %s, which this database does not have", ErrStale, last.Sequence, last.Subject, last.Header.Get("ce-id"))
}

// own reports whether a message is an order event, and whether it is one of this database.
func (t *topicRelay) own(ctx context.Context, raw *jetstream.RawStreamMsg) (own, event bool, err error) {
	var body struct {
		Provider string          `json:"provider"`
		Account  string          `json:"account"`
		OrderID  string          `json:"order_id"`
		Revision int             `json:"revision"`
		Order    json.RawMessage `json:"order"`
	}
	id, kind := raw.Header.Get("ce-id"), raw.Header.Get("ce-type")
	if !strings.HasPrefix(kind, "orderbeat.order.") || id == "" || json.Unmarshal(raw.Data, &body) != nil || body.OrderID == "" {
		return false, false, nil //nolint:nilerr // what is not JSON is no order event
	}
	e, pruned, err := t.DB.EventOf(ctx, body.Provider, body.Account, body.OrderID, body.Revision)
	if e == nil || err != nil {
		return pruned, true, err
	}
	if kind == outbox.TypeOrderLate || kind == outbox.TypeOrderVanished { // about a revision
		return body.Order == nil || sameJSON(body.Order, e.Order), true, nil
	}
	text, err := e.Text()
	return id == e.EventID && sameBody(kind, []byte(text), raw.Data), true, err
}

func sameJSON(a, b []byte) bool {
	var one, other bytes.Buffer
	return json.Compact(&one, a) == nil && json.Compact(&other, b) == nil && bytes.Equal(one.Bytes(), other.Bytes())
}

// answered reports the runs whose last result is among the published messages of a page.
func (t *topicRelay) answered(ctx context.Context, page []outbox.Message, done []int64) {
	fence := t.Fence
	if fence == nil || t.topic != "results" && t.topic != "reply" || len(done) == 0 {
		return
	}
	published := slices.DeleteFunc(slices.Clone(page), func(m outbox.Message) bool { return !slices.Contains(done, m.ID) })
	runIDs := runsOf(published)
	waiting, err := t.DB.Unanswered(ctx, runIDs)
	if err != nil {
		t.Log.Warn("open runs are looked at again when a worker begins to lead", "err", err)
		return
	}
	fence.Answered(slices.DeleteFunc(runIDs, func(id string) bool { return slices.Contains(waiting, id) })...)
}

// stop ends all publishing: another worker leads.
func (r *Relay) stop(err error) {
	if r.stopped.CompareAndSwap(false, true) {
		r.Log.Error("another worker published as the leader: this one stops leading, and publishes nothing more", "err", err)
		r.Fence.Stale(err)
	}
}
