package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderbeat/cmd/orderbeat/cli"
)

// TestOneOfThreeWorkersLeads has three processes on one NATS, each with a database of its own, and
// kills the leader twice: every due time becomes one run, in one database.
func TestOneOfThreeWorkersLeads(t *testing.T) {
	t.Parallel() // mostly waits
	o, nats, root := newOutside(t), newDepot(t), t.TempDir()
	configs := map[string]string{}
	for _, name := range []string{"a", "b", "c"} {
		configs[name] = steady(t, filepath.Join(root, name), o, fmt.Sprintf("url = %q", nats.server.ClientURL()))
	}
	all := map[string]*member{"a": enlist(t, configs["a"])}
	all["a"].says("orderbeat is running", 1)
	all["b"], all["c"] = enlist(t, configs["b"]), enlist(t, configs["c"])
	standsBy(t, all["b"])
	standsBy(t, all["c"])
	ran(t, all["a"], 4)

	working, again := "a", 0
	for range 2 {
		all[working].kill()
		again += doneAgain(t, all[working])
		killed := working
		all["a"].eventually("another one takes over", func() bool {
			for name, m := range all {
				if name != killed && m.said("taking over") > 0 && m.said("orderbeat is running") == 1 {
					working = name
				}
			}
			return working != killed
		})
		all[killed] = enlist(t, configs[killed])
		standsBy(t, all[killed])
		ran(t, all[working], 4)
	}
	for name, m := range all {
		if name != working {
			follows(t, m, all[working])
		}
	}
	for _, name := range append(slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool { return name == working }), working) {
		if status := all[name].stop(); status != cli.Done {
			t.Errorf("%s: got exit status %d after SIGTERM, want %d", name, status, cli.Done)
		}
	}
	once(t, all, nats, o, again, 2)
}

// doneAgain counts the jobs of a killed leader that another one does again: those of runs whose result it had
// not published.
func doneAgain(t *testing.T, m *member) int {
	t.Helper()
	return howMany(t, m, "SELECT count(*) FROM jobs WHERE started_at IS NOT NULL AND run_id IN (SELECT run_id FROM runs WHERE state IN ('queued', 'running') UNION ALL SELECT ce_subject FROM outbox WHERE topic = 'results')")
}

// follows waits until a follower has what the leader's database has.
func follows(t *testing.T, follower, leader *member) {
	t.Helper()
	const content = `SELECT json_array((SELECT json_group_array(json_array(account, order_id, revision, document)) FROM (SELECT * FROM orders ORDER BY provider, account, order_id)),
		(SELECT json_group_array(json_array(event_id, type, run_id, job_id, observed_at, changes)) FROM (SELECT * FROM order_events ORDER BY provider, account, order_id, revision)))`
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		got, want := follower.value(content), leader.value(content)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			around := func(s string) string { return s[max(0, at-200):min(len(s), at+200)] }
			t.Fatalf("the follower does not have what the leader has:\n%s\nwant\n%s\nreached: %s, of the leader: %s", around(got), around(want),
				follower.value("SELECT json_group_object(topic, sequence) FROM replication"), leader.value("SELECT json_group_object(topic, sequence) FROM replication"))
		}
	}
}

