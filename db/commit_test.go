package db_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/jobs"
)

func TestCommitStoresTheOrdersOnceAndEndsTheRun(t *testing.T) {
	d := open(t)
	_, js := start(t, d, 1)
	begun, err := d.BeginJob(t.Context(), js[0])
	if err != nil || !begun {
		t.Fatalf("begin: got %v, %v", begun, err)
	}
	outcome := succeeded(js[0], noon, order("SO1", false), order("SO2", false))
	c := commit(t, d, outcome)
	want := jobs.Tally{Seen: 2, Created: 2}
	if diff := cmp.Diff(want, c.Tally); diff != "" {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
	if c.Run == nil || c.Run.State != jobs.Succeeded || c.Run.Orders != want || c.Repeated {
		t.Errorf("got run %+v, repeated %v: want it succeeded", c.Run, c.Repeated)
	}
	before := pending(t, d, noon)

	again := commit(t, d, outcome)
	if !again.Repeated || again.Run != nil || again.Tally != want {
		t.Errorf("a second commit: got %+v", again)
	}
	if diff := cmp.Diff(before, pending(t, d, noon)); diff != "" {
		t.Errorf("a second commit changed the outbox:\n%s", diff)
	}
	if begun, err := d.BeginJob(t.Context(), js[0]); begun || err != nil {
		t.Errorf("begin after commit: got %v, %v", begun, err)
	}
	for _, m := range before {
		t.Logf("%s %s %s %s", m.Topic, m.Subject, m.MsgID, m.Body)
	}
}
