package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/cli"
)

func TestHealthExitStatusFollowsReadiness(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	password := fmt.Sprintf("auth = { user = \"ops\", password = \"file:%s\" }\n", filepath.Join(folder, "web-password"))
	writeSecret(t, folder, "web-password", "open sesame")
	config := writeConfig(t, "[nats]\nlisten = \"127.0.0.1:0\"\n"+webOn(t, "127.0.0.1", password))
	if r := do(t, "--config", config, "health"); r.status != cli.Failed || !strings.Contains(r.stderr, "no orderbeat worker responds at http://127.0.0.1:") {
		t.Errorf("without a worker: got %+v", r)
	}
	p := startHere(t, config)
	p.eventually("it is ready", func() bool { return do(t, "--config", config, "health").status == cli.Done })
	for _, flag := range []string{"--live", "--leader"} {
		if r := do(t, "--config", config, "health", flag); r.status != cli.Done || r.stdout != "ok\n" {
			t.Errorf("%s: got %+v", flag, r)
		}
	}
	if r := do(t, "--config", config, "health", "--live", "--leader"); r.status != cli.Usage {
		t.Errorf("both flags: got %+v", r)
	}
}

func TestHealthReportsWhyTheWorkerIsNotReady(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			http.Error(rw, "lease: \x1b[31mno room", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(page.Close)
	config := writeConfig(t, fmt.Sprintf("[web]\nlisten = %q\n", page.Listener.Addr()))
	if r := do(t, "--config", config, "health"); r.status != cli.Failed || r.stderr != "orderbeat: not ready: lease:  [31mno room\n" {
		t.Errorf("got %+v", r)
	}
	if r := do(t, "--config", config, "health", "--live"); r.status != cli.Done {
		t.Errorf("--live: got %+v", r)
	}
}
