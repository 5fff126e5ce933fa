package db_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

// low is a low-priority run, not started yet, with the same number of jobs per account.
func low(lane, windows int, accounts ...string) (jobs.Run, []jobs.Job) {
	run, js := dbtest.Plan(windows * len(accounts))
	run.Kind, run.LowPrioritySlots = "backfill", lane
	for i := range js {
		js[i].Account, js[i].Kind = accounts[i%len(accounts)], "backfill"
	}
	return run, js
}

func keep(tb testing.TB, d *db.DB, run jobs.Run, js []jobs.Job) jobs.Run {
	tb.Helper()
	kept, _, err := d.StartRun(tb.Context(), run, js)
	if err != nil {
		tb.Fatal(err)
	}
	return kept
}

// claimedIDs claims the dispatched jobs and returns the last digits of their ids.
func claimedIDs(tb testing.TB, d *db.DB) string {
	tb.Helper()
	var list []string
	claimed, err := d.Claim(tb.Context(), "michelin", dbtest.Noon, 10_000)
	if err != nil {
		tb.Fatal(err)
	}
	for _, j := range claimed {
		_, number, _ := strings.Cut(j.ID, "-")
		list = append(list, strings.TrimLeft(number, "0"))
	}
	return strings.Join(list, " ")
}

func TestLowPriorityJobsAreDispatchedOneByOne(t *testing.T) {
	d := dbtest.Open(t)
	run, js := low(2, 3, "detroit", "toledo", "flint") // 1 to 9, interleaved
	keep(t, d, run, js)
	steps := []struct {
		name string
		do   func()
		want string
	}{
		{"the lane has room for two", func() {}, "1 2"},
		{"one is begun", func() { taken(t, d, js[0]) }, ""},
		{"one has ended", func() { dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon)) }, "3"},
		{"one has ended, and its account is free", func() { dbtest.Commit(t, d, dbtest.Succeeded(js[1], dbtest.Noon)) }, "4"},
		{"a waiting job frees its slot but blocks its account", func() { dbtest.Commit(t, d, dbtest.Failed(js[2], jobs.Waiting, dbtest.Noon)) }, "5"},
		{"the other account's next", func() { dbtest.Commit(t, d, dbtest.Succeeded(js[3], dbtest.Noon)) }, "7"},
		{"the account that waits is passed over", func() { dbtest.Commit(t, d, dbtest.Succeeded(js[4], dbtest.Noon)) }, "8"},
		{"what waited has ended, but there is no room", func() {
			js[2].Attempt = 2
			dbtest.Commit(t, d, dbtest.Succeeded(js[2], dbtest.Noon))
		}, ""},
		{"there is room", func() { dbtest.Commit(t, d, dbtest.Succeeded(js[6], dbtest.Noon)) }, "6"},
	}
	for _, step := range steps {
		step.do()
		if got := claimedIDs(t, d); got != step.want {
			t.Errorf("%s: got %q out, want %q", step.name, got, step.want)
		}
		dbtest.CheckConsistent(t, d)
	}
}

func TestLowPriorityRunIsPausedResumedAndCancelled(t *testing.T) {
	d := dbtest.Open(t)
	run, js := low(1, 4, "detroit")
	keep(t, d, run, js)
	other, others := low(1, 2, "toledo")
	keep(t, d, other, others)
	claimedIDs(t, d)
	paused, err := d.PauseRun(t.Context(), run.ID, "the supplier is busy", dbtest.Noon)
	if err != nil || !paused.PausedAt.Equal(dbtest.Noon) || paused.Note != "the supplier is busy" || paused.Priority != jobs.Low {
		t.Errorf("got %+v, %v, want it paused", paused, err)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon))
	if got := claimedIDs(t, d); got != "1" { // of the other run
		t.Errorf("paused: got %q out, want the other run to go on", got)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(others[0], dbtest.Noon))
	if got := claimedIDs(t, d); got != "2" {
		t.Errorf("paused: got %q out, want the other run's next", got)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(others[1], dbtest.Noon))
	if got := claimedIDs(t, d); got != "" {
		t.Errorf("paused: got %q out, want no job of the paused run", got)
	}
	resumed, err := d.ResumeRun(t.Context(), run.ID, dbtest.Noon)
	if err != nil || resumed.PausedAt != nil || resumed.Note != "" {
		t.Errorf("got %+v, %v, want it resumed", resumed, err)
	}
	if got := claimedIDs(t, d); got != "2" {
		t.Errorf("resumed: got %q out, want the next", got)
	}
	again, more := low(1, 1, "flint")
	keep(t, d, again, more)
	if ids, got, err := d.CancelRun(t.Context(), run.ID); err != nil || len(ids) != 3 || got.State != jobs.Partial {
		t.Errorf("got %v, %+v, %v, want three jobs cancelled", ids, got, err)
	}
	if got := claimedIDs(t, d); got != "1" {
		t.Errorf("cancelled: got %q out, want the next run's", got)
	}
}

