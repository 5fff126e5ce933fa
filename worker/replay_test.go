package worker_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func TestEventsAreRepublished(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"],"wait":true}`)
	first := b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", 2)
	mine := make(chan *nats.Msg, 10)
	subscription, err := b.conn.ChanSubscribe("mine.>", mine)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = subscription.Unsubscribe() }()
	var reply struct {
		ReplayID string `json:"replay_id"`
		Events   int    `json:"events"`
	}
	b.decode(b.request("events.replay", `{"provider":"michelin","account":"detroit"}`, nil).Data, &reply)
	if reply.Events != 2 || reply.ReplayID == "" {
		t.Fatalf("got %+v, want two events", reply)
	}
	again := b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", 4)[2:]
	for i, m := range again {
		was := first[i].Headers()
		if id := m.Headers().Get("ce-id"); id != was.Get("ce-id") || m.Headers().Get("Nats-Msg-Id") != id+".replay."+reply.ReplayID ||
			m.Headers().Get("Orderbeat-Replay") != reply.ReplayID || string(m.Data()) != string(first[i].Data()) || m.Subject() != first[i].Subject() {
			t.Errorf("got %v %s, want the first events, marked as republished", m.Headers(), m.Data())
		}
	}
	b.request("events.replay", `{"since":"2020-01-01T00:00:00Z","subject":"mine.again"}`, nil)
	for range 2 {
		select {
		case m := <-mine:
			if m.Subject != "mine.again" || m.Header.Get("Orderbeat-Replay") == "" {
				t.Errorf("got %s %v", m.Subject, m.Header)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing was published on the other subject")
		}
	}
	b.settled()
	if n := b.count("ORDERBEAT_ORDERS"); n != 4 {
		t.Errorf("got %d messages in the stream, want 4", n)
	}
	for name, body := range map[string]string{
		"an invalid time":           `{"since":"yesterday"}`,
		"an empty span":             `{"since":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}`,
		"a subject of ours":         `{"subject":"orderbeat.runs.michelin.sync"}`,
		"a subject with a wildcard": `{"subject":"mine.*"}`,
		"an unknown account":        `{"account":"nowhere"}`,
	} {
		if g := b.ask("events.replay", body); g.Error.Code != "invalid" || g.Error.Hint == "" {
			t.Errorf("%s: got %+v, want invalid", name, g.Error)
		}
	}
}
