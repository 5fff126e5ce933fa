package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// An order that its provider no longer lists or finds is published as vanished exactly once,
// after its own events, however the process ends.
func TestVanishedOrderIsPublishedOnceDespiteKills(t *testing.T) {
	t.Parallel()
	var forgotten atomic.Bool
	var down atomic.Bool
	const order = `{"id":"A-1","day":"%s","state":"open"}`
	today := time.Now().UTC().Format(time.DateOnly)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/orders" && forgotten.Load():
			fmt.Fprint(w, `{"orders":[]}`)
		case r.URL.Path == "/orders":
			fmt.Fprintf(w, `{"orders":[`+order+`]}`, today)
		case r.URL.Path == "/orders/A-1" && !forgotten.Load():
			fmt.Fprintf(w, `{"orders":[`+order+`]}`, today)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	config := filepath.Join(t.TempDir(), "config.toml")
	text := fmt.Sprintf(`
[nats]
listen = "127.0.0.1:0"
[web]
listen = "127.0.0.1:0"
[providers.acme]
kind = "declared"
base_url = %q
allow_insecure_http = true
scheme = "none"
retry = { attempts = 1, for = "1m" }
map = '.orders[] | {order_id: .id, ordered_on: .day, status: .state}'
[providers.acme.orders]
path = "/orders"
[providers.acme.fetch]
path = '/orders/\($order_id)'
empty = [404]
[[providers.acme.accounts]]
name = "main"
`, server.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, config)
	runs := 0
	ask := func(kind, body string) {
		t.Helper()
		runs++
		p.publish("orderbeat.runs.acme."+kind, body)
		p.eventually(kind+" has ended", func() bool { return p.count("runs WHERE state NOT IN ('queued', 'running')") == runs })
	}
	ask("sync", ``)
	const rounds = 4
	for range rounds {
		forgotten.Store(true)
		down.Store(true)
		ask("sync", `{"from":"2026-01-01","to":"2026-01-02"}`) // it is not in this window
		down.Store(false)
		ask("fetch", `{"order_ids":["B-404"]}`)
		ask("sync", ``)
		if n := p.count("orders WHERE not_found_since IS NOT NULL"); n != 0 {
			t.Fatalf("got %d vanished, want none before it was asked for by its number", n)
		}
		runs++
		p.publish("orderbeat.runs.acme.track", ``)
		p.eventually("it vanished", func() bool { return p.count("orders WHERE not_found_since IS NOT NULL") == 1 })
		p.kill()
		p = startProcess(t, config)
		ask("track", ``)
		shown := do(t, "--config", config, "order", "A-1")
		listed := do(t, "--config", config, "orders")
		if !strings.Contains(shown.stdout, "not found since 20") || !strings.Contains(listed.stdout, "NOT FOUND SINCE") || !strings.Contains(listed.stdout, "open") {
			t.Errorf("got\n%s\n%s, want it open and not found", shown.stdout, listed.stdout)
		}
		forgotten.Store(false)
		ask("fetch", `{"order_ids":["A-1"]}`)
		if n := p.count("orders WHERE not_found_since IS NOT NULL"); n != 0 {
			t.Errorf("got it not found after it was seen again")
		}
	}
	p.eventually("everything is published", func() bool { return p.count("outbox") == 0 })
	var types []string
	for _, msg := range p.told("ORDERBEAT_ORDERS", "orderbeat.orders.acme.main.A-1", p.messages("ORDERBEAT_ORDERS")) {
		types = append(types, msg.Headers().Get("ce-type"))
	}
	want := outbox.TypeOrderCreated + strings.Repeat(" "+outbox.TypeOrderVanished, rounds)
	if got := strings.Join(types, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := p.count("runs WHERE state = '" + string(jobs.Succeeded) + "'"); n < runs-rounds {
		t.Errorf("got %d runs that succeeded of %d", n, runs)
	}
	p.stop()
}
