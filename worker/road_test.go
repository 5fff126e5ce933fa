package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/db/unpublishable"
	"orderbeat/jobs"
	"orderbeat/worker"
	"orderbeat/worker/bus"
	"orderbeat/worker/contracttest"
)

func TestMessageBecomesEventsAndAResult(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	inbox, err := b.conn.SubscribeSync("my.results")
	if err != nil {
		t.Fatal(err)
	}
	b.publish("orderbeat.runs.michelin.sync", `{"lookback":"3d"}`, nats.Header{
		"Nats-Msg-Id": {"please"}, "Orderbeat-Reply-To": {"my.results"},
		"traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
	})
	events := b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", 4)
	result := b.result(1)
	if result.State != jobs.Succeeded || result.Jobs.Total != 2 || result.Orders.Created != 4 || result.Trigger != "nats" {
		t.Errorf("got result %+v, want 2 jobs that succeeded and 4 created orders", result)
	}
	subjects := map[string]bool{}
	for _, m := range events {
		subjects[m.Subject()] = true
		h := m.Headers()
		if h.Get("ce-id") == "" || h.Get("ce-id") != h.Get("Nats-Msg-Id") || h.Get("ce-type") != "orderbeat.order.created.v1" ||
			h.Get("ce-specversion") != "1.0" || h.Get("ce-source") == "" || h.Get("ce-subject") == "" || h.Get("ce-time") == "" {
			t.Errorf("got headers %v, want CloudEvents 1.0", h)
		}
		if !strings.HasPrefix(h.Get("traceparent"), "00-4bf92f3577b34da6a3ce929d0e0e4736-") {
			t.Errorf("got trace %q, want the caller's", h.Get("traceparent"))
		}
		var event struct {
			Changes []clients.Change
			Order   clients.Order
			RunID   string `json:"run_id"`
		}
		b.decode(m.Data(), &event)
		if event.Changes == nil || len(event.Changes) != 0 || event.Order.Status != clients.StatusOpen || event.RunID != result.ID {
			t.Errorf("got event %s, want a created order without changes", m.Data())
		}
	}
	if !subjects["orderbeat.orders.michelin.st%2E%20paul.SO1"] || !subjects["orderbeat.orders.michelin.detroit.SO2"] {
		t.Errorf("got subjects %v, want tokens percent-encoded", subjects)
	}
	reply, err := inbox.NextMsg(time.Minute)
	if err != nil {
		t.Fatalf("no result at the reply subject: %v", err)
	}
	var replied jobs.Run
	b.decode(reply.Data, &replied)
	if replied.ID != result.ID {
		t.Errorf("got run %s at the reply subject, want %s", replied.ID, result.ID)
	}
	b.settled()
}

func TestOnlyChangesArePublished(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	b.result(1)
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	if r := b.result(2); r.Orders != (jobs.Tally{Seen: 2, Unchanged: 2}) {
		t.Errorf("got %+v, want nothing changed", r.Orders)
	}
	b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		return clients.Answer{Orders: []clients.Order{order(q.Account.Name, "SO1", 0, ""), order(q.Account.Name, "SO2", 2, "")}}, nil
	})
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	if r := b.result(3); r.Orders != (jobs.Tally{Seen: 2, Changed: 1, Unchanged: 1}) {
		t.Errorf("got %+v, want one changed", r.Orders)
	}
	last := b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", 3)[2]
	var event struct {
		Revision       int
		PreviousStatus string `json:"previous_status"`
		Changes        []struct{ Path string }
	}
	b.decode(last.Data(), &event)
	var paths []string
	for _, c := range event.Changes {
		paths = append(paths, c.Path)
	}
	got, _ := json.Marshal(paths)
	want := `["status","shipped_quantity","open_quantity","lines/001/status","lines/001/open","lines/001/shipped","lines/001/schedule"]`
	if string(got) != want || event.Revision != 2 || event.PreviousStatus != "open" {
		t.Errorf("got revision %d, previous status %s, changes %s, want 2, open, %s", event.Revision, event.PreviousStatus, got, want)
	}
	b.settled()
	if n := b.count("ORDERBEAT_ORDERS"); n != 3 {
		t.Errorf("got %d events, want 3", n)
	}
}