// howMany returns a number from the database.
func howMany(t *testing.T, m *member, query string) int {
	t.Helper()
	n, err := strconv.Atoi(m.value(query))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSuspendedLeaderStops suspends the leader until another process has taken over: when it
// continues it stops, and nothing is published twice.
func TestSuspendedLeaderStops(t *testing.T) {
	t.Parallel() // mostly waits
	o, nats, root := newOutside(t), newDepot(t), t.TempDir()
	configs := map[string]string{}
	for _, name := range []string{"a", "b"} {
		configs[name] = steady(t, filepath.Join(root, name), o, fmt.Sprintf("url = %q", nats.server.ClientURL()))
	}
	a := enlist(t, configs["a"])
	a.says("orderbeat is running", 1)
	b := enlist(t, configs["b"])
	standsBy(t, b)
	ran(t, a, 3)
	a.signal(syscall.SIGSTOP)
	b.says("orderbeat is running", 1)
	tookOver := ends(t, nats)
	ran(t, b, 3)
	a.signal(syscall.SIGCONT)
	a.eventually("it stops", func() bool {
		select {
		case <-a.ended:
			return true
		default:
			return false
		}
	})
	if status := a.cmd.ProcessState.ExitCode(); status != cli.Failed || !strings.Contains(a.logged.String(), "orderbeat: another worker is the leader now, at ") {
		t.Errorf("got exit status %d, want %d, and told why", status, cli.Failed)
	}
	// Jobs that were delivered to the suspended process are done by another one, and by itself when it continues:
	// as many as its provider allows at once.
	again := doneAgain(t, a) + 4
	for _, runID := range publishedAfter(t, nats, tookOver) {
		if b.value("SELECT count(*) FROM runs WHERE run_id = ?", runID) != "1" {
			t.Errorf("run %s was published after the take-over, and is not the new leader's", runID)
		}
	}

	// Restarted, it follows.
	a = enlist(t, configs["a"])
	standsBy(t, a)
	// Messages delivered to the suspended process are redelivered.
	begun := time.Now().UTC().Format(time.RFC3339)
	b.eventually("every due time until now was run", func() bool {
		return b.value("SELECT count(*) FROM ticks WHERE run_id IS NULL AND due_at <= ?", begun) == "0" &&
			b.value("SELECT count(*) FROM runs WHERE state IN ('queued', 'running') AND requested_at <= ?", begun) == "0"
	})
	follows(t, a, b)
	for _, m := range []*member{a, b} {
		if status := m.stop(); status != cli.Done {
			t.Errorf("got exit status %d, want %d", status, cli.Done)
		}
	}
	once(t, map[string]*member{"a": a, "b": b}, nats, o, again, 1)
}

// ends are the last sequences of the streams of events and results.
func ends(t *testing.T, d *depot) map[string]uint64 {
	t.Helper()
	last := map[string]uint64{}
	for _, name := range []string{"ORDERBEAT_ORDERS", "ORDERBEAT_RESULTS"} {
		stream, err := d.connect(t).Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		last[name] = stream.CachedInfo().State.LastSeq
	}
	return last
}

// publishedAfter are the runs of the events and results after these sequences.
func publishedAfter(t *testing.T, d *depot, after map[string]uint64) (runs []string) {
	t.Helper()
	until := ends(t, d)
	for name, last := range after {
		stream, err := d.connect(t).Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for seq := last + 1; seq <= until[name]; seq++ {
			raw, err := stream.GetMsg(t.Context(), seq)
			if err != nil {
				t.Fatal(err)
			}
			var body struct {
				RunID string `json:"run_id"`
			}
			if err := json.Unmarshal(raw.Data, &body); err != nil {
				t.Fatal(err)
			}
			if body.RunID != "" { // a late order has none
				runs = append(runs, body.RunID)
			}
		}
	}
	if len(runs) == 0 {
		t.Error("nothing was published")
	}
	return runs
}

func standsBy(t *testing.T, m *member) {
	t.Helper()
	m.says("another worker leads: following it", 1)
	if status, page := m.get("/healthz"); status != 200 {
		t.Errorf("/healthz: got %d %s", status, page)
	}
	if status, page := m.get("/readyz"); status != 200 || !strings.Contains(page, "ok: follower: another worker leads, at …") {
		t.Errorf("/readyz: got %d %s", status, page)
	}
	if status, page := m.get("/metrics"); status != 200 || !strings.Contains(page, "\norderbeat_leader 0\n") {
		t.Errorf("/metrics: got %d %s", status, page)
	}
}

// ran waits until it ended so many runs.
func ran(t *testing.T, m *member, n int) {
	t.Helper()
	m.says("run finished", n)
	m.eventually("it is ready", func() bool { // jobs run before the consumer of requests is bound
		status, _ := m.get("/readyz")
		return status == 200
	})
}

// once checks that every due time became one run, that each run that had ended has one result, and that
// requests were sent once, except for jobs of killed leaders that were done again.
func once(t *testing.T, all map[string]*member, d *depot, o *outside, again, ended int) {
	t.Helper()
	runs := map[int64]map[string]bool{} // by due time
	open := 0                           // jobs of runs that the next start continues
	for name, m := range all {
		open += howMany(t, m, "SELECT count(*) FROM jobs WHERE run_id IN (SELECT run_id FROM runs WHERE state IN ('queued', 'running'))")
		rows, err := openFile(t, m.config).Query("SELECT due_at, run_id FROM ticks JOIN runs USING (run_id) WHERE schedule = 'steady' AND runs.state NOT IN ('queued', 'running')")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var at, run string
			if err := rows.Scan(&at, &run); err != nil {
				t.Fatal(err)
			}
			due, err := time.Parse(time.RFC3339, at)
			if err != nil {
				t.Fatal(err)
			}
			if runs[due.Unix()] == nil {
				runs[due.Unix()] = map[string]bool{}
			}
			runs[due.Unix()][run] = true
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s ticks, %s caught up, %s runs", name, m.value("SELECT count(*) FROM ticks"),
			m.value("SELECT count(*) FROM ticks WHERE outcome = 'caught_up'"), m.value("SELECT count(*) FROM runs"))
		if missed := m.value("SELECT count(*) FROM ticks WHERE outcome NOT IN ('started', 'caught_up')"); missed != "0" {
			t.Errorf("%s: %s due times were missed: catch_up is all", name, missed)
		}
	}
	results := resultsOf(t, d)
	due := slices.Sorted(maps.Keys(runs))
	lost := 0 // claimed, and the process ended before the run was stored
	for i, at := range due {
		when := time.Unix(at, 0).UTC().Format(time.TimeOnly)
		n := 0 // a worker that was killed may have a run that no other process knows
		for run := range runs[at] {
			n += results[run]
		}
		if n != 1 {
			t.Errorf("due time %s became the runs %v with %d results, want one", when, runs[at], n)
		}
		if i > 0 && at != due[i-1]+1 {
			lost += int(at - due[i-1] - 1)
			t.Logf("no run between %s and %s", time.Unix(due[i-1], 0).UTC().Format(time.TimeOnly), when)
		}
	}
	if lost > ended {
		t.Errorf("%d due times became no run, want at most the one that each of %d processes was starting when it ended", lost, ended)
	}
	asked := o.accountsAsked()
	t.Logf("%d due times, asked %v, %d jobs were done again, %d are open", len(due), asked, again, open)
	for _, n := range asked {
		if n < len(due) || n > len(due)+again+open {
			t.Errorf("asked %d times for %d due times", n, len(due))
		}
	}
}

