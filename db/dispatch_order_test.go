package db_test

import (
	"testing"

	"orderbeat/clients"
	"orderbeat/db/dbtest"
	"orderbeat/jobs"
)

// Attempts that sent nothing do not count, also after a restart.
func TestAttemptsThatWereNotSentDoNotCount(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 1)
	dbtest.Publish(t, d)
	job := js[0]
	for n := 1; n <= 3; n++ {
		o := dbtest.Failed(job, jobs.Waiting, dbtest.Noon)
		o.Err = &clients.Error{Code: clients.CodeUnavailable, NotSent: true, Message: "the provider has not answered 5 calls in a row"}
		o.Tried++ // like jobs.Perform
		dbtest.Commit(t, d, o)
		if c := dbtest.Commit(t, d, o); !c.Repeated {
			t.Errorf("got %+v, want it recorded once", c)
		}
		claimed := claim(t, d)
		if len(claimed) != 1 {
			t.Fatalf("got %+v, want the job", claimed)
		}
		if job = claimed[0]; job.Attempt != n+1 || job.Tried != n {
			t.Errorf("got %+v, want the first attempt that counts before it", job)
		}
	}
	row, _, err := d.Job(t.Context(), job.ID)
	if err != nil || row.Attempts != 3 || row.Tried != 3 {
		t.Errorf("got %+v, %v, want three attempts that do not count", row, err)
	}
	dbtest.CheckConsistent(t, d)
}
