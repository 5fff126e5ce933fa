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

// Fence makes the server reject messages of a process that is no longer the leader: an order event is
// stored only if the last message on its subject is the last one that this database recorded, and a result
// only if the run has no later result.
type Fence struct {
	// Confirm checks in NATS that this process is the leader. The error is [ErrStale] if it is not, and another one if
	// that cannot be determined.
	Confirm func(ctx context.Context) error
	// Stale is called once, when this process must stop leading.
	Stale func(error)
	// Answered is called with runs whose results and replies are all published.
	Answered func(runIDs ...string)
}

// ErrStale means that another worker published as the leader. This process must stop publishing.
var ErrStale = errors.New("another worker published as the leader")

// The server's error codes for an expected sequence (server/errors.json): it differs, or it cannot be checked
// yet because another message on the subject is being stored.
const (
	errCodeWrongSequence  = jetstream.JSErrCodeStreamWrongLastSequence
	errCodeSequenceUnsure = jetstream.ErrorCode(10164)
)

func wrongSequence(err error) bool {
	e, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (e.ErrorCode == errCodeWrongSequence || e.ErrorCode == errCodeSequenceUnsure)
}

// ends has the last sequences on the subjects of a page.
type ends struct {
	// last has the sequence of the last message by subject, 0 if there is none; nil without a fence.
	last map[string]uint64
	// confirmed is true if [Fence.Confirm] succeeded for the current page.
	confirmed bool
	// since is the last sequence of the stream when this process started to publish as the leader; valid if
	// begun is true. Earlier messages may come from another database.
	since uint64
	begun bool
}

// readEnds reads the last sequences on the subjects of messages. Streams with no_ack cannot reject messages.
func (t *topicRelay) readEnds(ctx context.Context, messages []outbox.Message) error {
	t.ends.last, t.ends.confirmed = nil, false
	if t.Fence == nil || t.home.Config.NoAck || t.topic != "orders" && t.topic != "results" {
		return nil
	}
	if t.topic == "results" {
		t.ends.last = map[string]uint64{} // expect no message: a run has one result, unless it is reopened
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

// expect sets the expected last sequence on the subject of msg.
func (t *topicRelay) expect(msg *nats.Msg, m *outbox.Message) {
	if t.ends.last != nil {
		msg.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(t.ends.last[m.Subject], 10)}
	}
}

// reached records that m is in the stream with this sequence.
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

// confirm checks, once per page of order events, that this process is still the leader. Results do not need this
// check: the id of a result has the number of the run's end.
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

// mismatch publishes a message again that the stream rejected because its subject has another last message
// than expected, if [topicRelay.accounted] accepts that message. Otherwise the error is [ErrStale].
func (t *topicRelay) mismatch(ctx context.Context, m *outbox.Message, sent *nats.Msg, before bool, out *outcome) error {
	last, err := lastOn(ctx, t.home, sent.Subject)
	if err != nil {
		return err
	}
	after := uint64(0) // if retention removed the last message
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
		if err := t.checkForeign(ctx, last); err != nil {
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

// lastOn returns the last message on a subject, nil if there is none.
func lastOn(ctx context.Context, stream jetstream.Stream, subject string) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	last, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return last, err
}

// endOf returns which end of a run a result is about, according to its ce-id: 1 for the first end, 2 after the
// run was reopened once, and 0 if id is not the id of a result of this run.
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

// checkForeign returns nil if the last message on an order's subject is no reason to stop: it is from this
// database, it was published before this process became the leader, or it is not an order event.
func (t *topicRelay) checkForeign(ctx context.Context, last *jetstream.RawStreamMsg) error {
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
		t.Log.Warn("unexpected message of another publisher on an order subject", "subject", last.Subject, "sequence", last.Sequence)
		return nil
	}
	return fmt.Errorf("%w: message %d on %s is %s, which this database does not have", ErrStale, last.Sequence, last.Subject, last.Header.Get("ce-id"))
}

// own reports whether a message is an order event, and whether this database has that event.
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
		return false, false, nil //nolint:nilerr // a body that is not JSON is not an order event
	}
	e, pruned, err := t.DB.EventOf(ctx, body.Provider, body.Account, body.OrderID, body.Revision)
	if e == nil || err != nil {
		return pruned, true, err
	}
	if kind == outbox.TypeOrderLate || kind == outbox.TypeOrderVanished { // it refers to an existing revision
		return body.Order == nil || sameJSON(body.Order, e.Order), true, nil
	}
	text, err := e.Text()
	return id == e.EventID && sameBody(kind, []byte(text), raw.Data), true, err
}

func sameJSON(a, b []byte) bool {
	var one, other bytes.Buffer
	return json.Compact(&one, a) == nil && json.Compact(&other, b) == nil && bytes.Equal(one.Bytes(), other.Bytes())
}

// answered reports the runs that have no unpublished results or replies after this page.
func (t *topicRelay) answered(ctx context.Context, page []outbox.Message, done []int64) {
	fence := t.Fence
	if fence == nil || t.topic != "results" && t.topic != "reply" || len(done) == 0 {
		return
	}
	published := slices.DeleteFunc(slices.Clone(page), func(m outbox.Message) bool { return !slices.Contains(done, m.ID) })
	runIDs := runsOf(published)
	waiting, err := t.DB.Unanswered(ctx, runIDs)
	if err != nil {
		t.Log.Warn("failed to remove open runs, the next leader will retry", "err", err)
		return
	}
	fence.Answered(slices.DeleteFunc(runIDs, func(id string) bool { return slices.Contains(waiting, id) })...)
}

// stop stops all publishing because another worker is the leader.
func (r *Relay) stop(err error) {
	if r.stopped.CompareAndSwap(false, true) {
		r.Log.Error("another worker published as the leader, stopping leadership and publishing", "err", err)
		r.Fence.Stale(err)
	}
}