func TestBadRequestsEndWithAResult(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	ended, err := b.conn.SubscribeSync("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.ORDERBEAT_RUNS.planner")
	if err != nil {
		t.Fatal(err)
	}
	huge := `{"lookback":"` + strings.Repeat("9", 1<<20-1000) + `"}`
	cases := []struct{ subject, body, want string }{
		{"orderbeat.runs.michelin.sync", `{"lookback":`, "not a JSON object"},
		{"orderbeat.runs.michelin.sync", `[]`, "not a JSON object"},
		{"orderbeat.runs.goodyear.sync", ``, `unknown provider "goodyear"`},
		{"orderbeat.runs.michelin.dance", ``, `unknown kind "dance"`},
		{"orderbeat.runs.michelin.sync", `{"accounts":["nobody"]}`, `unknown account "nobody"`},
		{"orderbeat.runs.michelin.sync", `{"from":"2026-02-01","to":"2026-01-01"}`, "the window is empty"},
		{"orderbeat.runs.michelin.sync", huge, "not a duration"},
		{"orderbeat.runs.michelin.sync.now", ``, "not runs.<provider>.<kind>"},
	}
	for i, c := range cases {
		b.publish(c.subject, c.body, nil)
		r := b.result(i + 1)
		if r.State != jobs.Failed || len(r.Errors) != 1 || r.Errors[0].Code != clients.CodeInvalid || !strings.Contains(r.Errors[0].Message, c.want) {
			t.Errorf("%s %.60s: got %s %+v, want failed and invalid: %s", c.subject, c.body, r.State, r.Errors, c.want)
		}
		if stored, found, err := b.db.Run(t.Context(), r.ID); err != nil || !found || stored.State != jobs.Failed {
			t.Errorf("run %s is stored as %+v (%v), want failed", r.ID, stored, err)
		}
		if advisory, err := ended.NextMsg(time.Minute); err != nil || !strings.Contains(string(advisory.Data), "reason") {
			t.Errorf("%s %.60s: got %v, want the message terminated with its reason", c.subject, c.body, err)
		}
	}
	b.settled()
	if b.supplier.calls() != 0 {
		t.Error("the supplier was asked")
	}
}

func TestMessageIDStartsOneRun(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	id := nats.Header{"Nats-Msg-Id": {"only-once"}}
	b.publish("orderbeat.runs.michelin.sync", ``, id)
	first := b.result(1)
	b.settled()
	// The database recognises it when the stream no longer does.
	stream, err := b.js.Stream(t.Context(), "ORDERBEAT_RUNS")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	if err := b.js.DeleteStream(t.Context(), config.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := b.js.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	b.publish("orderbeat.runs.michelin.sync", ``, id)
	b.publish("orderbeat.runs.michelin.sync", ``, nil)
	if second := b.result(2); second.ID == first.ID {
		t.Fatal("got the first run's result twice")
	}
	b.settled()
	if n := b.count("ORDERBEAT_RESULTS"); n != 2 {
		t.Errorf("got %d results, want 2: one for each id", n)
	}
}

func TestFailedAttemptIsRetriedLater(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	ok := lists(0, "SO1")
	b.supplier.answers(func(ctx context.Context, q clients.Query) (clients.Answer, error) {
		if b.supplier.calls() < 3 {
			return clients.Answer{}, unavailable()
		}
		return ok(ctx, q)
	})
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", 1)
	if r := b.result(1); r.State != jobs.Succeeded || b.supplier.calls() != 3 {
		t.Errorf("got %s after %d calls, want succeeded after 3", r.State, b.supplier.calls())
	}
	b.settled()
}

func TestJobWithoutAttemptsLeftIsDead(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) { c.Providers[0].Retry.Attempts = 1 })
	b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		if q.Account.Name == "detroit" {
			return clients.Answer{}, unavailable()
		}
		return clients.Answer{}, nil
	})
	b.publish("orderbeat.runs.michelin.sync", ``, nil)
	r := b.result(1)
	if r.State != jobs.Partial || r.Jobs.Dead != 1 || r.Jobs.Succeeded != 1 || len(r.Errors) != 1 || r.Errors[0].Account != "detroit" {
		t.Errorf("got %+v, want partial: detroit is dead, the other succeeded", r)
	}
	b.settled()
}

