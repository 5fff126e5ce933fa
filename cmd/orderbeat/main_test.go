package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/cmd/orderbeat/cli"
)

var update = flag.Bool("update", false, "write the golden files anew")

// ulids matches the ids of runs.
var ulids = regexp.MustCompile(`01[0-9A-HJKMNP-TV-Z]{24}`)

// result is the result of one command.
type result struct {
	status         int
	stdout, stderr string
}

// do runs a command line in an environment that is empty.
func do(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), args, func(string) string { return "" }, &stdout, &stderr)
	return result{status, stdout.String(), stderr.String()}
}

// golden compares with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// writeConfig puts a configuration with one provider into a folder of its own.
func writeConfig(t *testing.T, more string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "config.toml")
	text := more + `
[sandbox]
listen = "127.0.0.1:0"
[providers.michelin]
kind = "michelin"
[[providers.michelin.accounts]]
name = "detroit"
bill_to = "1111111"
timezone = "America/Detroit"
[[providers.michelin.accounts]]
name = "toledo"
bill_to = "2222222"
[[schedules]]
name = "nightly"
cron = "30 2 * * *"
at_start = true
timezone = "America/Detroit"
provider = "michelin"
kind = "sync"
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitStatuses(t *testing.T) {
	good := writeConfig(t, "")
	bad := writeConfig(t, "[db]\npth = \"x\"\n")
	astray := writeConfig(t, `[db]
path = "/dev/null/nowhere" # so that a worker cannot begin to work
[providers.mazda]
kind = "mazda"
redirect_uri = "https://127.0.0.1:8321/metrics"
[[providers.mazda.accounts]]
name = "one"
user = "johndoe"
org = "10030/MMD"
`)
	unreachable := writeConfig(t, "[nats]\nlisten = \"127.0.0.1:1\"\n")
	secluded := writeConfig(t, "[nats]\nlisten = \"\"\n")
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		name   string
		args   []string
		status int
		stderr string
	}{
		{"help", []string{"--help"}, cli.Done, ""},
		{"an unknown command", []string{"snyc"}, cli.Usage, `unknown command "snyc" for "orderbeat"`},
		{"an unknown flag", []string{"orders", "--lat"}, cli.Usage, "see orderbeat orders --help"},
		{"no argument", []string{"sync"}, cli.Usage, "expected one argument, the provider, got 0"},
		{"too many arguments", []string{"order", "a", "b"}, cli.Usage, "expected one argument, the order's number or reference, got 2"},
		{"flags that exclude each other", []string{"orders", "--json", "--csv"}, cli.Usage, "[csv json]"},
		{"a window said twice", []string{"sync", "michelin", "--from", "2026-01-01", "--lookback", "1d"}, cli.Usage, "[from lookback]"},
		{"an end without a beginning", []string{"sync", "michelin", "--to", "2026-01-01"}, cli.Usage, "--to needs --from"},
		{"no day", []string{"sync", "michelin", "--from", "yesterday"}, cli.Usage, `--from: "yesterday" is not a date`},
		{"two that are no days", []string{"sync", "michelin", "--from", "x", "--to", "y"}, cli.Usage, `--from: "x" is not a date`},
		{"no lookback", []string{"sync", "michelin", "--lookback", "long"}, cli.Usage, `--lookback: "long" is not a duration`},
		{"no status", []string{"orders", "--status", "lost"}, cli.Usage, `--status: "lost" is not one of unknown, backordered`},
		{"no time", []string{"orders", "--since", "ago"}, cli.Usage, `--since: "ago" is neither a duration`},
		{"no limit", []string{"orders", "--limit", "0"}, cli.Usage, "--limit must be at least 1, got 0"},
		{"no state", []string{"runs", "--state", "waiting"}, cli.Usage, `--state: "waiting" is not one of queued`},
		{"no configuration", []string{"check"}, cli.Usage, "`orderbeat init` writes one that works"},
		{"a named configuration that is not there", []string{"check", "--config", "x.toml"}, cli.Usage, "x.toml: cannot read the configuration"},
		{"a wrong configuration", []string{"check", "--config", bad}, cli.Usage, `:2:1: db.pth: unknown key; did you mean "path"?`},
		{"a wrong configuration of a worker", []string{"run", "--config", bad}, cli.Usage, `:2:1: db.pth: unknown key; did you mean "path"?`},
		{"a redirect URI that is a page of ours", []string{"check", "--config", astray}, cli.Usage, ":5:1: providers.mazda.redirect_uri: must have another path"},
		{"a redirect URI that is a page of a worker's", []string{"run", "--config", astray}, cli.Usage, ":5:1: providers.mazda.redirect_uri: must have another path"},
		{"no database", []string{"orders", "--config", good}, cli.Failed, "there is no database at "},
		{"no worker", []string{"sync", "michelin", "--config", unreachable}, cli.Failed, "no orderbeat worker responds at nats://127.0.0.1:1; start one with `orderbeat run`"},
		{"a worker that nobody reaches", []string{"sync", "michelin", "--config", secluded}, cli.Failed, `nats.listen is ""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := do(t, test.args...)
			if got.status != test.status || !strings.Contains(got.stderr, test.stderr) {
				t.Errorf("got status %d, want %d; stderr:\n%s\nwant in it: %s", got.status, test.status, got.stderr, test.stderr)
			}
			if got.status != cli.Done && got.stdout != "" {
				t.Errorf("stdout: got %q, want nothing", got.stdout)
			}
		})
	}
}

