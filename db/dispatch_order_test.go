package db_test

import (
	"encoding/json"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// Attempts in which nothing was sent are told apart from those that count, also when the
// messages were lost.
func TestAttemptsThatWereNotSentDoNotCount(t *testing.T) {
	d := open(t)
	_, js := start(t, d, 1)
	publish(t, d)
	job := js[0]
	for n := 1; n <= 3; n++ {
		o := failed(job, jobs.Waiting, noon)
		o.Err = &clients.Error{Code: clients.CodeUnavailable, NotSent: true, Message: "the provider has not answered 5 calls in a row"}
		o.Tried++ // as jobs.Perform does
		commit(t, d, o)
		if c := commit(t, d, o); !c.Repeated {
			t.Errorf("got %+v, want it recorded once", c)
		}
		m := pending(t, d, noon.Add(time.Hour))
		if len(m) != 1 || m[0].MsgID != job.ID+"."+itoa(n+1) {
			t.Fatalf("got %+v, want one message, with an id of its own", m)
		}
		if n == 2 { // it may be lost with its stream
			publish(t, d)
			if n, err := d.Requeue(t.Context()); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			m = pending(t, d, time.Now())
		}
		if err := json.Unmarshal(m[0].Body, &job); err != nil || job.Attempt != n+1 || job.Tried != n {
			t.Errorf("got %+v, %v, want the first attempt that counts before it", job, err)
		}
		publish(t, d)
		if begun, err := d.BeginJob(t.Context(), job); err != nil || !begun {
			t.Errorf("got %v, %v, want it begun", begun, err)
		}
	}
	row, _, err := d.Job(t.Context(), job.ID)
	if err != nil || row.Attempts != 3 || row.Tried != 3 {
		t.Errorf("got %+v, %v, want three attempts that do not count", row, err)
	}
	sound(t, d)
}
