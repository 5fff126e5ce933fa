package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/api"
)

// TestCommandsOnAFollower runs commands beside a leader and beside a follower: those that read the database of
// the follower say so once, with its lag, and not on stdout.
func TestCommandsOnAFollower(t *testing.T) {
	t.Parallel() // mostly waits
	o, nats, root := newOutside(t), newDepot(t), t.TempDir()
	configs := map[string]string{}
	for _, name := range []string{"leader", "follower"} {
		configs[name] = steady(t, filepath.Join(root, name), o, fmt.Sprintf("url = %q", nats.server.ClientURL()))
	}
	leader := enlist(t, configs["leader"])
	leader.says("orderbeat is running", 1)
	follower := enlist(t, configs["follower"])
	standsBy(t, follower)
	ran(t, leader, 2)
	on := func(name string, args ...string) result {
		t.Helper()
		r := do(t, append([]string{"--config", configs[name]}, args...)...)
		if r.status != cli.Done {
			t.Errorf("%v: got status %d, %s", args, r.status, r.stderr)
		}
		return r
	}
	const note = "this is a follower: its database is "
	follower.eventually("it is known how far behind the follower is", func() bool { return strings.HasPrefix(on("follower", "orders").stderr, note+"as of ") })
	leader.eventually("the leader knows the follower", func() bool {
		_, page := leader.get("/metrics")
		return strings.Contains(page, "\norderbeat_fleet_processes{does=\"follows\"} 1\n")
	})
	for args, notCopied := range map[string]string{
		"orders": "", "runs": "jobs, and runs that have not ended", "jobs": "jobs", "exchanges": "exchanges", "schedules": "due times, and pauses", "alerts": "",
	} {
		r := on("follower", args)
		if strings.Count(r.stderr, note) != 1 || !strings.Contains(r.stderr, " behind; the leader is on ") || strings.Contains(r.stdout, "follower") {
			t.Errorf("%s: got %s", args, r.stderr)
		}
		if _, got, _ := strings.Cut(r.stderr, "not copied to a follower: "); notCopied == "" != (got == "") || !strings.HasPrefix(got, notCopied) {
			t.Errorf("%s: got %s, want that it has no %s", args, r.stderr, notCopied)
		}
		if r := on("leader", args); strings.Contains(r.stderr, "follower") {
			t.Errorf("%s: got %s on the leader", args, r.stderr)
		}
	}
	if r := on("follower", "orders", "--json"); !json.Valid([]byte(r.stdout)) || strings.Count(r.stderr, note) != 1 {
		t.Errorf("got %s, %s", r.stdout, r.stderr)
	}
	for _, name := range []string{"leader", "follower"} {
		r := on(name, "status", "--json")
		if strings.Count(r.stderr, "answered by the worker at ") != 1 {
			t.Errorf("got %s, want which worker replied", r.stderr)
		}
		var status struct{ Processes []api.Process }
		if err := json.Unmarshal([]byte(r.stdout), &status); err != nil {
			t.Fatal(err)
		}
		leads := slices.IndexFunc(status.Processes, func(p api.Process) bool { return slices.Contains(p.Does, api.Leads) })
		follows := slices.IndexFunc(status.Processes, func(p api.Process) bool { return slices.Contains(p.Does, api.Follows) && p.Lag != nil })
		if len(status.Processes) != 2 || leads < 0 || follows < 0 {
			t.Errorf("got %+v, want a leader and a follower", status.Processes)
		}
	}
	if r := on("follower", "status"); !strings.Contains(r.stdout, "leads") || !strings.Contains(r.stdout, "follows") || !strings.Contains(r.stdout, "LAG") {
		t.Errorf("got %s", r.stdout)
	}

	if status := follower.stop(); status != cli.Done {
		t.Errorf("got exit status %d", status)
	}
	leader.eventually("the leader knows that the follower has stopped", func() bool {
		return strings.HasPrefix(on("follower", "orders").stderr, "no process is known to run on this database, which may be out of date; the leader is on ")
	})
	if status := leader.stop(); status != cli.Done {
		t.Errorf("got exit status %d", status)
	}
	if r := on("leader", "orders", "--limit", "1000"); r.stderr != "" {
		t.Errorf("got %s without any worker", r.stderr)
	}
}
