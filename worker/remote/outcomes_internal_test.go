package remote // inside: the test is the server that delivers a message again and again

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/wire"
)

// delivery is a message that was delivered n times.
type delivery struct {
	jetstream.Msg
	header nats.Header
	body   []byte
	n      uint64
	result string
	delay  time.Duration
}

func (d *delivery) Headers() nats.Header { return d.header }
func (d *delivery) Data() []byte         { return d.body }
func (d *delivery) Subject() string      { return "orderbeat.outcomes.michelin.detroit" }
func (d *delivery) Ack() error           { d.result = "ack"; return nil }
func (d *delivery) NakWithDelay(delay time.Duration) error {
	d.result, d.delay = "nak", delay
	return nil
}

func (d *delivery) TermWithReason(string) error { d.result = "term"; return nil }

func (d *delivery) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{NumDelivered: d.n}, nil
}

// committer notes what it is called with.
type committer struct {
	fail   error
	out    []jobs.Outcome
	causes []*clients.Error
}

func (c *committer) Outcome(_ context.Context, out jobs.Outcome) error {
	c.out = append(c.out, out)
	return c.fail
}

func (c *committer) Unreadable(_ context.Context, jobID string, attempt int, cause *clients.Error) error {
	if jobID != "J1" || attempt != 2 {
		cause = nil
	}
	c.causes = append(c.causes, cause)
	return c.fail
}

func TestUnreadableOutcomeIsKeptAndThenFailsItsAttempt(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	c := &committer{}
	o := NewOutcomes(Outcomes{
		Remote:    New(Config{Streams: &bus.Streams{Conn: &bus.Conn{Subjects: bus.Subjects{Prefix: "orderbeat"}}, Problems: problems.NewSet(log)}, Blobs: &wire.Blobs{}, Log: log}),
		Committer: c,
	})
	out := jobs.Outcome{Job: jobs.Job{ID: "J1", Attempt: 2}, State: jobs.Succeeded}
	m, err := wire.EncodeOutcome(&out)
	if err != nil {
		t.Fatal(err)
	}
	damaged := &delivery{header: m.Header, body: m.Data[:len(m.Data)/2]}
	var last time.Duration
	for damaged.n = 1; damaged.n < maxUnreadable; damaged.n++ {
		if o.handle(t.Context(), damaged); damaged.result != "nak" || damaged.delay < last || damaged.delay > lastDelay {
			t.Fatalf("delivery %d: got %s after %s", damaged.n, damaged.result, damaged.delay)
		}
		last = damaged.delay
	}
	c.fail = errors.New("the disk is full")
	if o.handle(t.Context(), damaged); damaged.result != "nak" {
		t.Errorf("got %s although the attempt could not be ended", damaged.result)
	}
	c.fail, c.causes = nil, nil
	o.handle(t.Context(), damaged)
	if damaged.result != "ack" || len(c.causes) != 1 || c.causes[0] == nil || c.causes[0].Code != clients.CodeBadResponse || c.causes[0].Hint == "" {
		t.Errorf("got %s and %+v, want a failed attempt with a hint", damaged.result, c.causes)
	}
	{
		whole := &delivery{header: m.Header, body: m.Data, n: 9}
		if o.handle(t.Context(), whole); whole.result != "ack" || len(c.out) != 1 || c.out[0].ID != "J1" {
			t.Errorf("got %s and %+v, want it committed", whole.result, c.out)
		}
		c.fail = errors.New("the disk is full")
		if o.handle(t.Context(), whole); whole.result != "nak" || whole.delay != commitRetry {
			t.Errorf("got %s although it could not be committed", whole.result)
		}
	}
	foreign := &delivery{header: nats.Header{}, n: 1}
	if o.handle(t.Context(), foreign); foreign.result != "term" {
		t.Errorf("got %s for a message that is no outcome", foreign.result)
	}
}
