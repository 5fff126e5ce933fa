package db_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/db/dbtest"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
)

func TestPauseLastsUntilResumed(t *testing.T) {
	d := dbtest.Open(t)
	pause := func() *schedules.Pause {
		t.Helper()
		p, ok, err := d.Paused(t.Context(), "recent")
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return nil
		}
		return &p
	}
	if p := pause(); p != nil {
		t.Errorf("got %+v, want none", p)
	}
	for i, note := range []string{"", "maintenance"} {
		if err := d.PauseSchedule(t.Context(), "recent", note, dbtest.Noon.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(&schedules.Pause{Schedule: "recent", PausedAt: dbtest.Noon, Note: "maintenance"}, pause()); diff != "" {
		t.Errorf("paused twice (-want +got):\n%s", diff)
	}
	for _, want := range []bool{true, false} {
		if was, err := d.ResumeSchedule(t.Context(), "recent"); was != want || err != nil {
			t.Errorf("got %v, %v, want %v", was, err, want)
		}
	}
	if p := pause(); p != nil {
		t.Errorf("got %+v, want none", p)
	}
}

func TestScheduleReport(t *testing.T) {
	d := dbtest.Open(t)
	now := time.Now().UTC().Truncate(time.Second)
	for i, tick := range []schedules.Tick{{Outcome: "started"}, {Outcome: "skipped", Reason: "paused"}, {Outcome: "missed"}, {Outcome: "caught_up"}, {Outcome: "started"}} {
		tick.Schedule, tick.DueAt = "recent", now.Add(time.Duration(i-5)*time.Hour)
		if _, err := d.RecordTicks(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.RecordTicks(t.Context(), schedules.Tick{Schedule: "recent", Outcome: "missed", DueAt: now.Add(-8 * 24 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	got, err := d.Inspect().Value(t.Context(), "SELECT due || ' ' || started || ' ' || caught_up || ' ' || skipped || ' ' || missed || ' ' || last_outcome FROM schedule_report")
	if got != "5 2 1 1 1 started" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	ticks, err := d.Ticks(t.Context(), "recent", now.Add(-4*time.Hour), now.Add(-2*time.Hour))
	if err != nil || len(ticks) != 3 || ticks[0].Reason != "paused" || ticks[2].Outcome != "caught_up" {
		t.Errorf("got %+v, %v", ticks, err)
	}
}

func TestFailedInARow(t *testing.T) {
	d := dbtest.Open(t)
	due := dbtest.Noon
	run := func(state jobs.State) {
		t.Helper()
		due = due.Add(time.Minute)
		r, js := planAt(due, 1)
		if _, _, err := d.StartRun(t.Context(), r, js); err != nil {
			t.Fatal(err)
		}
		if _, err := d.RecordTicks(t.Context(), schedules.Tick{Schedule: "recent", DueAt: due, Outcome: "started", RunID: r.ID}); err != nil {
			t.Fatal(err)
		}
		if state.Ended() {
			o := dbtest.Failed(js[0], state, due)
			if state == jobs.Succeeded {
				o = dbtest.Succeeded(js[0], due)
			}
			dbtest.Commit(t, d, o)
		}
	}
	skip := func(reason string) {
		t.Helper()
		due = due.Add(time.Minute)
		if _, err := d.RecordTicks(t.Context(), schedules.Tick{Schedule: "recent", DueAt: due, Outcome: "skipped", Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		do   func()
		want int
	}{
		{func() {}, 0},
		{func() { run(jobs.Failed) }, 1},
		{func() { run(jobs.Succeeded) }, 0},
		{func() { run(jobs.Failed) }, 1},
		{func() { run(jobs.Running) }, 1},
		{func() { skip("every account still works on an earlier run") }, 1},
		{func() { run(jobs.Failed) }, 2},
		{func() { run(jobs.Failed) }, 3},
		{func() { run(jobs.Failed) }, 3},
		{func() { skip("paused: maintenance") }, 0},
		{func() { run(jobs.Failed) }, 1},
	} {
		step.do()
		if got, err := d.FailedInARow(t.Context(), "recent", 3); got != step.want || err != nil {
			t.Errorf("step %d: got %d, %v, want %d", i, got, err, step.want)
		}
	}
}
