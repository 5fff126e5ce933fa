package db_test

import (
	"slices"
	"testing"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
)

// TestJobsThatWereRunningWhenTheProcessEndedAreCounted opens a database again and again
// while jobs are running in it.
func TestJobsThatWereRunningWhenTheProcessEndedAreCounted(t *testing.T) {
	path := blankAt(t)
	d := openAt(t, path)
	run, js := plan(2)
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	begin := func(job jobs.Job) {
		t.Helper()
		if begun, err := d.BeginJob(t.Context(), job); err != nil || !begun {
			t.Fatalf("got %t, %v, want the job begun", begun, err)
		}
	}
	again := func() {
		t.Helper()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = openAt(t, path)
	}
	job := func(i int) db.JobRow {
		t.Helper()
		row, _, err := d.Job(t.Context(), js[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	suspects := func() []string {
		t.Helper()
		ids, err := d.Suspects(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}

	for crash := 1; crash <= 2; crash++ {
		begin(js[0])
		if crash == 1 {
			begin(js[1])
			if _, err := d.Commit(t.Context(), succeeded(js[1], noon)); err != nil {
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
	if got := suspects(); !slices.Equal(got, []string{js[0].ID}) {
		t.Errorf("got suspects %v, want %s", got, js[0].ID)
	}

	begin(js[0])
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

	begin(js[0])
	again()
	j := job(0)
	if j.State != jobs.Dead || j.Crashes != 3 || j.Attempts != 1 || j.ErrorCode != clients.CodeInternal ||
		j.Error != "the process ended 3 times while this job was running" {
		t.Fatalf("got %+v, want it dead after 3 crashes", j)
	}
	if begun, err := d.BeginJob(t.Context(), js[0]); begun || err != nil {
		t.Errorf("got %t, %v, want a dead job not begun", begun, err)
	}
	if got := suspects(); len(got) != 0 {
		t.Errorf("got suspects %v, want none", got)
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
