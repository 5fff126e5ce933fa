package db_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

// results returns the ids and states of the pending run results.
func results(t *testing.T, d *db.DB) (told []string) {
	t.Helper()
	for _, m := range dbtest.Pending(t, d, time.Now()) {
		if m.Topic != "results" {
			continue
		}
		var run jobs.Run
		if err := json.Unmarshal(m.Body, &run); err != nil {
			t.Fatal(err)
		}
		told = append(told, m.MsgID[len(run.ID):]+" "+string(run.State))
	}
	return told
}

func TestCancelledRunEndsWithItsJobs(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Start(t, d, 4)
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon, dbtest.Order("SO1", false)))
	dbtest.Commit(t, d, dbtest.Failed(js[1], jobs.Waiting, dbtest.Noon))
	if !taken(t, d, js[2]) {
		t.Fatal("the job was not claimed")
	}
	ids, got, err := d.CancelRun(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	if diff := cmp.Diff([]string{js[1].ID, js[2].ID, js[3].ID}, ids); diff != "" {
		t.Errorf("cancelled (-want +got):\n%s", diff)
	}
	want := jobs.Counts{Total: 4, Succeeded: 1, Cancelled: 3}
	if got.State != jobs.Partial || got.Jobs != want || got.FinishedAt == nil {
		t.Errorf("got %s %+v, want partial %+v", got.State, got.Jobs, want)
	}
	if diff := cmp.Diff([]string{".result partial"}, results(t, d)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	// The outcome of a running job is ignored, and waiting jobs do not start.
	if c := dbtest.Commit(t, d, dbtest.Succeeded(js[2], dbtest.Noon, dbtest.Order("SO2", false))); !c.Repeated {
		t.Errorf("got %+v, want no effect of the running attempt", c)
	}
	if _, ok, err := d.Order(t.Context(), "michelin", "detroit", "SO2"); ok || err != nil {
		t.Errorf("an order of a cancelled job: %v %v", ok, err)
	}
	again := js[1]
	again.Attempt = 2
	if taken(t, d, again) {
		t.Error("the job was claimed again")
	}
	if _, _, err := d.CancelRun(t.Context(), run.ID); stateOf(err) != jobs.Partial {
		t.Errorf("cancelling it again: got %v, want that it is partial", err)
	}
	if _, _, err := d.CancelRun(t.Context(), "none"); !errors.Is(err, runs.ErrUnknown) {
		t.Errorf("got %v, want %v", err, runs.ErrUnknown)
	}
	dbtest.CheckConsistent(t, d)
}

func stateOf(err error) jobs.State {
	if e, ok := errors.AsType[*runs.StateError](err); ok {
		return e.State
	}
	return ""
}

// A retried job starts another attempt than the cancelled one, so that its outcome is not ignored.
func TestCancelledAttemptIsNotRepeated(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 1)
	dbtest.Publish(t, d)
	if _, err := d.CancelJob(t.Context(), js[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := d.RetryJob(t.Context(), js[0].ID); err != nil {
		t.Fatal(err)
	}
	if again := claim(t, d); len(again) != 1 || again[0].ID != js[0].ID || again[0].Attempt != 2 {
		t.Errorf("got %+v, want only the second attempt", again)
	}
	dbtest.CheckConsistent(t, d)
}

func TestCancelledJobDoesNotCancelItsRun(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Start(t, d, 2)
	if got, err := d.CancelJob(t.Context(), js[0].ID); err != nil || got.State.Ended() || got.Jobs.Cancelled != 1 {
		t.Fatalf("got %+v, %v, want a run that goes on", got, err)
	}
	if _, err := d.CancelJob(t.Context(), js[0].ID); stateOf(err) != jobs.Cancelled {
		t.Errorf("got %v, want that it is cancelled", err)
	}
	if _, err := d.CancelJob(t.Context(), "none"); !errors.Is(err, runs.ErrUnknown) {
		t.Errorf("got %v, want %v", err, runs.ErrUnknown)
	}
	if got, err := d.CancelJob(t.Context(), js[1].ID); err != nil || got.ID != run.ID || got.State != jobs.Cancelled {
		t.Errorf("got %+v, %v, want a cancelled run", got, err)
	}
	dbtest.CheckConsistent(t, d)
}

// A retried job has its full attempts, and its run ends again with another result.
func TestRetriedJobReopensItsRun(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Start(t, d, 1)
	js[0].Attempt = 1
	dbtest.Commit(t, d, dbtest.Failed(js[0], jobs.Dead, dbtest.Noon))
	dbtest.Publish(t, d)
	got, err := d.RetryJob(t.Context(), js[0].ID)
	if err != nil || got.State != jobs.Running || got.Jobs.Dead != 0 || got.FinishedAt != nil {
		t.Fatalf("got %+v, %v, want the run to go on", got, err)
	}
	if _, err := d.RetryJob(t.Context(), js[0].ID); err != nil { // its run's result is pending
		t.Errorf("got %v, want a queued job left as it is", err)
	}
	claimed := claim(t, d)
	if len(claimed) != 1 {
		t.Fatalf("got %+v, want the job", claimed)
	}
	job := claimed[0]
	if job.ID != js[0].ID || job.Attempt != 2 || job.Tried != 1 || time.Since(job.FirstAt) > time.Hour || job.From != "2026-11-06" {
		t.Errorf("got %+v, want the next attempt", job)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(job, dbtest.Noon, dbtest.Order("SO1", false)))
	if diff := cmp.Diff([]string{".result.1 succeeded"}, results(t, d)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if _, err := d.RetryJob(t.Context(), job.ID); stateOf(err) != jobs.Succeeded {
		t.Errorf("got %v, want that it has succeeded", err)
	}
	row, ok, err := d.Job(t.Context(), job.ID)
	if !ok || err != nil || row.State != jobs.Succeeded || row.Attempts != 2 || row.RetriedAt == nil || row.ErrorCode != "" {
		t.Errorf("got %+v, %v, %v", row, ok, err)
	}
	if final, _, err := d.Run(t.Context(), run.ID); err != nil || final.State != jobs.Succeeded || final.Reopened != 1 || final.Orders.Created != 1 {
		t.Errorf("got %+v, %v", final, err)
	}
	dbtest.CheckConsistent(t, d)
}

func TestJobsAreListed(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 3)
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon))
	dbtest.Commit(t, d, dbtest.Failed(js[1], jobs.Dead, dbtest.Noon))
	for name, c := range map[string]struct {
		filter runs.JobFilter
		want   []string
	}{
		"all, newest first": {runs.JobFilter{}, []string{js[2].ID, js[1].ID, js[0].ID}},
		"dead ones":         {runs.JobFilter{State: jobs.Dead}, []string{js[1].ID}},
		"succeeded ones":    {runs.JobFilter{State: jobs.Succeeded, Provider: "michelin", Account: "detroit", Kind: "sync"}, []string{js[0].ID}},
		"another account's": {runs.JobFilter{Account: "toledo"}, nil},
		"two":               {runs.JobFilter{Limit: 2}, []string{js[2].ID, js[1].ID}},
	} {
		list, err := d.Jobs(t.Context(), c.filter)
		var got []string
		for _, j := range list {
			got = append(got, j.JobID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	dead, _, err := d.Job(t.Context(), js[1].ID)
	if err != nil || dead.ErrorCode != clients.CodeUnavailable || dead.From != "2026-11-06" {
		t.Errorf("got %+v, %v", dead, err)
	}
}
