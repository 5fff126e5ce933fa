package worker_test

import (
	"context"
	"fmt"
	"testing"

	"orderbeat/clients"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

// held makes the provider wait until its context ends. It returns channels that receive a value
// when a call starts, and when it is cancelled.
func (b *bench) held() (asked, gone chan string) {
	asked, gone = make(chan string, 10), make(chan string, 10)
	b.supplier.answers(func(ctx context.Context, q clients.Query) (clients.Answer, error) {
		asked <- q.Account.Name
		<-ctx.Done()
		gone <- q.Account.Name
		return clients.Answer{}, ctx.Err()
	})
	return asked, gone
}

// jobIn is the first job in a state.
func (b *bench) jobIn(state jobs.State) runs.JobRow {
	b.t.Helper()
	var reply struct{ Jobs []runs.JobRow }
	b.decode(b.request("jobs.list", fmt.Sprintf(`{"state":%q}`, state), nil).Data, &reply)
	if len(reply.Jobs) == 0 {
		b.t.Fatalf("no job is %s", state)
	}
	return reply.Jobs[0]
}

func TestCancelledRunStopsJobsInFlight(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	asked, gone := b.held()
	run := b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"]}`).Run
	<-asked
	if g := b.ask("runs.cancel", fmt.Sprintf(`{"run_id":%q}`, run.ID)); g.Run.State != jobs.Cancelled || g.Error.Code != "" {
		t.Errorf("got %+v, want a cancelled run", g)
	}
	<-gone
	if r := b.result(1); r.State != jobs.Cancelled || r.Jobs.Cancelled != 1 {
		t.Errorf("got the result %+v, want cancelled", r)
	}
	if g := b.ask("runs.cancel", fmt.Sprintf(`{"run_id":%q}`, run.ID)); g.Error.Code != "invalid" {
		t.Errorf("cancelling it again: got %+v, want invalid", g.Error)
	}
	// The next run works: the cancelled one left nothing behind.
	b.supplier.answers(lists(0, "SO1"))
	if g := b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"],"wait":true}`); g.Run.State != jobs.Succeeded {
		t.Errorf("got %+v, want succeeded", g.Run)
	}
	b.settled()
}

func TestCancelledJobCanBeRetried(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	asked, gone := b.held()
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"]}`)
	<-asked
	job := b.jobIn(jobs.Running)
	b.request("jobs.cancel", fmt.Sprintf(`{"job_id":%q}`, job.JobID), nil)
	<-gone
	if r := b.result(1); r.State != jobs.Cancelled {
		t.Fatalf("got %+v, want cancelled", r)
	}
	b.supplier.answers(lists(0, "SO1"))
	b.request("jobs.retry", fmt.Sprintf(`{"job_id":%q}`, job.JobID), nil)
	b.eventually("the job succeeds", func() bool {
		row, _, err := b.db.Job(t.Context(), job.JobID)
		return err == nil && row.State == jobs.Succeeded
	})
	if r := b.result(2); r.State != jobs.Succeeded || r.ID != job.RunID || r.Reopened != 1 {
		t.Errorf("got the second result %+v, want the same run to have succeeded", r)
	}
	for _, body := range []string{
		`{}`, `{"state":"succeeded"}`, `{"since":"yesterday"}`, `{"run_id":"none"}`, `{"cursor":"x"}`, fmt.Sprintf(`{"job_id":%q,"state":"dead"}`, job.JobID),
	} {
		if g := b.ask("jobs.retry", body); g.Error.Code == "" || g.Error.Hint == "" {
			t.Errorf("jobs.retry %s: got %+v, want an error with a hint", body, g.Error)
		}
	}
	for endpoint, body := range map[string]string{
		"jobs.retry": fmt.Sprintf(`{"job_id":%q}`, job.JobID), "jobs.cancel": `{"job_id":"none"}`, "jobs.get": `{}`, "jobs.list": `{"state":"lost"}`, "runs.cancel": `{"run_id":"none"}`,
	} {
		if g := b.ask(endpoint, body); g.Error.Code == "" || g.Error.Hint == "" {
			t.Errorf("%s %s: got %+v, want an error with a hint", endpoint, body, g.Error)
		}
	}
}
