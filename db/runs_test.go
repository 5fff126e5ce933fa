package db_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/db/runs"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
)

func TestRunWithTheSameKeyReturnsTheFirst(t *testing.T) {
	d := dbtest.Open(t)
	first, js := dbtest.Plan(2)
	first.Key = "michelin-recent@2026-11-20T12:00:00Z"
	if _, started, err := d.StartRun(t.Context(), first, js); !started || err != nil {
		t.Fatal(started, err)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon, dbtest.Order("SO1", false)))
	before := dbtest.Pending(t, d, dbtest.Noon)
	second, more := dbtest.Plan(1)
	second.Key = first.Key
	got, started, err := d.StartRun(t.Context(), second, more)
	if started || err != nil || got.ID != first.ID || got.Jobs.Succeeded != 1 {
		t.Errorf("got %+v, %v, %v: want the first run as it is now", got, started, err)
	}
	if diff := cmp.Diff(before, dbtest.Pending(t, d, dbtest.Noon)); diff != "" {
		t.Errorf("something was published:\n%s", diff)
	}
	for range 2 { // without a key each run is new
		if _, started, err := d.StartRun(t.Context(), func() jobs.Run { r, _ := dbtest.Plan(0); return r }(), nil); !started || err != nil {
			t.Errorf("got %v, %v", started, err)
		}
	}
}

func TestRunWithoutJobsEndsImmediately(t *testing.T) {
	invalid, _, err := jobs.Plan(jobs.Request{Provider: "nobody", Kind: "sync", Trigger: "nats"}, nil, dbtest.Noon)
	if err == nil {
		t.Fatal("planned a run for an unknown provider")
	}
	empty, _ := dbtest.Plan(0)
	for name, test := range map[string]struct {
		run  jobs.Run
		want jobs.State
	}{
		"nothing to ask":            {empty, jobs.Succeeded},
		"what could not be planned": {invalid, jobs.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t)
			test.run.ReplyTo = "inbox.1"
			got, started, err := d.StartRun(t.Context(), test.run, nil)
			if !started || err != nil || got.State != test.want || got.FinishedAt == nil {
				t.Fatalf("got %+v, %v, %v, want %s", got, started, err, test.want)
			}
			stored, _, err := d.Run(t.Context(), got.ID)
			if diff := cmp.Diff(got, stored); diff != "" || err != nil {
				t.Errorf("stored (-returned +stored), %v:\n%s", err, diff)
			}
			m := dbtest.Pending(t, d, dbtest.Noon)
			if len(m) != 2 || m[0].Topic != "results" || m[1].Topic != "reply" || m[1].Subject != "inbox.1" || string(m[0].Body) != string(m[1].Body) {
				t.Errorf("got %+v, want the result twice", m)
			}
		})
	}
}

