package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/orders"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

// Each kind of run that people start has a command, whose flags are the kind's params.
func TestCommandsStartRuns(t *testing.T) {
	w := newStandInWorker(t)
	var asked atomic.Value
	w.answers("runs.start", func(request []byte) any {
		asked.Store(string(request))
		return runIn(jobs.Succeeded, jobs.Counts{Total: 3, Succeeded: 3})
	})
	for line, want := range map[string]string{
		"fetch michelin SO1 SO2 --reference PO-1":           `{"provider":"michelin","kind":"fetch","params":{"order_ids":["SO1","SO2"],"references":["PO-1"]}}`,
		"fetch michelin --reference PO-1 --account detroit": `{"provider":"michelin","kind":"fetch","params":{"references":["PO-1"]},"accounts":["detroit"]}`,
		"track michelin": `{"provider":"michelin","kind":"track"}`,
		"track michelin --older-than 7d --max-age 730d":  `{"provider":"michelin","kind":"track","params":{"max_age":"730d","older_than":"7d"}}`,
		"despatch michelin --lookback 3d":                `{"provider":"michelin","kind":"despatch","params":{"lookback":"3d"}}`,
		"invoice michelin --from 2026-01-01":             `{"provider":"michelin","kind":"invoice","params":{"from":"2026-01-01"}}`,
		"backfill michelin --lookback 2d --newest-first": `{"provider":"michelin","kind":"backfill","params":{"lookback":"2d","order":"newest"}}`,
	} {
		if got := do(t, append([]string{"--config", w.config}, strings.Fields(line)...)...); got.status != cli.Done || !strings.Contains(got.stdout, "(run 01JRUN)") {
			t.Errorf("%s: got %+v", line, got)
		}
		if diff := cmp.Diff(want, asked.Load()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
	w.answers("exchanges.remap", func([]byte) any { return runIn(jobs.Succeeded, jobs.Counts{}) })
	if got := do(t, "--config", w.config, "remap", "michelin"); got.status != cli.Done || got.stderr != "no jobs: there was nothing to request\n" {
		t.Errorf("got %+v, want why nothing happened", got)
	}
	for line, want := range map[string]string{
		"fetch":                         "requires at least 1 arg",
		"fetch michelin":                "give the supplier's order numbers, or --reference",
		"track michelin --max-age long": `--max-age: "long" is not a duration`,
		"backfill michelin":             "give the date range",
	} {
		if got := do(t, append([]string{"--config", w.config}, strings.Fields(line)...)...); got.status != cli.Usage || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: got %+v, want %s", line, got, want)
		}
	}
}

// TestCommandsOfAnOperator requests an order live, while the provider answers and while it does not, and
// shortens ids.
func TestCommandsOfAnOperator(t *testing.T) {
	t.Parallel()
	config := shipped(t, t.TempDir(), "@every 1h")
	replace(t, config, `listen      = "127.0.0.1:0"`, `listen      = "127.0.0.1:`+freePort(t)+`"`)
	replace(t, config, "attempts = 8", "attempts = 1")
	p := startHere(t, config)
	p.eventually("orders are stored", func() bool { return p.count("runs WHERE state = 'succeeded'") == 1 })
	command := func(line string) result {
		t.Helper()
		return do(t, append([]string{"--config", config}, strings.Fields(line)...)...)
	}
	expect := func(line string, status int, stdout, stderr string) {
		t.Helper()
		if got := command(line); got.status != status || !strings.Contains(got.stdout, stdout) || !strings.Contains(got.stderr, stderr) {
			t.Errorf("%s: got status %d, want %d\n%s%s\nwant %q and %q", line, got.status, status, got.stdout, got.stderr, stdout, stderr)
		}
	}
	list := func(line string, v any) {
		t.Helper()
		if got := command(line); json.Unmarshal([]byte(got.stdout), v) != nil {
			t.Fatalf("%s: got %+v", line, got)
		}
	}
	var all struct{ Orders []orders.StoredOrder }
	list("orders --json --account detroit --limit 1", &all)
	order := all.Orders[0].OrderID

	// A request to the provider.
	answered := "answered by the worker at "
	var view struct {
		Live  map[string]any
		Order orders.StoredOrder
	}
	list("order "+order+" --live --json", &view)
	if view.Live["source"] != "live" || !view.Order.LastSeenAt.After(all.Orders[0].LastSeenAt) {
		t.Errorf("got %+v seen at %s, want it seen after %s", view.Live, view.Order.LastSeenAt, all.Orders[0].LastSeenAt)
	}
	expect("order NEW --live", cli.Usage, "", "give --provider and --account")
	expect("order NEW --live --provider michelin --account detroit", cli.Failed, "", "neither the database nor the provider has the order")
	p.sandbox("POST", "/_sandbox/fault", `{"op":"order_status","status":503,"times":-1}`)
	expect("order "+order+" --live", cli.Failed, order+"  ", "no live state: unavailable: ")
	expect("order "+order+" --live", cli.Failed, order+"  ", answered)
	if got := command("order " + order + " --live --json"); got.status != cli.Failed || !strings.Contains(got.stdout, `"code": "unavailable"`) {
		t.Errorf("got %+v, want why there is no live state", got)
	}
	p.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`)
	p.eventually("the job is dead", func() bool { return p.count("runs WHERE state = 'failed' AND kind = 'sync'") == 1 })
	var dead struct{ Jobs []runs.JobRow }
	list("jobs --state dead --json", &dead)
	run := dead.Jobs[0].RunID
	p.sandbox("DELETE", "/_sandbox/fault", "")

	// Ids that are shortened. The last characters of these are random.
	expect("order "+order[:len(order)-1], cli.Done, order+"  ", "")
	expect("order "+order[:1], cli.Usage, "", "matches several orders")
	short := run[:16]
	expect("runs "+short, cli.Done, run, "")
	expect("runs 0", cli.Usage, "", `several runs begin with "0":`)
	expect("runs 0", cli.Usage, "", run+"  michelin sync failed")
	expect("runs 7", cli.Failed, "", `run "7" not found`)
	expect("jobs "+short, cli.Done, run+"-00001", "")
	expect("jobs 0", cli.Usage, "", `several jobs begin with "0":`)
	expect("jobs --run "+short+" --account detroit --since 1h", cli.Done, run, "")
	expect("jobs --account toledo --state dead", cli.Done, "", "no jobs match")
	expect("exchanges --since 1h --limit 1", cli.Done, "michelin", "first 1 exchange shown")
	expect("exchanges --since 2999-01-01", cli.Done, "", "no exchanges match")
	expect("runs --since 2999-01-01", cli.Done, "", "no runs match")
	expect("runs cancel 0", cli.Usage, "", `several runs begin with "0":`)
	expect("runs cancel "+short, cli.Usage, "", run+" is failed")
	expect("jobs retry --run "+short, cli.Done, "1 job retried", answered)
	expect("jobs retry 7", cli.Usage, "", "no job")
	if got := command("schedules trigger michelin-recent"); got.status != cli.Done || !strings.HasPrefix(got.stdout, "run 01") || !strings.Contains(got.stderr, answered) {
		t.Errorf("got %+v", got)
	}
	expect("schedules explain michelin-recent --since 1h --limit 1", cli.Done, "IN ITS ZONE", "")
	expect("schedules --json", cli.Done, `"accounts": []`, "")
	expect("runs --local --limit 1", cli.Done, "REQUESTED (LOCAL)", "")

	// What shells propose.
	for line, want := range map[string]string{
		"sync ": "michelin", "fetch michelin --account ": "toledo", "runs --state ": "paused", "runs --kind ": "remap",
		"orders --status ": "backordered", "schedules pause ": "michelin-recent", "jobs retry ": run + "-00001\tmichelin/detroit sync",
		"runs ": run, "exchanges --run ": run, "alerts --code ": "stale", "orders --provider michelin --account ": "windsor",
	} {
		words := strings.Fields(line)
		if got := do(t, append([]string{"__complete", "--config", config}, append(words, "")...)...); !strings.Contains(got.stdout, want) || !strings.Contains(got.stdout, ":4") {
			t.Errorf("%s: got %s, want %s", line, got.stdout, want)
		}
	}
	readWithoutSecrets(t, config)
}

// readWithoutSecrets checks that reading commands work in an environment without the secrets of the
// configuration.
func readWithoutSecrets(t *testing.T, config string) {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	secretive := strings.TrimSuffix(config, ".toml") + "-secretive.toml"
	more := `
[providers.real]
kind = "michelin"
environment = "production"
client_id = "env:MISSING_ID"
client_secret = "env:MISSING_SECRET"
[[providers.real.accounts]]
name = "paris"
bill_to = "3333333"
[[notify]]
name = "ops"
url = "env:MISSING_URL"
`
	if err := os.WriteFile(secretive, fmt.Appendf(text, "%s", more), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := do(t, "--config", secretive, "check"); got.status != cli.Usage || !strings.Contains(got.stderr, "MISSING_SECRET") {
		t.Errorf("got %+v, want the secret missing", got)
	}
	for _, line := range []string{
		"orders", "orders --late", "runs", "jobs", "alerts", "status", "providers", "schedules", "exchanges", "report suppliers", "auth status",
		"schedules explain michelin-recent", "orders --provider real",
	} {
		if got := do(t, append([]string{"--config", secretive}, strings.Fields(line)...)...); got.status != cli.Done {
			t.Errorf("%s: got %+v", line, got)
		}
	}
}
