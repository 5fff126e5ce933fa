package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"orderbeat/clients"
	"orderbeat/jobs"
	"orderbeat/worker"
)

// got is any reply of the service.
type got struct {
	Order struct {
		OrderID   string `json:"order_id"`
		Account   string
		Status    string
		Reference string
	}
	Revision   int
	Source     string
	ObservedAt time.Time `json:"observed_at"`
	Orders     []struct {
		OrderID   string `json:"order_id"`
		Revision  int
		Truncated bool
	}
	Cursor string
	Events []struct {
		Revision  int
		Type      string
		Truncated bool
	}
	Run  jobs.Run
	Runs []jobs.Run
	Jobs []struct {
		JobID string `json:"job_id"`
	}
	Providers []struct {
		Provider string
		Accounts []struct {
			Account       string
			LastSuccessAt *time.Time `json:"last_success_at"`
		}
	}
	Error struct{ Code, Message, Hint string }
}

func (b *bench) ask(endpoint, body string) got {
	b.t.Helper()
	var g got
	b.decode(b.request(endpoint, body, nil).Data, &g)
	return g
}

func TestOrdersGet(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	if r := b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`); r.Run.State != jobs.Succeeded || r.Run.Trigger != "api" {
		t.Fatalf("got %+v, want a run that succeeded", r)
	}
	stored := b.ask("orders.get", `{"provider":"michelin","account":"detroit","order_id":"SO1"}`)
	if stored.Order.OrderID != "SO1" || stored.Source != "stored" || stored.Revision != 1 || stored.Order.Status != "open" {
		t.Errorf("got %+v, want SO1 as stored", stored)
	}
	before := b.supplier.calls()
	if young := b.ask("orders.get", `{"provider":"michelin","account":"detroit","order_id":"SO1","max_age":"1h"}`); young.Source != "stored" || b.supplier.calls() != before {
		t.Errorf("got %+v, want what is young enough from the database", young)
	}
	b.supplier.answers(lists(4, "SO1"))
	live := b.ask("orders.get", `{"provider":"michelin","account":"detroit","order_id":"SO1","max_age":"0s"}`)
	if live.Source != "live" || live.Order.Status != "shipped" || live.Revision != 2 || live.ObservedAt.Before(stored.ObservedAt) {
		t.Errorf("got %+v, want SO1 as the supplier reports it now", live)
	}
	b.supplier.answers(lists(0, "SO7"))
	if unknown := b.ask("orders.get", `{"provider":"michelin","account":"detroit","reference":"PO-SO7"}`); unknown.Source != "live" || unknown.Order.OrderID != "SO7" {
		t.Errorf("got %+v, want a live request for an order that is not stored", unknown)
	}
	b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.detroit.SO7", 1) // a live order is published like any other
}

func TestErrorReplies(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	down := func(context.Context, clients.Query) (clients.Answer, error) { return clients.Answer{}, unavailable() }
	cases := map[string]struct {
		endpoint, body string
		status, code   string
		says           string
	}{
		"an invalid body":              {"orders.get", `{`, "400", "invalid", "invalid request"},
		"an unknown member":            {"orders.get", `{"order":"SO1"}`, "400", "invalid", `unknown field "order"`},
		"an unknown provider":          {"orders.get", `{"provider":"x","order_id":"SO1"}`, "400", "invalid", `unknown provider "x"`},
		"an unknown account":           {"orders.get", `{"provider":"michelin","account":"x","order_id":"SO1"}`, "400", "invalid", `unknown account "x"`},
		"neither id nor reference":     {"orders.get", `{"provider":"michelin"}`, "400", "invalid", "order_id"},
		"an invalid max_age":           {"orders.get", `{"provider":"michelin","order_id":"SO1","max_age":"old"}`, "400", "invalid", "max_age"},
		"an unknown order":             {"orders.get", `{"provider":"michelin","order_id":"SO404"}`, "404", "not_found", "not stored"},
		"an order in two accounts":     {"orders.get", `{"provider":"michelin","order_id":"SO1"}`, "409", "invalid", "detroit/SO1"},
		"a supplier that is down":      {"orders.get", `{"provider":"michelin","account":"detroit","order_id":"SO1","max_age":"0s"}`, "503", "unavailable", "down"},
		"a run that cannot be planned": {"runs.start", `{"provider":"michelin","kind":"dance"}`, "400", "invalid", `unknown kind "dance"`},
		"an unknown run":               {"runs.get", `{"run_id":"x"}`, "404", "not_found", "no run"},
		"an unknown account in a list": {"orders.list", `{"account":"x"}`, "400", "invalid", `unknown account "x"`},
		"an unknown status":            {"orders.list", `{"status":"lost"}`, "400", "invalid", `unknown status "lost"`},
		"a negative limit":             {"orders.list", `{"limit":-2}`, "400", "invalid", "limit must not be negative"},
		"an unknown state":             {"runs.list", `{"state":"dead"}`, "400", "invalid", `unknown state "dead"`},
		"two objects":                  {"runs.list", `{}{}`, "400", "invalid", "unexpected data"},
		"an invalid time":              {"orders.list", `{"changed_since":"yesterday"}`, "400", "invalid", "changed_since"},
		"an invalid cursor":            {"orders.list", `{"cursor":"%%%"}`, "400", "invalid", "cursor"},
		"a history of nothing":         {"orders.history", `{"provider":"michelin","account":"detroit","order_id":"SO404"}`, "404", "not_found", "not stored"},
		"as much as the server takes":  {"orders.get", `{"provider":"` + strings.Repeat("x", 1<<20-300) + `"}`, "400", "invalid", "unknown provider"},
	}
	b.supplier.answers(down)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			msg := b.request(c.endpoint, c.body, nil)
			var g got
			b.decode(msg.Data, &g)
			if msg.Header.Get("Nats-Service-Error-Code") != c.status || g.Error.Code != c.code || !strings.Contains(g.Error.Message, c.says) {
				t.Errorf("got %s %s, want %s %s: %s", msg.Header.Get("Nats-Service-Error-Code"), msg.Data, c.status, c.code, c.says)
			}
			if text := msg.Header.Get("Nats-Service-Error"); text == "" || len(text) > 400 {
				t.Errorf("got Nats-Service-Error %q, want one readable line", text)
			}
		})
	}
}

func TestCallersDeadlineReachesTheProvider(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	left := make(chan time.Duration, 1)
	b.supplier.answers(func(ctx context.Context, _ clients.Query) (clients.Answer, error) {
		deadline, _ := ctx.Deadline()
		left <- time.Until(deadline)
		<-ctx.Done()
		return clients.Answer{}, &clients.Error{Code: clients.CodeUnavailable, Err: ctx.Err()}
	})
	msg := b.request("orders.get", `{"provider":"michelin","account":"detroit","order_id":"SO1"}`, nats.Header{"Orderbeat-Timeout": {"300ms"}})
	if d := <-left; d > 300*time.Millisecond || d <= 0 {
		t.Errorf("the supplier call had %s, want no more than 300ms", d)
	}
	if got := msg.Header.Get("Nats-Service-Error-Code"); got != "504" {
		t.Errorf("got %s %s, want 504", got, msg.Data)
	}
	b.eventually("the attempt is stored as failed", func() bool {
		r := b.ask("runs.list", `{"state":"failed"}`)
		return len(r.Runs) == 1 && r.Runs[0].Trigger == "live"
	})
	if msg := b.request("orders.get", `{}`, nats.Header{"Orderbeat-Timeout": {"soon"}}); msg.Header.Get("Nats-Service-Error-Code") != "400" {
		t.Errorf("got %s, want 400 for an invalid deadline", msg.Data)
	}
}

func TestWaitEndsWithTheCallersTimeout(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	release := make(chan struct{})
	b.supplier.answers(func(context.Context, clients.Query) (clients.Answer, error) {
		<-release
		return clients.Answer{}, nil
	})
	msg := b.request("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`, nats.Header{"Orderbeat-Timeout": {"200ms"}})
	if msg.Header.Get("Nats-Service-Error-Code") != "504" || !strings.Contains(string(msg.Data), "It continues") {
		t.Errorf("got %s, want 504 and that the run continues", msg.Data)
	}
	close(release)
	if r := b.result(1); r.State != jobs.Succeeded {
		t.Errorf("got %s, want the run to have gone on", r.State)
	}
}