func TestCheckShowsWhatWouldRun(t *testing.T) {
	path := writeConfig(t, "")
	got := do(t, "check", "--config", path)
	if got.status != cli.Done {
		t.Fatalf("status %d: %s", got.status, got.stderr)
	}
	due := regexp.MustCompile(`(?m)^  \w{3} \d{4}-\d\d-\d\d 02:30:00 E[SD]T$`)
	if n := len(due.FindAllString(got.stdout, -1)); n < 4 { // on one day of the year it is 03:00
		t.Errorf("%d due times in:\n%s", n, got.stdout)
	}
	text := strings.ReplaceAll(got.stdout, filepath.Dir(path), "DIR")
	golden(t, "check.txt", regexp.MustCompile(`(?m)^  \w{3} \d{4}-.*$`).ReplaceAllString(text, "  DUE"))

	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("check left %v beside the configuration, want nothing", entries)
	}
}

func TestCheckAsJSON(t *testing.T) {
	got := do(t, "check", "--json", "--config", writeConfig(t, ""))
	const dueTimes = 5 // of each schedule
	var report struct {
		Providers []struct{ Accounts []any }
		Schedules []struct{ Due []time.Time }
	}
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Providers) != 1 || len(report.Providers[0].Accounts) != 2 || len(report.Schedules[0].Due) != dueTimes {
		t.Errorf("got %+v", report)
	}
}

func TestShippedConfigurationIsValid(t *testing.T) {
	got := do(t, "check", "--config", "../../config.toml")
	if got.status != cli.Done {
		t.Fatalf("status %d:\n%s", got.status, got.stderr)
	}
	for _, want := range []string{"detroit  1111111  America/Detroit", "toledo   2222222  America/New_York", "windsor  3333333  America/Toronto", `cron "@every 20s"`} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("want %q in:\n%s", want, got.stdout)
		}
	}
}

func TestVersion(t *testing.T) {
	got := do(t, "version")
	if got.status != cli.Done || !strings.HasPrefix(got.stdout, "orderbeat ") || !strings.Contains(got.stdout, "built with go1.") {
		t.Errorf("got %+v", got)
	}
	var b build
	if err := json.Unmarshal([]byte(do(t, "version", "--json").stdout), &b); err != nil || b.Go == "" {
		t.Errorf("--json: got %+v, %v", b, err)
	}
}

// What a worker or a provider says reaches a terminal through every command alike.
func TestErrorsControlNoTerminal(t *testing.T) {
	const hostile = "a\x1b]0;pwned\a\x1b[31m\u009b2J\u202etxt\u2066x\u200f\r\x7f\x00"
	var stdout, stderr bytes.Buffer
	if status := run(context.Background(), []string{"order", hostile, "--config", writeConfig(t, "")}, func(string) string { return "" }, &stdout, &stderr); status == cli.Done {
		t.Error("got status 0, want no such order")
	}
	controls := func(r rune) bool { return r != '\n' && cli.Plain(string(r)) != string(r) }
	if text := stdout.String() + stderr.String(); strings.ContainsFunc(text, controls) {
		t.Errorf("got %q, want no character that controls a terminal", text)
	}
}

// A command that has only subcommands prints its help.
func TestGroupsPrintTheirHelp(t *testing.T) {
	for _, group := range []string{"auth", "db", "notify", "provider", "report"} {
		if r := do(t, group); r.status != cli.Done || !strings.Contains(r.stdout, "Available Commands:") {
			t.Errorf("%s: got %+v, want its help", group, r)
		}
	}
}
