package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/alerts"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

// TestDeadJobIsRetried lets a provider fail until a job's attempts are used up, and retries the
// job by command when the provider works again.
func TestDeadJobIsRetried(t *testing.T) {
	t.Parallel()
	config := shipped(t, t.TempDir(), "@every 1h")
	replace(t, config, "at_start = true ", "at_start = false")
	replace(t, config, `listen      = "127.0.0.1:0"`, `listen      = "127.0.0.1:`+freePort(t)+`"`)
	replace(t, config, "attempts = 8", "attempts = 1")
	p := startHere(t, config)
	p.sandbox("POST", "/_sandbox/fault", `{"op":"order_status","account":"1111111","status":503,"times":-1}`)
	p.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`)
	run := p.results(1)[0]
	if run.State != jobs.Failed || run.Jobs.Dead != 1 {
		t.Fatalf("got %+v, want a run whose job is dead", run)
	}
	list := do(t, "--config", config, "jobs", "--state", "dead", "--json")
	var reply struct{ Jobs []runs.JobRow }
	if err := json.Unmarshal([]byte(list.stdout), &reply); err != nil || len(reply.Jobs) != 1 {
		t.Fatalf("got %s%s", list.stdout, list.stderr)
	}
	id := reply.Jobs[0].JobID
	if r := do(t, "--config", config, "jobs", "--state", "dead"); !strings.Contains(r.stdout, id) || !strings.Contains(r.stdout, "unavailable") {
		t.Errorf("got %s%s, want the dead job", r.stdout, r.stderr)
	}
	if r := do(t, "--config", config, "jobs", id); r.status != cli.Done || !strings.Contains(r.stdout, "dead") || !strings.Contains(r.stdout, "1 attempt ended") {
		t.Errorf("got %s%s, want the job", r.stdout, r.stderr)
	}
	if alerts := p.alerts(1); alerts[0].Code != "dead_job" || !strings.Contains(alerts[0].Hint, "orderbeat jobs retry "+id) {
		t.Errorf("got %+v, want what to do", alerts[0])
	}

	p.sandbox("DELETE", "/_sandbox/fault", "")
	if r := do(t, "--config", config, "jobs", "retry", id); r.status != cli.Done || !strings.HasPrefix(r.stdout, id+" of michelin detroit is ") {
		t.Errorf("got status %d, %s%s", r.status, r.stdout, r.stderr)
	}
	if again := p.results(2)[1]; again.ID != run.ID || again.State != jobs.Succeeded || again.Orders.Created == 0 {
		t.Errorf("got %+v, want the same run to have succeeded", again)
	}
	if got := p.alerts(2); got[1].Code != "dead_job" || got[1].State != alerts.AlertResolved {
		t.Errorf("got %+v, want the alert resolved", got)
	}
	if r := do(t, "--config", config, "jobs", "retry", "--run", run.ID); r.status != cli.Done || r.stdout != "0 jobs retried\n" {
		t.Errorf("got status %d, %s%s, want nothing to retry", r.status, r.stdout, r.stderr)
	}
	p.sandbox("POST", "/_sandbox/fault", `{"op":"order_status","account":"1111111","status":503,"times":-1}`)
	p.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`)
	p.results(3)
	p.sandbox("DELETE", "/_sandbox/fault", "")
	if r := do(t, "--config", config, "jobs", "retry", "--provider", "michelin", "--since", "1h"); r.status != cli.Done || r.stdout != "1 job retried\n" {
		t.Errorf("got status %d, %s%s, want the dead job retried", r.status, r.stdout, r.stderr)
	}
	if again := p.results(4)[3]; again.State != jobs.Succeeded {
		t.Errorf("got %+v, want the run to have succeeded", again)
	}
	for args, want := range map[string]string{
		"jobs retry " + id:                      "is succeeded",
		"jobs retry":                            "give a job id, or",
		"jobs retry --state succeeded":          "is not one of",
		"jobs retry --since never":              "is neither",
		"jobs retry --run none":                 "no run",
		"jobs retry " + id + " --run " + run.ID: "give either",
		"jobs cancel none":                      "no job",
		"runs cancel none":                      "no run",
		"jobs none":                             "not found",
		"jobs --state lost":                     "is not one of",
		"runs cancel " + run.ID:                 "is succeeded",
	} {
		r := do(t, append([]string{"--config", config}, strings.Fields(args)...)...)
		if r.status == cli.Done || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: got status %d, %s, want %q", args, r.status, r.stderr, want)
		}
	}
}

func TestRunIsCancelled(t *testing.T) {
	t.Parallel()
	config := shipped(t, t.TempDir(), "@every 1h")
	replace(t, config, "at_start = true ", "at_start = false")
	replace(t, config, `listen      = "127.0.0.1:0"`, `listen      = "127.0.0.1:`+freePort(t)+`"`)
	p := startHere(t, config)
	p.sandbox("POST", "/_sandbox/fault", `{"op":"order_status","hang":true,"times":-1}`)
	p.publish("orderbeat.runs.michelin.sync", `{}`)
	var run jobs.Run
	p.eventually("the run works", func() bool {
		var reply struct{ Runs []jobs.Run }
		p.decode(p.request("runs.list", `{"state":"running"}`), &reply)
		if len(reply.Runs) == 1 {
			run = reply.Runs[0]
		}
		return len(reply.Runs) == 1
	})
	began := time.Now()
	if r := do(t, "--config", config, "runs", "cancel", run.ID); r.status != cli.Done || r.stdout != run.ID+" is cancelled: 3 jobs cancelled\n" {
		t.Errorf("got status %d, %s%s", r.status, r.stdout, r.stderr)
	}
	if result := p.results(1)[0]; result.State != jobs.Cancelled || result.Jobs.Cancelled != 3 {
		t.Errorf("got %+v, want it cancelled", result)
	}
	p.stop() // no job is running
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s to end: what hung was still in hand", took)
	}
}