func TestSaturatedEndpointRespondsAtOnce(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	release := make(chan struct{})
	b.supplier.answers(func(context.Context, clients.Query) (clients.Answer, error) {
		<-release
		return clients.Answer{}, nil
	})
	inbox := b.conn.NewInbox()
	replies, err := b.conn.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	const more = 300 // than the endpoint's limit
	for range more {
		if err := b.conn.PublishRequest("orderbeat.api.orders.get", inbox, []byte(`{"provider":"michelin","account":"detroit","order_id":"SO1"}`)); err != nil {
			t.Fatal(err)
		}
	}
	for range more - 256 {
		msg, err := replies.NextMsg(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if msg.Header.Get("Nats-Service-Error-Code") != "429" || !strings.Contains(string(msg.Data), `"busy"`) {
			t.Fatalf("got %s, want 429 busy", msg.Data)
		}
	}
	close(release)
	for range 256 {
		if _, err := replies.NextMsg(time.Minute); err != nil {
			t.Fatal(err)
		}
	}
}

func TestListsPageThroughEverything(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) { c.NATS.MaxPayload = 32 << 10 })
	var ids []string
	for i := range 60 {
		ids = append(ids, fmt.Sprintf("SO%03d", i))
	}
	b.supplier.answers(lists(0, ids...))
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"],"wait":true}`)
	seen, cursor, pages := map[string]bool{}, "", 0
	for {
		page := b.ask("orders.list", fmt.Sprintf(`{"account":"detroit","limit":1000,"cursor":%q}`, cursor))
		pages++
		for _, o := range page.Orders {
			seen[o.OrderID] = true
		}
		if cursor = page.Cursor; cursor == "" || pages > 60 {
			break
		}
	}
	if len(seen) != 60 || pages < 2 {
		t.Errorf("got %d orders on %d pages, want 60 on several: the server takes 32 KiB", len(seen), pages)
	}
	if h := b.ask("orders.history", `{"provider":"michelin","account":"detroit","order_id":"SO001"}`); len(h.Events) != 1 || h.Events[0].Revision != 1 {
		t.Errorf("got history %+v, want one event", h.Events)
	}
	if p := b.ask("providers.list", ``); len(p.Providers) != 1 || len(p.Providers[0].Accounts) != 2 ||
		p.Providers[0].Accounts[0].LastSuccessAt == nil || p.Providers[0].Accounts[1].LastSuccessAt != nil {
		t.Errorf("got %+v, want one provider with a success of detroit only", p.Providers)
	}
	if r := b.ask("runs.list", `{"limit":5}`); len(r.Runs) != 1 {
		t.Errorf("got %d runs, want 1", len(r.Runs))
	}
}