func TestLiveRunIsNotQueued(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	d := dbtest.OpenAt(t, path)
	begin := func() (jobs.Run, jobs.Job) {
		run, js := dbtest.Plan(1)
		if err := d.StartInline(t.Context(), run, js[0]); err != nil {
			t.Fatal(err)
		}
		return run, js[0]
	}
	done, job := begin()
	if m := dbtest.Pending(t, d, dbtest.Noon); len(m) != 0 {
		t.Errorf("got messages %v", m)
	}
	if c := dbtest.Commit(t, d, dbtest.Succeeded(job, dbtest.Noon, dbtest.Order("SO1", false))); c.Run == nil || c.Run.State != jobs.Succeeded {
		t.Errorf("got %+v", c)
	}
	left, _ := begin()
	retried, job := begin()
	dbtest.Commit(t, d, dbtest.Failed(job, jobs.Waiting, dbtest.Noon))
	job.Attempt = 2 // the job is in the queue now and will be claimed
	if !taken(t, d, job) {
		t.Fatal("the job was not claimed")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d = dbtest.OpenAt(t, path)
	for id, want := range map[string]jobs.State{done.ID: jobs.Succeeded, left.ID: jobs.Cancelled, retried.ID: jobs.Running} {
		if got, _, err := d.Run(t.Context(), id); got.State != want || err != nil {
			t.Errorf("after a restart: got %s, want %s, %v", got.State, want, err)
		}
	}
}

func TestTickStartsItsRunOnce(t *testing.T) {
	d := dbtest.Open(t)
	due := dbtest.Noon.In(time.FixedZone("EST", -5*3600)).Add(250 * time.Millisecond)
	tick := schedules.Tick{Schedule: "recent", DueAt: due, Outcome: "started", Reason: "why"}
	first, js := dbtest.Plan(1)
	first.Trigger = "schedule:recent"
	want := tick
	want.DueAt, want.RunID = dbtest.Noon, first.ID
	started, err := d.StartTick(t.Context(), tick, first, js)
	if err != nil || started.Run == nil || started.Run.Key != "recent@2026-11-20T12:00:00Z" {
		t.Fatalf("got %+v, %v, want the run with the tick's key", started, err)
	}
	if diff := cmp.Diff(&want, started.Tick); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	second, js2 := dbtest.Plan(1)
	if again, err := d.StartTick(t.Context(), tick, second, js2); err != nil || again != (schedules.Started{}) && again.Tick.Outcome == "started" {
		t.Errorf("the same due time again: got %+v, %v, want nothing", again, err)
	}
	if _, err := d.RecordTicks(t.Context(), schedules.Tick{Schedule: "recent", DueAt: dbtest.Noon.Add(-time.Hour), Outcome: "missed"}); err != nil {
		t.Fatal(err)
	}
	got, ok, err := d.LastTick(t.Context(), "recent")
	if diff := cmp.Diff(want, got); diff != "" || !ok || err != nil {
		t.Errorf("%v %v (-want +got):\n%s", ok, err, diff)
	}
	m := dbtest.Pending(t, d, dbtest.Noon)
	if len(m) != 0 || !taken(t, d, js[0]) {
		t.Errorf("got the messages %+v, want none, and the job in the queue", m)
	}
	if _, ok, err := d.LastTick(t.Context(), "another"); ok || err != nil {
		t.Errorf("a schedule without ticks: got %v, %v", ok, err)
	}
	if _, err := d.RecordTicks(t.Context(), schedules.Tick{Schedule: "recent", DueAt: dbtest.Noon.Add(time.Hour), Outcome: "guessed"}); err == nil {
		t.Error("accepted an invalid outcome")
	}
}

// A tick is only started if its run is new, not if another run has its key.
func TestTickWithAUsedKeyIsSkipped(t *testing.T) {
	d := dbtest.Open(t)
	other, js := dbtest.Plan(1)
	other.Key = "recent@2026-11-20T12:00:00Z"
	if _, _, err := d.StartRun(t.Context(), other, js); err != nil {
		t.Fatal(err)
	}
	run, js := dbtest.Plan(1)
	started, err := d.StartTick(t.Context(), schedules.Tick{Schedule: "recent", DueAt: dbtest.Noon, Outcome: "started"}, run, js)
	want := &schedules.Tick{Schedule: "recent", DueAt: dbtest.Noon, Outcome: "skipped", Reason: "run " + other.ID + " has the key of this due time"}
	if diff := cmp.Diff(want, started.Tick); diff != "" || started.Run != nil || err != nil {
		t.Errorf("got the run %v, %v (-want +got):\n%s", started.Run, err, diff)
	}
	if _, found, err := d.Run(t.Context(), run.ID); found || err != nil {
		t.Errorf("got the run %v, %v, want none", found, err)
	}
}

// A due time whose run another process planned belongs to that run, and starts no other.
func TestTickOfARunThatWasTakenOver(t *testing.T) {
	d := dbtest.Open(t)
	other, js := dbtest.Plan(1)
	other.Key, other.Trigger = "recent@2026-11-20T12:00:00Z", "schedule:recent"
	if _, _, err := d.TakeOver(t.Context(), other, js, nil, dbtest.Noon); err != nil {
		t.Fatal(err)
	}
	run, js := dbtest.Plan(1)
	started, err := d.StartTick(t.Context(), schedules.Tick{Schedule: "recent", DueAt: dbtest.Noon, Outcome: "started"}, run, js)
	want := &schedules.Tick{Schedule: "recent", DueAt: dbtest.Noon, Outcome: "started", RunID: other.ID}
	if diff := cmp.Diff(want, started.Tick); diff != "" || started.Run != nil || err != nil {
		t.Errorf("got the run %v, %v (-want +got):\n%s", started.Run, err, diff)
	}
}

// A reopened run is not replaced by the result of its earlier end.
func TestEarlierResultLeavesAReopenedRun(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Start(t, d, 1)
	dbtest.Commit(t, d, dbtest.Failed(js[0], jobs.Failed, dbtest.Noon))
	var list []db.Published
	for _, m := range dbtest.Pending(t, d, dbtest.Noon.Add(time.Hour)) {
		if m.Topic == "results" {
			p, err := db.DecodePublished(m.Type, m.MsgID, m.Time, m.Body)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, p)
		}
	}
	if _, err := d.RetryJob(t.Context(), js[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Apply(t.Context(), "results", list, 1); err != nil || len(list) != 1 {
		t.Fatal(err, len(list))
	}
	if again, found, err := d.Run(t.Context(), run.ID); err != nil || !found || again.State.Ended() {
		t.Errorf("got %+v, %v, %v, want the run still open", again, found, err)
	}
}

// Without a recorded tick, due times count from when the schedule was first seen, also after a restart; a
// worker with another database may have recorded some.
func TestWatermarkOfAScheduleIsStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	d := dbtest.OpenAt(t, path)
	at := func(w schedules.Watermark, err error) time.Time {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return w.At()
	}
	if got := at(d.Watermark(t.Context(), "recent")); !got.IsZero() {
		t.Errorf("before it is seen: got %s", got)
	}
	for i := range 3 {
		if got := at(d.ObserveSchedule(t.Context(), "recent", dbtest.Noon.Add(time.Duration(i)*time.Hour), time.Time{})); !got.Equal(dbtest.Noon) {
			t.Errorf("seen for the %d. time: got %s, want %s", i+1, got, dbtest.Noon)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = dbtest.OpenAt(t, path)
	later := dbtest.Noon.Add(5 * time.Hour)
	for _, accounted := range []time.Time{later, {}, dbtest.Noon} {
		if got := at(d.ObserveSchedule(t.Context(), "recent", dbtest.Noon.Add(time.Hour), accounted)); !got.Equal(later) {
			t.Errorf("accounted for until %s elsewhere: got %s, want %s", accounted, got, later)
		}
	}
	if _, err := d.RecordTicks(t.Context(), schedules.Tick{Schedule: "recent", DueAt: dbtest.Noon.Add(6 * time.Hour), Outcome: "started"}); err != nil {
		t.Fatal(err)
	}
	if got := at(d.Watermark(t.Context(), "recent")); !got.Equal(dbtest.Noon.Add(6 * time.Hour)) {
		t.Errorf("got %s, want the tick's", got)
	}
	if _, err := d.ObserveSchedule(t.Context(), "gone", dbtest.Noon, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := d.ForgetSchedules(t.Context(), []string{"recent"}); err != nil {
		t.Fatal(err)
	}
	if got := at(d.Watermark(t.Context(), "gone")); !got.IsZero() {
		t.Errorf("got %s of a schedule that is not configured any more", got)
	}
	if w, err := d.Watermark(t.Context(), "recent"); err != nil || !w.FirstSeenAt.Equal(dbtest.Noon) {
		t.Errorf("got %+v, %v, want what was seen of the other", w, err)
	}
}

// The result of another process says which due time it is of: no second run is started for it.
func TestDueTimeOfAnotherProcessIsNotRunAgain(t *testing.T) {
	other, d := dbtest.Open(t), dbtest.Open(t)
	tick := schedules.Tick{Schedule: "hourly", DueAt: dbtest.Noon, Outcome: "started"}
	run, js := dbtest.Plan(1)
	run.Trigger = "schedule:hourly"
	if _, err := other.StartTick(t.Context(), tick, run, js); err != nil {
		t.Fatal(err)
	}
	dbtest.Commit(t, other, dbtest.Succeeded(js[0], dbtest.Noon))
	for i, m := range dbtest.Pending(t, other, dbtest.Noon.Add(time.Hour)) {
		if m.Topic != "results" {
			continue
		}
		p, err := db.DecodePublished(m.Type, m.MsgID, m.Time, m.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Apply(t.Context(), "results", []db.Published{p}, uint64(i+1)); err != nil { //nolint:gosec // few messages
			t.Fatal(err)
		}
	}
	asked := run
	asked.Key = tick.Key()
	if err := d.Answer(t.Context(), asked, []runs.Joined{{Key: "mine", ReplyTo: "replies.mine"}}, dbtest.Noon); err != nil {
		t.Fatal(err)
	}
	if replies := slices.DeleteFunc(dbtest.Pending(t, d, dbtest.Noon.Add(time.Hour)), func(m outbox.Message) bool { return m.Topic != "reply" }); len(replies) != 1 {
		t.Errorf("got %d replies, want one for the request that joined the run", len(replies))
	}
	run2, js2 := dbtest.Plan(1)
	run2.Trigger, run2.Key = run.Trigger, tick.Key()
	if stored, taken, err := d.TakeOver(t.Context(), run2, js2, nil, dbtest.Noon); err != nil || taken || stored.ID != run.ID {
		t.Errorf("got %s, %t, %v, want that the due time has run %s", stored.ID, taken, err, run.ID)
	}
	started, err := d.StartTick(t.Context(), tick, run2, js2)
	if err != nil || started.Run != nil || started.Tick == nil || started.Tick.RunID != run.ID {
		t.Errorf("got %+v, %v, want no new run for the due time", started, err)
	}
}

// A run without jobs ends at once: the requests that joined it get its result.
func TestRunThatIsTakenOverWithoutJobsIsAnswered(t *testing.T) {
	d := dbtest.Open(t)
	active, js := dbtest.Plan(1)
	active.Trigger = "schedule:hourly"
	if _, err := d.StartTick(t.Context(), schedules.Tick{Schedule: "hourly", DueAt: dbtest.Noon, Outcome: "started"}, active, js); err != nil {
		t.Fatal(err)
	}
	run, js := dbtest.Plan(1)
	run.Trigger, run.Overlap = active.Trigger, jobs.OverlapSkip
	joined := []runs.Joined{{Key: "one", ReplyTo: "replies.one"}, {Key: "two", ReplyTo: "replies.two"}, {Key: "three"}}
	if stored, taken, err := d.TakeOver(t.Context(), run, js, joined, dbtest.Noon); err != nil || !taken || !stored.State.Ended() {
		t.Fatalf("got %+v, %t, %v, want an ended run", stored, taken, err)
	}
	var replies []string
	for _, m := range dbtest.Pending(t, d, dbtest.Noon.Add(time.Hour)) {
		if m.Topic == "reply" {
			replies = append(replies, m.Subject)
		}
	}
	if slices.Sort(replies); !slices.Equal(replies, []string{"replies.one", "replies.two"}) {
		t.Errorf("got replies to %v", replies)
	}
}

func TestAccountsWithAnActiveEarlierRunAreSkipped(t *testing.T) {
	d := dbtest.Open(t)
	tick := func(minute int, trigger string, accounts ...string) schedules.Started {
		run, js := dbtest.Plan(len(accounts))
		run.Trigger, run.Overlap = trigger, jobs.OverlapSkip
		for i := range js {
			js[i].Account = accounts[i]
		}
		due := dbtest.Noon.Add(time.Duration(minute) * time.Minute)
		started, err := d.StartTick(t.Context(), schedules.Tick{Schedule: strings.TrimPrefix(trigger, "schedule:"), DueAt: due, Outcome: "started"}, run, js)
		if err != nil {
			t.Fatal(err)
		}
		return started
	}
	first := tick(0, "schedule:a", "detroit", "toledo", "flint").Run
	rows, err := d.RunJobs(t.Context(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	job := func(i int) jobs.Job {
		return jobs.Job{ID: rows[i].JobID, RunID: first.ID, Provider: "michelin", Account: rows[i].Account, Kind: "sync", Attempt: 1}
	}
	dbtest.Commit(t, d, dbtest.Succeeded(job(0), dbtest.Noon))
	dbtest.Commit(t, d, dbtest.Failed(job(1), jobs.Waiting, dbtest.Noon))
	for _, test := range []struct {
		minute                  int
		trigger                 string
		outcome, reason, asking string
	}{
		{1, "schedule:a", "started", "skipped [flint toledo]: still working on an earlier run", "detroit"},
		{2, "schedule:a", "skipped", "every account still works on an earlier run", ""},
		{3, "schedule:b", "started", "", "detroit toledo flint"},
	} {
		got, asking := tick(test.minute, test.trigger, "detroit", "toledo", "flint"), ""
		if got.Run != nil {
			rows, err := d.RunJobs(t.Context(), got.Run.ID)
			if err != nil || len(rows) != got.Run.Jobs.Total {
				t.Errorf("got %d jobs, %v, want %d", len(rows), err, got.Run.Jobs.Total)
			}
			for _, j := range rows {
				asking = strings.TrimSpace(asking + " " + j.Account)
			}
		}
		if got.Tick.Outcome != test.outcome || got.Tick.Reason != test.reason || asking != test.asking || (got.Tick.RunID != "") != (got.Run != nil) {
			t.Errorf("%s: got %+v asking %q, want %+v", test.trigger, *got.Tick, asking, test)
		}
	}
}

func TestOpenJobsExcept(t *testing.T) {
	d := dbtest.Open(t)
	begin := func(provider string, n int) []jobs.Job {
		run, js := dbtest.Plan(n)
		run.Provider = provider
		for i := range js {
			js[i].Provider = provider
		}
		if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
			t.Fatal(err)
		}
		return js
	}
	kept, gone := begin("michelin", 1), begin("gone", 7)
	for i, state := range []jobs.State{jobs.Waiting, jobs.Succeeded, jobs.Failed, jobs.Dead, jobs.Cancelled} {
		dbtest.Commit(t, d, dbtest.Failed(gone[i], state, dbtest.Noon))
	}
	if claimed, err := d.Claim(t.Context(), "gone", dbtest.Noon, 1); err != nil || len(claimed) != 1 || claimed[0].ID != gone[5].ID {
		t.Fatalf("got %+v, %v, want the first job of the queue", claimed, err)
	}
	queued, running, waiting := gone[6], gone[5], gone[0]
	waiting.Attempt = 2
	for name, test := range map[string]struct {
		providers []string
		want      []jobs.Job
	}{
		"of a provider that is gone": {[]string{"ptv", "michelin"}, []jobs.Job{queued, running, waiting}},
		"of none but those named":    {[]string{"gone", "michelin"}, []jobs.Job{}},
		"all when none is named":     {nil, []jobs.Job{kept[0], queued, running, waiting}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := d.OpenJobsExcept(t.Context(), test.providers)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestRunsAndJobsAreListed(t *testing.T) {
	d := dbtest.Open(t)
	var ids []string
	for i := range 3 {
		run, js := dbtest.Plan(2)
		run.ID = jobs.NewID(dbtest.Noon.Add(time.Duration(i) * time.Second))
		for j := range js {
			js[j].ID, js[j].RunID = fmt.Sprintf("%s-%05d", run.ID, j+1), run.ID
		}
		if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon))
			dbtest.Commit(t, d, dbtest.Failed(js[1], jobs.Dead, dbtest.Noon))
		}
		ids = append(ids, run.ID)
	}
	for name, test := range map[string]struct {
		filter runs.RunFilter
		want   []string
	}{
		"all, newest first":       {runs.RunFilter{}, []string{ids[2], ids[1], ids[0]}},
		"two":                     {runs.RunFilter{Limit: 2}, []string{ids[2], ids[1]}},
		"by state":                {runs.RunFilter{State: jobs.Partial}, []string{ids[1], ids[0]}},
		"by provider and kind":    {runs.RunFilter{Provider: "michelin", Kind: "sync", Limit: 1}, []string{ids[2]}},
		"of a provider not there": {runs.RunFilter{Provider: "ptv"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			runs, err := d.Runs(t.Context(), test.filter)
			var got []string
			for _, r := range runs {
				got = append(got, r.ID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	list, err := d.RunJobs(t.Context(), ids[0])
	if err != nil || len(list) != 2 || list[0].JobID != ids[0]+"-00001" || list[1].JobID != ids[0]+"-00002" {
		t.Fatalf("got %+v, %v, want the run's two jobs as planned", list, err)
	}
	if j := list[0]; j.State != jobs.Succeeded || j.From != "2026-11-06" || !j.PlannedAt.Equal(dbtest.Noon) {
		t.Errorf("got %+v", j)
	}
	if _, ok, err := d.Run(t.Context(), "none"); ok || err != nil {
		t.Errorf("a run that is not there: got %v, %v", ok, err)
	}
}

func TestFreshnessHasTheLastSuccessAndFailure(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 5)
	check := dbtest.Succeeded(js[4], dbtest.Noon.Add(3*time.Hour))
	check.Kind = "check" // requests no orders
	dbtest.Commit(t, d, check)
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon))
	dbtest.Commit(t, d, dbtest.Failed(js[1], jobs.Failed, dbtest.Noon.Add(time.Hour)))
	dbtest.Commit(t, d, dbtest.Succeeded(js[2], dbtest.Noon.Add(-time.Hour))) // committed late
	dbtest.Commit(t, d, dbtest.Failed(js[3], jobs.Cancelled, dbtest.Noon.Add(2*time.Hour)))
	got, err := d.Freshness(t.Context(), "michelin")
	success, failure := dbtest.Noon, dbtest.Noon.Add(time.Hour)
	want := []orders.AccountFreshness{{
		Provider: "michelin", Account: "detroit", LastSuccessAt: &success, LastFailureAt: &failure, FailureCode: clients.CodeUnavailable,
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := d.Freshness(t.Context(), "ptv"); len(got) != 0 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}
