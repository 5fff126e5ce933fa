package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/jobs"
)

// TestRemapCorrectsOrders maps a declared provider's orders wrongly, corrects the mapping, and
// remaps the recorded responses while the provider is down.
func TestRemapCorrectsOrders(t *testing.T) {
	t.Parallel()
	acme, folder := newSixth(t), t.TempDir()
	config := sixth(t, folder, acme.url)
	const right, wrong = "{shipped: $line.sent, backordered: $line.due}", "{shipped: $line.due, backordered: $line.sent}"
	replace(t, filepath.Join(folder, "acme.toml"), right, wrong)
	sent := func(n int) {
		acme.set(func() {
			line := &acme.orders[n].Lines[0]
			line.State, line.Sent, line.Due = "PART SENT", "1", "3"
		})
	}
	p := startHere(t, config)
	ask := func(n int) jobs.Run {
		t.Helper()
		p.publish("orderbeat.runs.acme.sync", `{"from":"2025-12-01","to":"2026-01-31"}`)
		r := p.results(n)[n-1]
		if r.State != jobs.Succeeded {
			t.Fatalf("got %+v, want the orders", r)
		}
		return r
	}
	sent(0)
	ask(1)
	sent(3)
	second := ask(2)
	before := p.events(6) // five are new, one is changed
	p.stop()

	replace(t, filepath.Join(folder, "acme.toml"), wrong, right)
	acme.set(func() { acme.orders = nil })
	replace(t, config, acme.url, "http://127.0.0.1:1") // where nothing listens
	p = startHere(t, config)
	command := func(args ...string) result {
		t.Helper()
		return do(t, append([]string{"--config", config}, args...)...)
	}
	remap := func(args ...string) (run jobs.Run) {
		t.Helper()
		r := command(append([]string{"remap", "acme", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(r.stdout), &run); err != nil || r.status != cli.Done || run.Kind != "remap" || run.Trigger != "api" {
			t.Fatalf("remap %v: got status %d, %s%s", args, r.status, r.stdout, r.stderr)
		}
		return run
	}
	if r := remap(); r.State != jobs.Succeeded || r.Jobs.Total != 2 || r.Orders != (jobs.Tally{Seen: 10, Changed: 2, Unchanged: 8}) {
		t.Errorf("got %+v, want two orders changed by the answers that tell of them last", r)
	}
	events := p.events(8)
	p.inStep(events)
	for i, id := range []string{"A-1", "A-4"} {
		e := events[6+i]
		if changes := told(t, e); e.OrderID != id || e.Status != clients.StatusPartiallyShipped || changes["lines/10/shipped"] != "3 -> 1" || changes["lines/10/backordered"] != "1 -> 3" ||
			!e.ObservedAt.Equal(before[5].ObservedAt) {
			t.Errorf("got %s of %s at %s, want what the mapping got wrong, as of %s", changes, e.OrderID, e.ObservedAt, before[5].ObservedAt)
		}
	}
	for _, args := range [][]string{nil, {"--run", second.ID, "--account", "main"}, {"--job", second.ID + "-00001", "--since", "1h"}} {
		if r := remap(args...); r.State != jobs.Succeeded || r.Orders.Changed+r.Orders.Created != 0 || r.Orders.Seen == 0 {
			t.Errorf("%v: got %+v, want that nothing differs any more", args, r)
		}
	}
	p.eventually("the outbox is empty", func() bool { return p.count("outbox") == 0 })
	if n := p.messages("ORDERBEAT_ORDERS"); n != 8+p.count("late_notices") {
		t.Errorf("got %d events, want none of what does not differ", n)
	}
	if calls := acme.calls(); len(calls) != 0 {
		t.Errorf("got the calls %v, want none", calls)
	}
	for args, want := range map[string]string{
		"acme --until 1h": "no recorded response matches", "acme --job nobody": "no recorded response matches", "acme --account nowhere": "unknown account",
		"nobody": "unknown provider", "acme --since soon": "--since", "acme --since 1h --until 2h": "since must be before until",
	} {
		if r := command(append([]string{"remap"}, strings.Fields(args)...)...); r.status != cli.Usage || !strings.Contains(r.stderr, want) {
			t.Errorf("remap %s: got status %d, %s, want %q", args, r.status, r.stderr, want)
		}
	}

	// An invalid mapping fails and changes nothing.
	p.stop()
	replace(t, filepath.Join(folder, "acme.toml"), "order_id: .no,", "order_id: .number,")
	p = startHere(t, config)
	if r := command("remap", "acme"); r.status != cli.Failed || !strings.Contains(r.stderr, "bad_response: the response cannot be mapped: orders[0].order_id: is missing") {
		t.Errorf("got status %d, %s%s, want what is wrong", r.status, r.stdout, r.stderr)
	}
	if n := p.count("order_events"); n != 8 {
		t.Errorf("got %d events, want none", n)
	}
	p.stop()
	for place, content := range filesBelow(t, filepath.Join(folder, "data")) {
		if strings.Contains(content, sixthKey) {
			t.Errorf("%s tells the key", place)
		}
	}
}

func TestExchangesAreShown(t *testing.T) {
	t.Parallel()
	acme, folder := newSixth(t), t.TempDir()
	config := sixth(t, folder, acme.url)
	p := startHere(t, config)
	acme.set(func() { acme.busy = 1 })
	p.publish("orderbeat.runs.acme.sync", `{"from":"2025-12-01","to":"2026-01-31"}`)
	run := p.results(1)[0]
	p.stop()
	command := func(args ...string) result {
		t.Helper()
		return do(t, append([]string{"--config", config, "exchanges"}, args...)...)
	}
	var list struct {
		Exchanges []struct {
			ID        int64  `json:"exchange_id"`
			Status    int    `json:"status"`
			Attempt   int    `json:"attempt"`
			ErrorCode string `json:"error_code"`
		} `json:"exchanges"`
	}
	r := command("--run", run.ID, "--json")
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil || r.status != cli.Done || len(list.Exchanges) != 4 {
		t.Fatalf("got status %d, %s%s, want a refusal and three pages", r.status, r.stdout, r.stderr)
	}
	if x := list.Exchanges[3]; x.Status != 429 || x.ErrorCode != "throttled" || x.Attempt != 1 || list.Exchanges[0].Attempt != 2 {
		t.Errorf("got %+v, want the oldest refused", list.Exchanges)
	}
	id := strconv.FormatInt(list.Exchanges[0].ID, 10)
	for args, want := range map[string]string{
		"": "GET", "--failed": "429", "--provider acme --account main --limit 2": "200",
		id:             "\n< 200 OK",
		id + " --json": `"response_body": "{\"ok\":true`,
		id + " --body": `"no":"A-5"`,
	} {
		if r := command(strings.Fields(args)...); r.status != cli.Done || !strings.Contains(r.stdout, want) || strings.Contains(r.stdout, sixthKey) {
			t.Errorf("exchanges %s: got status %d, %s%s, want %q", args, r.status, r.stdout, r.stderr, want)
		}
	}
	if r := command("--job", "nobody"); r.status != cli.Done || r.stderr != "no exchanges match\n" {
		t.Errorf("got %+v, want none", r)
	}
	for args, status := range map[string]int{"soon": cli.Usage, "99999": cli.Failed, "--limit 0": cli.Usage, "--body": cli.Usage} {
		if r := command(strings.Fields(args)...); r.status != status {
			t.Errorf("exchanges %s: got %+v, want status %d", args, r, status)
		}
	}
}
