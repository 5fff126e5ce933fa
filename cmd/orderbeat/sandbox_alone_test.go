package main // an inside test: a main package cannot be imported

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/cli"
)

func TestTheSandboxRunsAlone(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	told, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"sandbox", "--listen", "127.0.0.1:0"}, func(string) string { return "" }, w, io.Discard)
	}()
	line := make([]byte, 256)
	n, err := told.Read(line)
	_, url, ok := strings.Cut(strings.TrimSpace(string(line[:n])), "; ")
	url, _, _ = strings.Cut(url, " ")
	if err != nil || !ok {
		t.Fatalf("got %q, %v, want where it listens", line[:n], err)
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), "client_id") {
		t.Errorf("got %s, %v, want what there is", body, err)
	}
	listen := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/_sandbox/")
	if r := do(t, "sandbox", "--listen", listen); r.status != cli.Failed || !strings.Contains(r.stderr, listen+" is in use") {
		t.Errorf("a port in use: got %+v, want it told", r)
	}
	if r := do(t, "sandbox", "--day", "1ms"); r.status != cli.Usage || !strings.Contains(r.stderr, "--day: want 1s or more") {
		t.Errorf("a short day: got %+v, want it refused", r)
	}
	stop()
	if status := <-ended; status != cli.Done {
		t.Errorf("got exit status %d after a stop, want %d", status, cli.Done)
	}
}
