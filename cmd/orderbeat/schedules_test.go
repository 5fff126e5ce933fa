package main // an inside test: a main package cannot be imported

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/cmd/orderbeat/cli"
)

func TestSchedulesArePausedAndExplained(t *testing.T) {
	t.Parallel()
	config := shipped(t, t.TempDir(), "0 6 * * *")
	replace(t, config, `listen      = "127.0.0.1:0"`, `listen      = "127.0.0.1:`+freePort(t)+`"`)
	p := startHere(t, config)
	p.results(1) // of the run at start
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"schedules", cli.Done, "michelin-recent"},
		{"schedules pause michelin-recent --note maintenance", cli.Done, "michelin-recent is paused"},
		{"schedules", cli.Done, "maintenance"},
		{"schedules --json", cli.Done, `"note": "maintenance"`},
		{"schedules trigger michelin-recent", cli.Done, "see `orderbeat runs"},
		{"schedules resume michelin-recent", cli.Done, "is due next at"},
		{"schedules pause never", cli.Usage, "configured: michelin-recent"},
		{"schedules explain never", cli.Usage, "schedule \"never\" not found"},
		{"schedules explain michelin-recent --at noon", cli.Usage, "--at"},
		{"schedules explain michelin-recent", cli.Done, "at start"},
		// Clocks go forward in Detroit on 8 March 2026: 06:00 is at 11:00 and then at 10:00 UTC.
		{"schedules explain michelin-recent --at 2026-03-08T00:00:00Z", cli.Done, "2026-03-08 10:00:00  Sun 2026-03-08 06:00:00 EDT"},
	} {
		r := do(t, append([]string{"--config", config}, strings.Fields(c.args)...)...)
		if r.status != c.status || !strings.Contains(r.stdout+r.stderr, c.want) {
			t.Errorf("%s: got status %d, %s%s, want %d and %q", c.args, r.status, r.stdout, r.stderr, c.status, c.want)
		}
	}
	before := do(t, "--config", config, "schedules", "explain", "michelin-recent", "--at", time.Now().UTC().Format(time.RFC3339)).stdout
	if !strings.Contains(before, "not recorded") || !strings.Contains(before, "started") || !strings.Contains(before, "due") {
		t.Errorf("got %s, want due times from before the program ran, what ran at start, and what comes", before)
	}
}

func TestSchedulesAreListedWithoutSecrets(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "config.toml")
	text := `[web]
auth = { user = "a", password = "env:NO_SUCH_PASSWORD" }
[worker]
key = "file:no-such-key"
[providers.michelin]
kind = "michelin"
environment = "test"
client_id = "env:NO_SUCH_ID"
client_secret = "file:no-such-secret"
[[providers.michelin.accounts]]
name = "detroit"
bill_to = "1111111"
ship_to = "1234567"
[[schedules]]
name = "michelin-recent"
cron = "*/15 * * * *"
provider = "michelin"
kind = "sync"
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	newDatabase(t, path)
	for _, args := range [][]string{{"schedules"}, {"schedules", "explain", "michelin-recent"}, {"orders"}, {"runs"}, {"jobs"}, {"exchanges"}} {
		if r := do(t, append(args, "--config", path)...); r.status != cli.Done || len(args) == 1 && args[0] == "schedules" && !strings.Contains(r.stdout, "michelin-recent") {
			t.Errorf("%v: got %+v, want it read without the secrets", args, r)
		}
	}
	if r := do(t, "check", "--config", path); r.status != cli.Usage || !strings.Contains(r.stderr, "NO_SUCH_ID") || !strings.Contains(r.stderr, "NO_SUCH_PASSWORD") {
		t.Errorf("check: got %+v, want every secret missed", r)
	}
}
