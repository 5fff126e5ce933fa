package worker_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"orderbeat/clients"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker"
)

func TestTooLongReplySubjectIsRejected(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.publish("orderbeat.runs.michelin.sync", ``, nats.Header{"Orderbeat-Reply-To": {strings.Repeat("a", 5000)}})
	if r := b.result(1); r.State != jobs.Failed || !strings.Contains(r.Errors[0].Message, "not a valid reply subject") {
		t.Errorf("got %+v, want a failed run: no server takes such a subject", r)
	}
	b.publish("orderbeat.runs.michelin.sync", ``, nil)
	if r := b.result(2); r.State != jobs.Succeeded {
		t.Errorf("got %s, want other runs to succeed", r.State)
	}
}

func TestTooLongOrderIDDelaysNoOther(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		return clients.Answer{Orders: []clients.Order{
			order(q.Account.Name, strings.Repeat("轮", 2000), 0, ""), order(q.Account.Name, "SO1", 0, ""),
		}}, nil
	})
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	if r := b.result(1); r.State != jobs.Partial || r.Orders.Created != 1 {
		t.Errorf("got %+v, want a partial run that stored the other order", r)
	}
	b.settled()
}

func TestLostStreamsAreRecreated(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	for _, name := range []string{"RUNS", "ORDERS", "RESULTS", "ALERTS"} {
		if err := b.js.DeleteStream(t.Context(), "ORDERBEAT_"+name); err != nil {
			t.Fatal(err)
		}
	}
	b.ask("runs.start", `{"provider":"michelin","kind":"sync"}`)
	b.eventually("the streams are recreated", func() bool {
		_, results := b.js.Stream(t.Context(), "ORDERBEAT_RESULTS")
		_, runs := b.js.Stream(t.Context(), "ORDERBEAT_RUNS")
		return results == nil && runs == nil
	})
	if r := b.result(1); r.State != jobs.Succeeded {
		t.Errorf("got %s, want succeeded", r.State)
	}
	b.settled()
}

func TestJobsContinueWhenEveryStreamIsLost(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	answer := make(chan struct{})
	b.supplier.answers(func(ctx context.Context, _ clients.Query) (clients.Answer, error) {
		select {
		case <-answer:
		case <-ctx.Done():
		}
		return clients.Answer{}, nil
	})
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","params":{"from":"2020-01-01","to":"2021-12-31"}}`)
	b.eventually("some jobs are running, and the others queued", func() bool {
		pending, err := b.db.Pending(t.Context(), time.Now(), 1)
		return err == nil && len(pending) == 0 && b.supplier.calls() == 4
	})
	for _, name := range []string{"RUNS", "ORDERS", "RESULTS", "ALERTS"} {
		if err := b.js.DeleteStream(t.Context(), "ORDERBEAT_"+name); err != nil {
			t.Fatal(err)
		}
	}
	close(answer)
	b.eventually("the run ends", func() bool {
		runs, err := b.db.Runs(t.Context(), runs.RunFilter{State: jobs.Succeeded})
		return err == nil && len(runs) == 1 && runs[0].Jobs.Succeeded == runs[0].Jobs.Total && runs[0].Jobs.Total > 10
	})
}

func TestRunOfARemovedProviderFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := startIn(t, folder, func(c *worker.Config) { c.Providers[0].Retry.Attempts = 9 })
	b.supplier.answers(func(context.Context, clients.Query) (clients.Answer, error) { return clients.Answer{}, unavailable() })
	b.publish("orderbeat.runs.michelin.sync", ``, nil)
	b.eventually("both jobs were tried", func() bool { return b.supplier.calls() >= 2 })
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	again := startRenamed(t, folder)
	r := again.result(1)
	if r.State != jobs.Failed || r.Jobs.Failed != 2 || r.Errors[0].Code != clients.CodeInvalid {
		t.Errorf("got %+v, want the run ended: the provider is no longer configured", r)
	}
}

func TestCallersCannotSetTheTrigger(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.publish("orderbeat.runs.michelin.sync", ``, nats.Header{"Orderbeat-Trigger": {"schedule:nightly"}, "Nats-Msg-Id": {"nightly@2026-11-20T06:00:00Z"}})
	if r := b.result(1); r.Trigger != "nats" {
		t.Errorf("got trigger %s, want nats: there is no such schedule", r.Trigger)
	}
}

func TestOrderTooLargeForAReply(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) { c.NATS.MaxPayload = 64 << 10 })
	b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		return clients.Answer{Orders: []clients.Order{order(q.Account.Name, "SO1", 0, strings.Repeat("x", 80<<10)), order(q.Account.Name, "SO2", 0, "")}}, nil
	})
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"],"wait":true}`)
	if g := b.ask("orders.get", `{"provider":"michelin","account":"detroit","order_id":"SO1"}`); g.Error.Code != "internal" || !strings.Contains(g.Error.Hint, "max_payload") {
		t.Errorf("got %+v, want an error with a hint", g.Error)
	}
	first := b.ask("orders.list", `{}`)
	if len(first.Orders) != 2 || first.Orders[0].OrderID != "SO1" || !first.Orders[0].Truncated || first.Orders[1].Truncated || first.Cursor != "" {
		t.Errorf("got %+v, want SO1 without its lines, and SO2 whole", first)
	}
	if h := b.ask("orders.history", `{"provider":"michelin","account":"detroit","order_id":"SO1"}`); len(h.Events) != 1 || !h.Events[0].Truncated {
		t.Errorf("got %+v, want the event without its order", h)
	}
}

func TestRejectedBatchIsPublishedOneByOne(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bench){
		"a stream that takes no batches": func(b *bench) {
			stream, err := b.js.Stream(t.Context(), "ORDERBEAT_ORDERS")
			if err != nil {
				t.Fatal(err)
			}
			config := stream.CachedInfo().Config
			config.AllowAtomicPublish = false
			if _, err := b.js.UpdateStream(t.Context(), config); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, nil)
			change(b)
			b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
			if r := b.result(1); r.Orders.Created != 2 {
				t.Errorf("got %+v, want two orders created", r.Orders)
			}
			b.settled()
			if n := b.count("ORDERBEAT_ORDERS"); n != 2 {
				t.Errorf("got %d events in the stream, want one for each order", n)
			}
		})
	}
}

// An event that was published just before a crash is still in the outbox at the restart. Within
// minutes the server recognises its id, later it does not.
func TestOldEventIsNotPublishedTwice(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := startIn(t, folder, nil)
	stream, err := b.js.Stream(t.Context(), "ORDERBEAT_ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.Duplicates = 100 * time.Millisecond
	if _, err := b.js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	b.result(1)
	b.settled()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	file, err := sql.Open("sqlite3", filepath.Join(folder, "orderbeat.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Exec(`
INSERT INTO outbox (topic, subject, msg_id, type, ce_subject, source, time, event)
SELECT 'orders', 'orders.michelin.detroit.' || order_id, event_id, type, '', '', '2026-01-01T00:00:00.000Z', id FROM order_events`); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * config.Duplicates) // until the server has forgotten the id
	again := startIn(t, folder, nil)
	again.settled()
	if n := again.count("ORDERBEAT_ORDERS"); n != 2 {
		t.Errorf("got %d events in the stream, want 2: each once", n)
	}
}