func TestOnlyAnUnfinishedLowPriorityRunCanBePaused(t *testing.T) {
	d := dbtest.Open(t)
	normal, _ := dbtest.Start(t, d, 1)
	run, js := low(1, 1, "detroit")
	keep(t, d, run, js)
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon))
	for name, test := range map[string]struct {
		id   string
		want error
	}{"unknown": {"01J", runs.ErrUnknown}, "of normal priority": {normal.ID, runs.ErrPriority}} {
		if _, err := d.PauseRun(t.Context(), test.id, "", dbtest.Noon); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
		if _, err := d.ResumeRun(t.Context(), test.id, dbtest.Noon); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	_, err := d.PauseRun(t.Context(), run.ID, "", dbtest.Noon)
	if e, ok := errors.AsType[*runs.StateError](err); !ok || e.State != jobs.Succeeded {
		t.Errorf("got %v, want that it has ended", err)
	}
}

// TestTimeOfAJobStartsWhenDispatched: waiting for a slot does not use up the time limit of a job.
func TestTimeOfAJobStartsWhenDispatched(t *testing.T) {
	d := dbtest.Open(t)
	run, js := low(1, 2, "detroit")
	keep(t, d, run, js)
	dbtest.Publish(t, d)
	later := dbtest.Noon.Add(48 * time.Hour)
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], later))
	if next := claim(t, d); len(next) != 1 || !next[0].FirstAt.Equal(later.Add(2*time.Second)) {
		t.Errorf("got %v, want the second job to begin two days later", next)
	}
	open, err := d.OpenJobsExcept(t.Context(), nil)
	if err != nil || len(open) != 1 || !open[0].FirstAt.Equal(later.Add(2*time.Second)) {
		t.Errorf("got %+v, %v, want it to have begun then", open, err)
	}
}

func TestAccountsWaitForTheirEarlierRun(t *testing.T) {
	d := dbtest.Open(t)
	tick := func(lane int, accounts ...string) (jobs.Run, []jobs.Job) {
		run, js := dbtest.Plan(2 * len(accounts))
		run.Trigger, run.Overlap, run.LowPrioritySlots = "schedule:recent", jobs.OverlapQueueOne, lane
		for i := range js {
			js[i].Account = accounts[i%len(accounts)]
		}
		return keep(t, d, run, js), js
	}
	_, first := tick(0, "detroit", "toledo")
	if got := claimedIDs(t, d); got != "1 2 3 4" {
		t.Fatalf("got %q out, want all", got)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(first[1], dbtest.Noon))
	dbtest.Commit(t, d, dbtest.Succeeded(first[3], dbtest.Noon)) // toledo's
	second, blocked := tick(0, "detroit", "toledo")
	if got := claimedIDs(t, d); got != "2 4" || second.Jobs.Total != 4 {
		t.Errorf("got %q of %d out, want toledo's", got, second.Jobs.Total)
	}
	third, _ := tick(0, "detroit", "flint")
	if got := claimedIDs(t, d); got != "2 4" || third.Jobs.Total != 2 {
		t.Errorf("dispatched %q of %d, want only flint's: detroit is already blocked", got, third.Jobs.Total)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(first[0], dbtest.Noon))
	if got := claimedIDs(t, d); got != "" {
		t.Errorf("dispatched %q, want none: one job of detroit's first run is left", got)
	}
	dbtest.Commit(t, d, dbtest.Failed(first[2], jobs.Waiting, dbtest.Noon))
	if next := claim(t, d); len(next) != 1 || next[0].ID != first[2].ID {
		t.Errorf("got %+v out, want its own next attempt", next)
	}
	if _, err := d.CancelJob(t.Context(), first[2].ID); err != nil {
		t.Fatal(err)
	}
	if got := claimedIDs(t, d); got != "1 3" {
		t.Errorf("got %q out, want detroit's second run", got)
	}
	dbtest.CheckConsistent(t, d)
	fourth, _ := tick(1, "detroit")
	if got := claimedIDs(t, d); got != "" || fourth.Jobs.Total != 2 {
		t.Errorf("got %q of %d out, want them to wait", got, fourth.Jobs.Total)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(blocked[0], dbtest.Noon))
	dbtest.Commit(t, d, dbtest.Succeeded(blocked[2], dbtest.Noon))
	if got := claimedIDs(t, d); got != "1" {
		t.Errorf("got %q out, want one: its priority is low", got)
	}
	rows, err := d.RunJobs(t.Context(), fourth.ID)
	if err != nil || rows[0].Dispatch != "dispatched" || rows[1].Dispatch != "pending_slot" {
		t.Errorf("got %+v, %v, want one out and one held", rows, err)
	}
}

