package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"orderbeat/cmd/orderbeat/cli"
)

// A successful check says nothing about orders: their alert stays raised until a sync succeeds.
func TestSuccessfulCheckResolvesNoOrderAlert(t *testing.T) {
	t.Parallel()
	var allowed atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/orders" && !allowed.Load() {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"orders":[]}`)
	}))
	t.Cleanup(server.Close)
	config := filepath.Join(t.TempDir(), "config.toml")
	text := fmt.Sprintf(`
[nats]
listen = "127.0.0.1:%s"
[web]
listen = ""
[providers.acme]
kind = "declared"
base_url = %q
allow_insecure_http = true
scheme = "none"
ping = "/ping"
map = '.orders[] | {order_id: .id}'
[providers.acme.orders]
path = "/orders"
[[providers.acme.accounts]]
name = "main"
`, freePort(t), server.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startHere(t, config)
	ended := 0
	ask := func(kind, state string) {
		t.Helper()
		ended++
		p.publish("orderbeat.runs.acme."+kind, ``)
		if r := p.results(ended)[ended-1]; string(r.State) != state {
			t.Fatalf("%s: got %+v, want it %s", kind, r, state)
		}
	}
	const forbidden = "alerts WHERE code = 'forbidden' AND state = 'raised' AND account = 'main'"
	ask("sync", "failed")
	if n := p.count(forbidden); n != 1 {
		t.Fatalf("got %d alerts, want one about the orders", n)
	}
	ask("check", "succeeded")
	if r := do(t, "--config", config, "doctor"); r.status != cli.Done {
		t.Fatalf("doctor: got %+v, want everything well", r)
	}
	ended++ // the doctor's run
	if n := p.count(forbidden); n != 1 {
		t.Errorf("got %d alerts after checks that succeeded, want that about the orders", n)
	}
	allowed.Store(true)
	ask("sync", "succeeded")
	if n := p.count(forbidden); n != 0 {
		t.Errorf("got %d alerts after the orders came, want none", n)
	}
}
