package main // an inside test: a main package cannot be imported

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSystemdIsNotified starts and stops a worker as a unit of Type=notify with a watchdog.
func TestSystemdIsNotified(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "40000")
	states := make(chan string, 10_000)
	go func() { // until conn is closed: a full socket blocks the program
		packet := make([]byte, 4096)
		for {
			n, err := conn.Read(packet)
			if err != nil {
				return
			}
			states <- string(packet[:n])
		}
	}()
	next := func(want string) string {
		t.Helper()
		for patience := time.After(20 * time.Second); ; {
			select {
			case got := <-states:
				if strings.HasPrefix(got, want) {
					return got
				}
			case <-patience:
				t.Fatalf("got no %s", want)
			}
		}
	}
	p := startHere(t, shipped(t, t.TempDir(), "@every 1h"))
	next("READY=1")
	next("STATUS=leading")
	next("WATCHDOG=1")
	p.stop()
	if got := next("STOPPING=1"); !strings.Contains(got, "EXTEND_TIMEOUT_USEC=") {
		t.Errorf("got %q, want the time that a shutdown may take", got)
	}
}

func TestGreeting(t *testing.T) {
	path := writeConfig(t, "")
	a := newApp(func(string) string { return "" }, nil, nil, nil)
	a.ConfigPath = path
	c, err := a.Load()
	if err != nil {
		t.Fatal(err)
	}
	got := greetingText("", c, "http://127.0.0.1:8321")
	want := `
  running   michelin with 1 schedule, sample orders from the sandbox; Ctrl-C stops
  try next  in a second terminal: orderbeat status · orderbeat orders --open
  page      http://127.0.0.1:8321

`
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	if got := greetingText("x.toml", c, ""); !strings.Contains(got, "status --config x.toml") || strings.Contains(got, "page") {
		t.Errorf("with a configuration, without a page: got:\n%s", got)
	}
	a.RawStdout, a.RawStderr = &strings.Builder{}, &strings.Builder{}
	if greeting(a, c) != nil {
		t.Error("without a terminal: got a greeting, want none")
	}
}
