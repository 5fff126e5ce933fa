package db_test

import (
	"testing"
	"time"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

func retry(t *testing.T, d *db.DB, job jobs.Job) {
	t.Helper()
	if _, err := d.RetryJob(t.Context(), job.ID); err != nil {
		t.Fatal(err)
	}
}

func TestRetriedLowPriorityJobWaitsForASlot(t *testing.T) {
	d := dbtest.Open(t)
	run, js := low(1, 1, "detroit", "toledo", "flint")
	keep(t, d, run, js)
	if got := claimedIDs(t, d); got != "1" {
		t.Fatalf("got %q out, want 1", got)
	}
	dbtest.Commit(t, d, dbtest.Failed(js[0], jobs.Failed, dbtest.Noon))
	if got := claimedIDs(t, d); got != "2" {
		t.Fatalf("got %q out, want 2", got)
	}
	retry(t, d, js[0])
	if got := claimedIDs(t, d); got != "" {
		t.Errorf("dispatched %q while the slot is in use, want none", got)
	}
	retry(t, d, js[0]) // already queued
	if got := claimedIDs(t, d); got != "" {
		t.Errorf("dispatched %q while the slot is in use, want none", got)
	}
	dbtest.CheckConsistent(t, d)
	dbtest.Commit(t, d, dbtest.Succeeded(js[1], dbtest.Noon))
	if got := claimedIDs(t, d); got != "1" {
		t.Errorf("got %q out, want the retried job when there is room", got)
	}

	js[0].Attempt = 2
	dbtest.Commit(t, d, dbtest.Failed(js[0], jobs.Failed, dbtest.Noon))
	if got := claimedIDs(t, d); got != "3" {
		t.Fatalf("got %q out, want 3", got)
	}
	if _, err := d.PauseRun(t.Context(), run.ID, "", dbtest.Noon); err != nil {
		t.Fatal(err)
	}
	dbtest.Commit(t, d, dbtest.Failed(js[2], jobs.Dead, dbtest.Noon))
	retry(t, d, js[2])
	if got := claimedIDs(t, d); got != "" {
		t.Errorf("dispatched %q of a paused run, want none", got)
	}
	if _, err := d.ResumeRun(t.Context(), run.ID, dbtest.Noon); err != nil {
		t.Fatal(err)
	}
	if got := claimedIDs(t, d); got != "3" {
		t.Errorf("got %q out, want the retried job after the pause", got)
	}
	dbtest.CheckConsistent(t, d)
}

func TestQueuedJobStaysQueued(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Plan(1)
	keep(t, d, run, js)
	retry(t, d, js[0])
	if claimed := claim(t, d); len(claimed) != 1 || claimed[0].Attempt != 1 {
		t.Errorf("got %+v, want the job once", claimed)
	}
	if r, _, err := d.Run(t.Context(), run.ID); err != nil || r.Reopened != 0 || r.State != jobs.Running {
		t.Errorf("got %+v, %v, want the run to go on", r, err)
	}
}

func TestManyJobsAreRetriedInBatches(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Plan(8)
	keep(t, d, run, js)
	for i, state := range []jobs.State{jobs.Failed, jobs.Dead, jobs.Succeeded, jobs.Failed, jobs.Dead, jobs.Waiting} {
		job := js[i]
		if state == jobs.Succeeded {
			dbtest.Commit(t, d, dbtest.Succeeded(job, dbtest.Noon))
		} else {
			dbtest.Commit(t, d, dbtest.Failed(job, state, dbtest.Noon.Add(time.Duration(i)*time.Hour)))
		}
	}
	if _, err := d.CancelJob(t.Context(), js[6].ID); err != nil {
		t.Fatal(err)
	}
	all := func(f runs.RetryFilter) (n int) {
		t.Helper()
		for more := true; more; more = f.After != "" {
			retried, after, err := d.RetryJobs(t.Context(), f)
			if err != nil || retried > f.Limit {
				t.Fatalf("got %d, %v, want at most %d", retried, err, f.Limit)
			}
			n, f.After = n+retried, after
		}
		return n
	}
	for _, step := range []struct {
		name   string
		filter runs.RetryFilter
		want   int
	}{
		{"of another run", runs.RetryFilter{RunID: "none", Limit: 3}, 0},
		{"of another provider", runs.RetryFilter{Provider: "none", Limit: 3}, 0},
		{"dead, later", runs.RetryFilter{State: jobs.Dead, Since: dbtest.Noon.Add(3 * time.Hour), Limit: 3}, 1},
		{"failed and dead, of the run", runs.RetryFilter{RunID: run.ID, Limit: 2}, 3},
		{"once more", runs.RetryFilter{RunID: run.ID, Limit: 2}, 0},
		{"cancelled", runs.RetryFilter{State: jobs.Cancelled, Limit: 2}, 1},
		{"queued", runs.RetryFilter{Provider: run.Provider, State: jobs.Queued, Limit: 2}, 6},
	} {
		if got := all(step.filter); got != step.want {
			t.Errorf("%s: got %d retried, want %d", step.name, got, step.want)
		}
	}
	dbtest.CheckConsistent(t, d)
}

func TestPausedOrStuckRunIsNotJoined(t *testing.T) {
	d := dbtest.Open(t)
	ask := func(at time.Time, change func(*jobs.Run)) (run jobs.Run, joined bool) {
		t.Helper()
		run, js := dbtest.Plan(1)
		run.ID, run.RequestedAt = jobs.NewID(at), at
		js[0].ID, js[0].RunID, js[0].References = run.ID+"-00001", run.ID, []string{"PO1"}
		if change != nil {
			change(&run)
		}
		kept, started, err := d.StartRun(t.Context(), run, js)
		if err != nil {
			t.Fatal(err)
		}
		return kept, !started
	}
	first, _ := ask(dbtest.Noon, nil)
	if run, joined := ask(dbtest.Noon.Add(10*time.Minute), nil); !joined || run.ID != first.ID {
		t.Error("a run that waits for 10 minutes is not joined")
	}
	second, joined := ask(dbtest.Noon.Add(20*time.Minute), nil)
	if joined {
		t.Error("a run that waits for 20 minutes is joined")
	}
	if run, joined := ask(dbtest.Noon.Add(21*time.Minute), nil); !joined || run.ID != second.ID {
		t.Error("the run that was started instead is not joined")
	}
	low := func(run *jobs.Run) { run.LowPrioritySlots = 1 }
	paused, _ := ask(dbtest.Noon, low)
	if run, joined := ask(dbtest.Noon.Add(time.Hour), low); !joined || run.ID != paused.ID {
		t.Error("a low-priority run that waits for a slot was not joined")
	}
	if list, err := d.Runs(t.Context(), runs.RunFilter{State: jobs.Paused}); err != nil || len(list) != 0 {
		t.Errorf("got %+v, %v, want no paused run", list, err)
	}
	if _, err := d.PauseRun(t.Context(), paused.ID, "", dbtest.Noon); err != nil {
		t.Fatal(err)
	}
	if list, err := d.Runs(t.Context(), runs.RunFilter{State: jobs.Paused}); err != nil || len(list) != 1 || list[0].ID != paused.ID {
		t.Errorf("got %+v, %v, want the paused run", list, err)
	}
	if _, joined := ask(dbtest.Noon.Add(time.Hour), low); joined {
		t.Error("a paused run is joined")
	}
}