func TestServiceIsDiscoverable(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	var info struct {
		Name, Version string
		Endpoints     []struct{ Name, Subject string }
	}
	msg, err := b.conn.Request("$SRV.INFO.orderbeat", nil, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	b.decode(msg.Data, &info)
	var subjects []string
	for _, e := range info.Endpoints {
		subjects = append(subjects, e.Subject)
	}
	want := "orderbeat.api.orders.get orderbeat.api.orders.list orderbeat.api.orders.history orderbeat.api.runs.start " +
		"orderbeat.api.runs.get orderbeat.api.runs.list orderbeat.api.runs.cancel orderbeat.api.runs.pause orderbeat.api.runs.resume orderbeat.api.jobs.get orderbeat.api.jobs.list orderbeat.api.jobs.retry orderbeat.api.jobs.cancel orderbeat.api.schedules.list orderbeat.api.schedules.pause orderbeat.api.schedules.resume orderbeat.api.schedules.trigger orderbeat.api.events.replay orderbeat.api.exchanges.remap orderbeat.api.providers.list " +
		"orderbeat.api.fleet.list orderbeat.api.auth.status orderbeat.api.auth.introspect orderbeat.api.auth.authorize orderbeat.api.auth.logout orderbeat.api.auth.unlatch orderbeat.api.auth.rekey orderbeat.api.db.prune " +
		"orderbeat.api.config.get orderbeat.api.config.reload"
	if info.Version != "1.2.3" || strings.Join(subjects, " ") != want {
		t.Errorf("got version %s, endpoints %v, want 1.2.3 and %s", info.Version, subjects, want)
	}
	b.request("orders.list", `{}`, nil)
	b.request("orders.get", `{`, nil)
	msg, err = b.conn.Request("$SRV.STATS.orderbeat", nil, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var stats struct {
		Endpoints []struct {
			Name           string
			Requests       int    `json:"num_requests"`
			Errors         int    `json:"num_errors"`
			LastError      string `json:"last_error"`
			ProcessingTime int64  `json:"processing_time"` // nanoseconds
		}
	}
	b.decode(msg.Data, &stats)
	counted := 0
	for _, e := range stats.Endpoints {
		switch e.Name {
		case "orders-list":
			counted++
			if e.Requests != 1 || e.Errors != 0 || e.ProcessingTime < 20_000 {
				t.Errorf("got %+v, want one request that took its time", e)
			}
		case "orders-get":
			counted++
			if e.Requests != 1 || e.Errors != 1 || !strings.Contains(e.LastError, "invalid request") {
				t.Errorf("got %+v, want one request that was an error", e)
			}
		}
	}
	if counted != 2 {
		t.Errorf("got statistics %s, want those of every endpoint", msg.Data)
	}
}

func TestRunsAndJobsPageThroughEverything(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) { c.NATS.MaxPayload = 32 << 10 })
	b.supplier.answers(lists(0))
	ids := make([]string, 400)
	for i := range ids {
		ids[i] = fmt.Sprintf("SO%020d", i)
	}
	params, err := json.Marshal(map[string]any{"order_ids": ids})
	if err != nil {
		t.Fatal(err)
	}
	for range 12 {
		b.ask("runs.start", fmt.Sprintf(`{"provider":"michelin","kind":"fetch","accounts":["detroit"],"params":%s,"wait":true}`, params))
	}
	for endpoint, names := range map[string]func(got) []string{
		"runs.list": func(g got) (ids []string) {
			for _, r := range g.Runs {
				ids = append(ids, r.ID)
			}
			return ids
		},
		"jobs.list": func(g got) (ids []string) {
			for _, j := range g.Jobs {
				ids = append(ids, j.JobID)
			}
			return ids
		},
	} {
		seen, cursor, pages, last := 0, "", 0, "~"
		for {
			page := b.ask(endpoint, fmt.Sprintf(`{"limit":1000,"cursor":%q}`, cursor))
			pages++
			for _, id := range names(page) {
				if seen++; id >= last {
					t.Errorf("%s: %s comes behind %s, want the newest first and each once", endpoint, id, last)
				}
				last = id
			}
			if cursor = page.Cursor; cursor == "" || pages > 100 {
				break
			}
		}
		if seen < 12 || pages < 2 || pages > 100 {
			t.Errorf("%s: got %d on %d pages, want 12 or more on several: the server takes 32 KiB", endpoint, seen, pages)
		}
	}
}
