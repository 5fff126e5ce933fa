package db_test

import (
	"testing"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// Attempts that sent nothing do not count, also after a restart.
func TestAttemptsThatWereNotSentDoNotCount(t *testing.T) {
	d := open(t)
	_, js := start(t, d, 1)
	publish(t, d)
	job := js[0]
	for n := 1; n <= 3; n++ {
		o := failed(job, jobs.Waiting, noon)
		o.Err = &clients.Error{Code: clients.CodeUnavailable, NotSent: true, Message: "the provider has not answered 5 calls in a row"}
		o.Tried++ // like jobs.Perform
		commit(t, d, o)
		if c := commit(t, d, o); !c.Repeated {
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
	checkConsistent(t, d)
}