func TestPanicFailsTheJob(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.supplier.answers(func(context.Context, clients.Query) (clients.Answer, error) { panic("oops") })
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	r := b.result(1)
	if r.State != jobs.Failed || r.Errors[0].Code != clients.CodeInternal || !strings.HasPrefix(r.Errors[0].Message, "panic: oops\n") || len(r.Errors[0].Message) > 1000 {
		t.Errorf("got %+v, want a failed run with the panic and its stack", r)
	}
	list, err := b.db.RunJobs(t.Context(), r.ID)
	if err != nil || len(list) != 1 || list[0].State != jobs.Failed || !strings.Contains(list[0].Error, "road_test.go") || len(list[0].Error) <= 1000 {
		t.Errorf("got %+v, %v, want the job failed with its whole stack", list, err)
	}
	live := b.request("orders.get", `{"provider":"michelin","account":"detroit","order_id":"SO9"}`, nil)
	if text := string(live.Data); !strings.Contains(text, "panic: oops") || strings.Contains(text, ".go") {
		t.Errorf("got %s, want the panic without its stack", text)
	}
	b.supplier.answers(lists(0, "SO1"))
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	if r := b.result(3); r.State != jobs.Succeeded {
		t.Errorf("got %s after the panic, want succeeded", r.State)
	}
}

func TestLargeEventIsTruncated(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) { c.NATS.MaxPayload = 64 << 10 })
	b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		return clients.Answer{Orders: []clients.Order{order(q.Account.Name, "SO1", 0, strings.Repeat("x", 80<<10))}}, nil
	})
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	event := b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", 1)[0]
	var fields map[string]json.RawMessage
	b.decode(event.Data(), &fields)
	if fields["order"] != nil || string(fields["truncated"]) != "true" || string(fields["order_id"]) != `"SO1"` {
		t.Errorf("got %.300s, want everything but the order, and truncated", event.Data())
	}
	document := b.document(event.Headers())
	b.decode(document, &fields)
	if fields["order"] == nil || len(document) < 80<<10 {
		t.Errorf("got %.300s, want the whole event", document)
	}
	b.request("events.replay", `{"provider":"michelin"}`, nil)
	again := b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", 2)[1]
	if name := again.Headers().Get("Orderbeat-Document"); name != event.Headers().Get("Orderbeat-Document") || string(b.document(again.Headers())) != string(document) {
		t.Errorf("got document %s of the republished event, want that of the event", name)
	}
}

// document reads the whole body of a truncated event.
func (b *bench) document(header nats.Header) []byte {
	b.t.Helper()
	documents := bus.Documents{Conn: &bus.Conn{JS: b.js, Config: b.config.NATS}}
	body, err := documents.Read(b.t.Context(), header.Get("Orderbeat-Document"))
	if err != nil {
		b.t.Fatal(err)
	}
	return body
}