// resultsOf counts the published results by run.
func resultsOf(t *testing.T, d *depot) map[string]int {
	t.Helper()
	stream, err := d.connect(t).Stream(t.Context(), "ORDERBEAT_RESULTS")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
		raw, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		count[raw.Header.Get("ce-subject")]++
	}
	return count
}

// A follower's own database has no tick of the leader. It reports the leader's next due time, or
// none: "@every" counts from the last due time.
func TestFollowerReportsNoStaleDueTime(t *testing.T) {
	t.Parallel() // mostly waits
	o, nats, root := newOutside(t), newDepot(t), t.TempDir()
	var configs []string
	for _, name := range []string{"leader", "follower"} {
		config := steady(t, filepath.Join(root, name), o, fmt.Sprintf("url = %q", nats.server.ClientURL()))
		replace(t, config, "[[schedules]]\n", "[[schedules]]\nname = \"hourly\"\ncron = \"17 * * * *\"\nprovider = \"michelin\"\nkind = \"check\"\n[[schedules]]\nname = \"interval\"\ncron = \"@every 7h\"\nprovider = \"michelin\"\nkind = \"check\"\n[[schedules]]\n")
		configs = append(configs, config)
	}
	leader := enlist(t, configs[0])
	leader.says("orderbeat is running", 1)
	follower := enlist(t, configs[1])
	standsBy(t, follower)
	next := func(config string) map[string]any {
		r := do(t, "--config", config, "schedules", "--json")
		var list struct {
			Schedules []struct {
				Name    string
				NextDue any `json:"next_due_at"`
			}
		}
		if err := json.Unmarshal([]byte(r.stdout), &list); err != nil {
			t.Fatalf("%v in %+v", err, r)
		}
		due := map[string]any{}
		for _, s := range list.Schedules {
			due[s.Name] = s.NextDue
		}
		return due
	}
	ofLeader, ofFollower := next(configs[0]), next(configs[1])
	if ofLeader["hourly"] == nil || ofLeader["hourly"] != ofFollower["hourly"] {
		t.Errorf("hourly: got %v of the leader and %v of the follower, want the same", ofLeader["hourly"], ofFollower["hourly"])
	}
	if ofLeader["interval"] == nil || ofFollower["interval"] != nil && ofFollower["interval"] != ofLeader["interval"] {
		t.Errorf("interval: got %v of the leader and %v of the follower, want the same or null", ofLeader["interval"], ofFollower["interval"])
	}
}
