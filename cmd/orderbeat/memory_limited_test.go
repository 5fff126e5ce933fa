//go:build linux

package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/cmd/orderbeat/cli"
)

// expensive returns responses that are small on the wire and large in memory.
func expensive(t *testing.T) (answers [][]byte) {
	t.Helper()
	const many = 5_000_000
	for _, body := range []struct {
		begin, element string
		times          int // a multiple of 100
		end            string
	}{
		{`{"x":[[]`, ",[]", many, `],"orders":[]}`},
		{`{"x":[{}`, ",{}", many, `],"orders":[]}`},
		{`{"x":[0`, ",0", many, `],"orders":[]}`},
		{`{"x":["a"`, `,"a"`, many, `],"orders":[]}`},
		{`{"orders":[`, " ", 31_457_300, `]}`},
		{`{"orders":[{"order_id":"BIG","lines":[`, `{"line_id":"1","ordered":1},`, 20_000, `{"line_id":"2"}]}]}`},
		{`{"orders":[],"n":3000000}`, "", 0, ""},
		{`{"orders":[],"n":`, "9", many, "}"},
		{"[", "[", 31_457_300, ""},
	} {
		// A gzip file may have several members (RFC 1952, section 2.2). Repeating one saves
		// half a minute with the race detector.
		const members = 100
		answer := packed(t, body.begin)
		if body.times > 0 {
			answer = append(answer, bytes.Repeat(packed(t, strings.Repeat(body.element, body.times/members)), members)...)
		}
		answers = append(answers, append(answer, packed(t, body.end)...))
	}
	return answers
}

// packed returns text as one gzip member.
func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// crash matches the lines in which Go and C report why a process ends.
var crash = regexp.MustCompile(`(?m)^.*(?:fatal error|^runtime: |panic: |SIG[A-Z]+: |pthread_create).*$`)

// TestMemoryLimitedProcess runs one hostile and one healthy provider in a process with 2 GB of
// address space, for 20 s or $ORDERBEAT_TEST_HOSTILE ("10m"): the process survives, the healthy
// provider stays on schedule, and the hostile one's jobs fail.
func TestMemoryLimitedProcess(t *testing.T) {
	t.Parallel() // mostly waits
	duration := 10 * time.Second
	if text := os.Getenv("ORDERBEAT_TEST_HOSTILE"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	answers := expensive(t)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthy" {
			fmt.Fprint(w, `{"orders":[{"order_id":"A1","lines":[{"line_id":"1","ordered":2}]}]}`)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(answers[int(asked.Add(1))%len(answers)])
	}))
	t.Cleanup(server.Close)

	folder := t.TempDir()
	plain := filepath.Join(folder, "orderbeat") // without the race detector, which no limit leaves its address space
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", plain, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	limited := filepath.Join(folder, "limited")
	script := fmt.Sprintf("#!/bin/sh\nulimit -v 2000000\nexec %s \"$@\"\n", plain)
	if err := os.WriteFile(limited, []byte(script), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	m := enlistBinary(t, limited, hostileConfig(t, folder, server.URL))
	m.says("orderbeat is running", 1)
	end := time.Now().Add(duration)
	for time.Now().Before(end) {
		select {
		case <-m.ended:
			t.Fatalf("the process ended: %v\n%s", m.cmd.ProcessState, strings.Join(crash.FindAllString(m.logged.String(), 5), "\n"))
		case <-time.After(100 * time.Millisecond):
		}
	}
	settled := time.Now().UTC().Format(time.RFC3339)
	m.eventually("the healthy provider's runs ended", func() bool {
		return m.value("SELECT count(*) FROM runs WHERE provider = 'healthy' AND state IN ('queued', 'running') AND requested_at <= ?", settled) == "0"
	})
	m.eventually("hostile answers were refused", func() bool {
		return m.value("SELECT count(*) > 0 FROM jobs WHERE provider = 'hostile' AND error_code = 'bad_response'") == "1"
	})
	for what, query := range map[string]string{
		"due times of the healthy provider that were missed": "SELECT count(*) FROM ticks WHERE schedule = 'healthy' AND outcome NOT IN ('started', 'caught_up')",
		"runs of the healthy provider that did not succeed":  "SELECT count(*) FROM runs WHERE provider = 'healthy' AND state NOT IN ('succeeded', 'queued', 'running')",
		"jobs whose attempts ended the process":              "SELECT count(*) FROM jobs WHERE crashes > 0",
		"hostile jobs that failed in another way":            "SELECT count(*) FROM jobs WHERE provider = 'hostile' AND error_code NOT IN ('bad_response', 'unavailable')",
	} {
		if n := m.value(query); n != "0" {
			t.Errorf("%s: %s", what, n)
		}
	}
	t.Logf("%s runs of the healthy provider, %d hostile answers, %s refused attempts", m.value("SELECT count(*) FROM runs WHERE provider = 'healthy' AND state = 'succeeded'"),
		asked.Load(), m.value("SELECT count(*) FROM exchanges WHERE provider = 'hostile' AND error_code = 'bad_response'"))
	if status := m.stop(); status != cli.Done {
		t.Errorf("got exit status %d, want %d", status, cli.Done)
	}
}

func hostileConfig(t *testing.T, folder, url string) (path string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "[nats]\nlisten = \"127.0.0.1:%s\"\n%s\n", freePort(t), webOn(t, "127.0.0.1", ""))
	for name, mapping := range map[string]string{
		"healthy": ".orders[]",
		"hostile": `.orders[], (if .n then reduce range(.n) as $i (0; [.]) | tojson | empty else empty end)`,
	} {
		fmt.Fprintf(&b, "[providers.%s]\nkind = \"declared\"\nenvironment = \"production\"\nbase_url = %q\nallow_insecure_http = true\nscheme = \"none\"\nrate = \"1000/s\"\nmap = '%s'\n", name, url, mapping)
		fmt.Fprintf(&b, "[providers.%s.orders]\npath = \"/%s\"\n", name, name)
		accounts := 1
		if name == "hostile" {
			accounts = 4
		}
		for i := range accounts {
			fmt.Fprintf(&b, "[[providers.%s.accounts]]\nname = \"a%d\"\n", name, i)
		}
		fmt.Fprintf(&b, "[[schedules]]\nname = %q\ncron = \"@every 1s\"\nprovider = %q\nkind = \"sync\"\noverlap = \"allow\"\n", name, name)
	}
	path = filepath.Join(folder, "config.toml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