// A truncated event waits, with later ones of its order, while its document cannot be stored.
func TestTruncatedEventWaitsForItsDocument(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) { c.NATS.MaxPayload = 64 << 10 })
	if _, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OBJ_ORDERBEAT_DOCUMENTS", Subjects: []string{"elsewhere"}}); err != nil {
		t.Fatal(err)
	}
	large := func(shipped int64) func(context.Context, clients.Query) (clients.Answer, error) {
		return func(_ context.Context, q clients.Query) (clients.Answer, error) {
			return clients.Answer{Orders: []clients.Order{order(q.Account.Name, "SO1", shipped, strings.Repeat("x", 80<<10)), order(q.Account.Name, "SO2", shipped, "")}}, nil
		}
	}
	b.supplier.answers(large(0))
	b.sync("detroit")
	a := b.alerted(unpublishable.CodeUnpublishable, alerts.AlertRaised)
	if !strings.Contains(a.Message, "its document cannot be stored: object store ORDERBEAT_DOCUMENTS: ") {
		t.Errorf("got %+v, want it to say why", a)
	}
	b.supplier.answers(large(1))
	b.sync("detroit")
	b.eventually("other orders go on", func() bool { return b.holds("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.detroit.SO2") == 2 })
	if n := b.holds("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.detroit.SO1"); n != 0 {
		t.Errorf("got %d events without a document", n)
	}
	if err := b.js.DeleteStream(t.Context(), "OBJ_ORDERBEAT_DOCUMENTS"); err != nil {
		t.Fatal(err)
	}
	b.eventually("both are published", func() bool { return b.holds("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.detroit.SO1") == 2 })
	if got := fmt.Sprint(b.revisions("SO1")); got != "[1 2]" {
		t.Errorf("got revisions %s, want them in order", got)
	}
}

func TestEventsWithChangesOnly(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) { c.OnlyChanges = true })
	b.supplier.answers(lists(0, "SO1"))
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	b.result(1)
	b.supplier.answers(lists(1, "SO1"))
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	for i, msg := range b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", 2) {
		contracttest.Valid(t, msg.Headers().Get("ce-dataschema"), msg.Data())
		var fields map[string]json.RawMessage
		b.decode(msg.Data(), &fields)
		if has, want := fields["order"] != nil, i == 0; has != want {
			t.Errorf("event %d: has the order: %t, want %t: %s", i+1, has, want, msg.Data())
		}
	}
	if g := b.ask("orders.get", `{"provider":"michelin","account":"detroit","order_id":"SO1"}`); g.Revision != 2 || g.Order.OrderID != "SO1" {
		t.Errorf("got revision %d of %q, want the whole order as of revision 2", g.Revision, g.Order.OrderID)
	}
}

func TestOrderIsLateInItsAccountsTimeZone(t *testing.T) {
	t.Parallel()
	kiritimati, err := time.LoadLocation("Pacific/Kiritimati") // UTC+14
	if err != nil {
		t.Fatal(err)
	}
	niue, err := time.LoadLocation("Pacific/Niue") // UTC-11: always at least a day behind Kiritimati
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, func(c *worker.Config) {
		c.Providers[0].Accounts = []clients.Account{{Name: "detroit", Location: kiritimati}, {Name: "toledo", Location: niue}}
	})
	yesterday := clients.DateOf(time.Now().In(kiritimati)).AddDays(-1) // there; today or later on Niue
	b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		o := order(q.Account.Name, "SO1", 0, "")
		o.Lines[0].Schedule[0].DeliveryOn = yesterday
		o.Normalize()
		return clients.Answer{Orders: []clients.Order{o}}, nil
	})
	b.publish("orderbeat.runs.michelin.sync", "", nil)
	b.result(1)
	for _, msg := range b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", 3) {
		if msg.Headers().Get("ce-type") != outbox.TypeOrderLate {
			continue
		}
		var late orders.LateBody
		b.decode(msg.Data(), &late)
		if late.Account != "detroit" || late.PromisedOn != yesterday || late.DaysLate != 1 || len(late.LateLines) != 1 || late.Revision != 1 {
			t.Errorf("got %+v, want detroit's order late by one day", late)
		}
		if id, want := msg.Headers().Get("ce-id"), "michelin.detroit.SO1.late."+string(yesterday); id != want {
			t.Errorf("ce-id: got %s, want %s", id, want)
		}
		return
	}
	t.Error("no late event among the three, want one beside the two orders")
}
