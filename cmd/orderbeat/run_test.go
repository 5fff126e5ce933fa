package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
)

func TestPortInUseNamesTheKeyToChange(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	path := writeConfig(t, "")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("127.0.0.1:0"), []byte(l.Addr().String()))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	got := do(t, "run", "--config", path)
	want := "sandbox.listen: " + l.Addr().String() + " is in use"
	if got.status != cli.Failed || !strings.Contains(got.stderr, want) {
		t.Errorf("got status %d, want %d; stderr:\n%s\nwant in it: %s", got.status, cli.Failed, got.stderr, want)
	}
}

// TestStopDuringStartupIsNoFailure stops the program at several moments of its startup, and
// restarts it.
func TestStopDuringStartupIsNoFailure(t *testing.T) {
	t.Parallel()
	path := shipped(t, t.TempDir(), "@every 1h")
	for _, after := range []time.Duration{0, time.Millisecond, 4 * time.Millisecond, 20 * time.Millisecond, 80 * time.Millisecond} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(after, cancel)
		var told bytes.Buffer
		if status := run(ctx, []string{"run", "--config", path}, func(string) string { return "" }, io.Discard, &told); status != cli.Done {
			t.Errorf("stopped after %s: got exit status %d, want %d; %s", after, status, cli.Done, &told)
		}
		cancel()
	}
	startHere(t, path)
}

func TestLogIsJSONWithoutATerminal(t *testing.T) {
	var out bytes.Buffer
	log, _ := newLog(&out, config.Log{Level: "warn", Format: "auto"}, nil)
	log.Info("not told")
	log.Warn("told", "provider", "michelin")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["msg"] != "told" || line["provider"] != "michelin" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	out.Reset()
	log, _ = newLog(&out, config.Log{Level: "info", Format: "text"}, nil)
	log.Info("told", "provider", "michelin")
	if got := out.String(); !strings.HasSuffix(got, "INF told provider=michelin\n") {
		t.Errorf("text: got %q", got)
	}
}