func TestEqualRequestJoinsAQueuedRun(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Plan(2)
	run.Key, run.ReplyTo = "first", "inbox.1"
	keep(t, d, run, js)
	ask := func(key, replyTo, trigger string, change func([]jobs.Job)) (jobs.Run, bool) {
		t.Helper()
		twin, twins := dbtest.Plan(2)
		for i := range twins {
			twins[i].Question = js[i].Question
		}
		if change != nil {
			change(twins)
		}
		twin.Key, twin.ReplyTo, twin.Trigger = key, replyTo, trigger
		got, started, err := d.StartRun(t.Context(), twin, twins)
		if err != nil {
			t.Fatal(err)
		}
		return got, started
	}
	for _, test := range []struct{ key, reply, trigger string }{
		{"second", "inbox.2", "nats"}, {"second", "inbox.2", "nats"}, // delivered twice
		{"", "", "api"},
	} {
		if got, started := ask(test.key, test.reply, test.trigger, nil); got.ID != run.ID || started {
			t.Errorf("%+v: got run %s, %v, want it to join %s", test, got.ID, started, run.ID)
		}
	}
	for name, change := range map[string]func([]jobs.Job){
		"another account": func(js []jobs.Job) { js[1].Account = "toledo" },
		"another window":  func(js []jobs.Job) { js[1].To = "2026-11-21" },
	} {
		if got, started := ask("", "", "api", change); !started {
			t.Errorf("%s: got run %s, want a new one", name, got.ID)
		}
	}
	if !taken(t, d, js[0]) {
		t.Fatal("the job was not claimed")
	}
	if got, started := ask("", "", "api", nil); !started {
		t.Errorf("got run %s, want a new one: the first does not wait any more", got.ID)
	}
	if got, started := ask("recent@2026-11-20T12:00:00Z", "", "schedule:recent", nil); !started {
		t.Errorf("got run %s, want a run of the schedule's own", got.ID)
	}
	if got, started := ask("second", "inbox.2", "nats", nil); got.ID != run.ID || started {
		t.Errorf("got run %s, %v, want the one that its request joined", got.ID, started)
	}
	dbtest.Publish(t, d)
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon))
	dbtest.Commit(t, d, dbtest.Succeeded(js[1], dbtest.Noon))
	var published []string
	for _, m := range dbtest.Pending(t, d, dbtest.Noon.Add(time.Hour)) {
		published = append(published, fmt.Sprint(m.Topic, " ", strings.TrimPrefix(m.Subject, "results.michelin."+run.ID)))
	}
	slices.Sort(published)
	if diff := cmp.Diff([]string{"reply inbox.1", "reply inbox.2", "results "}, published); diff != "" {
		t.Errorf("result messages (-want +got):\n%s", diff)
	}
}
