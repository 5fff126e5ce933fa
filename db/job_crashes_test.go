package db_test

import (
	"testing"

	"orderbeat/clients"
	"orderbeat/db/dbtest"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

// TestCrashesOfRunningJobsAreCounted reopens a database repeatedly while jobs are running.
func TestCrashesOfRunningJobsAreCounted(t *testing.T) {
	path := dbtest.Blank(t)
	d := dbtest.OpenAt(t, path)
	run, js := dbtest.Plan(2)
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	begun := func(job jobs.Job) {
		t.Helper()
		if !taken(t, d, job) {
			t.Fatal("the job was not claimed")
		}
	}
	again := func() {
		t.Helper()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = dbtest.OpenAt(t, path)
	}
	job := func(i int) runs.JobRow {
		t.Helper()
		row, _, err := d.Job(t.Context(), js[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	suspects := func() int {
		t.Helper()
		n, due, err := d.Suspects(t.Context(), dbtest.Noon)
		if err != nil || n != due {
			t.Fatalf("got %d suspects, %d of them due, %v", n, due, err)
		}
		return n
	}

	for crash := 1; crash <= 2; crash++ {
		begun(js[0])
		if crash == 1 {
			if _, err := d.Commit(t.Context(), dbtest.Succeeded(js[1], dbtest.Noon)); err != nil {
				t.Fatal(err)
			}
		}
		again()
		if j := job(0); j.State != jobs.Queued || j.Crashes != crash || j.Attempts != 0 {
			t.Fatalf("got %+v, want it queued after %d crashes", j, crash)
		}
	}
	if j := job(1); j.Crashes != 0 || j.State != jobs.Succeeded {
		t.Errorf("got %+v, want nothing counted against a job that had ended", j)
	}
	if n := suspects(); n != 1 {
		t.Errorf("got %d suspects, want 1", n)
	}
	if claimed := claim(t, d); len(claimed) != 0 {
		t.Errorf("got %+v, want the suspect not claimed with others", claimed)
	}
	if err := d.OnWriter(t.Context(), "UPDATE jobs SET state = 'waiting', next_attempt_at = planned_at WHERE state = 'queued'"); err != nil {
		t.Fatal(err)
	}
	if due, ok, err := d.NextAttempt(t.Context(), run.Provider); ok || err != nil {
		t.Errorf("got the next attempt at %v, %v: a runner would look for it again and again", due, err)
	}
	alone := func() {
		t.Helper()
		if job, ok, err := d.ClaimSuspect(t.Context(), dbtest.Noon); !ok || job.ID != js[0].ID || job.Attempt != 1 || err != nil {
			t.Fatalf("got %+v, %v, %v, want the suspect", job, ok, err)
		}
	}

	alone()
	if err := d.BeginShutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.BeginShutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	again()
	if j := job(0); j.State != jobs.Queued || j.Crashes != 2 {
		t.Fatalf("got %+v, want a stop not counted", j)
	}

	alone()
	again()
	j := job(0)
	if j.State != jobs.Dead || j.Crashes != 3 || j.Attempts != 1 || j.ErrorCode != clients.CodeInternal ||
		j.Error != "the process ended 3 times while this job was running" {
		t.Fatalf("got %+v, want it dead after 3 crashes", j)
	}
	if taken(t, d, js[0]) {
		t.Error("the job was claimed again")
	}
	if n := suspects(); n != 0 {
		t.Errorf("got %d suspects, want none", n)
	}
	if r, _, err := d.Run(t.Context(), run.ID); err != nil || r.State != jobs.Partial || r.Jobs.Dead != 1 {
		t.Errorf("got %+v, %v, want the run ended", r, err)
	}
	raised, err := d.Alerts(t.Context(), true)
	if err != nil || len(raised) != 1 || raised[0].Code != "dead_job" {
		t.Errorf("got alerts %+v, %v, want one of the dead job", raised, err)
	}

	if _, err := d.RetryJob(t.Context(), js[0].ID); err != nil {
		t.Fatal(err)
	}
	if j := job(0); j.Crashes != 0 {
		t.Errorf("got %+v, want a retry to start over", j)
	}
}
