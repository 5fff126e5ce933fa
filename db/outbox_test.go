package db_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db/dbtest"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// fixedRun is a run of three jobs with constant ids.
func fixedRun() (jobs.Run, []jobs.Job) {
	run, js := dbtest.Plan(3)
	for i := range js {
		js[i].ID, js[i].RunID, js[i].References = fmt.Sprintf("01JDRUN-%05d", i+1), "01JDRUN", nil
	}
	js[1].Account, js[2].Account = "toledo", "flint"
	run.ID, run.Trigger, run.ReplyTo = "01JDRUN", "schedule:michelin-recent", "callers.inbox.7"
	run.Accounts, run.Params = []string{"detroit", "toledo", "flint"}, []byte(`{"lookback":"14d"}`)
	return run, js
}

// messages formats messages as text, with the body last.
func messages(t *testing.T, list []outbox.Message) string {
	t.Helper()
	var b strings.Builder
	for _, m := range list {
		fmt.Fprintf(&b, "%s %s\nid: %s\ntype: %s\nsubject: %s\nsource: %s\ntime: %s\ntraceparent: %s\nheaders: %v\n%s\n",
			m.Topic, m.Subject, m.MsgID, m.Type, m.CESubject, m.Source, m.Time.Format(time.RFC3339Nano), m.Traceparent,
			m.Headers, dbtest.Indented(t, m.Body))
	}
	return b.String()
}

// TestMessagesArePublic compares every type of message with a golden file.
func TestMessagesArePublic(t *testing.T) {
	d := dbtest.Open(t)
	run, js := fixedRun()
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	if !taken(t, d, js[0]) {
		t.Fatal("the job was not claimed")
	}
	// This time is from the machine's clock.
	if err := d.OnWriter(t.Context(), "UPDATE runs SET started_at = requested_at"); err != nil {
		t.Fatal(err)
	}
	strange := dbtest.Order("SO 1/ä", false)
	strange.Account, strange.Lines = "toledo", strange.Lines[:1]
	strange.Normalize()
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon, dbtest.Order("SO1", false)))
	dbtest.Commit(t, d, dbtest.Succeeded(js[1], dbtest.Noon.Add(time.Second), strange))
	dbtest.Commit(t, d, dbtest.Failed(js[2], jobs.Failed, dbtest.Noon.Add(1500*time.Millisecond)))
	list := dbtest.Pending(t, d, dbtest.Noon)
	dbtest.Publish(t, d)
	dbtest.Golden(t, "order-created.txt", messages(t, list[:2]))
	dbtest.Golden(t, "run-finished.txt", messages(t, list[2:4]))

	run, js = fixedRun()
	run.ID, run.ReplyTo, js = "01JDRUN2", "", js[:1]
	js[0].RunID, js[0].ID = run.ID, run.ID+"-00001"
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	changed := dbtest.Order("SO1", true)
	changed.Lines = append(changed.Lines, clients.Line{LineID: "003", Ordered: clients.Pieces(1)})
	changed.Normalize()
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon.Add(time.Hour), changed))
	dbtest.Golden(t, "order-changed.txt", messages(t, dbtest.Pending(t, d, dbtest.Noon)[:1]))
}

// TestMessagesOfDocumentsArePublic compares the messages of new and changed advices and invoices with
// golden files.
func TestMessagesOfDocumentsArePublic(t *testing.T) {
	d := dbtest.Open(t)
	first, second := advice("BOL1", "SO1"), advice("BOL1", "SO1")
	second.Tracking = []string{"SAMPLE1", "SAMPLE2", "SAMPLE3"}
	commitFixed := func(id string, at time.Time, change func(*jobs.Outcome)) {
		run, js := fixedRun()
		run.ID, run.ReplyTo, js = id, "", js[:1]
		js[0].RunID, js[0].ID = id, id+"-00001"
		if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
			t.Fatal(err)
		}
		dbtest.Publish(t, d)
		o := dbtest.Succeeded(js[0], at)
		change(&o)
		dbtest.Commit(t, d, o)
	}
	short := dbtest.Order("SO1", true)
	short.Lines = short.Lines[:1]
	short.Normalize()
	commitFixed("01JDRUN1", dbtest.Noon, func(o *jobs.Outcome) { o.Orders, o.Advices = []clients.Order{short}, []clients.Advice{first} })
	dbtest.Golden(t, "order-despatched.txt", messages(t, dbtest.Pending(t, d, dbtest.Noon)[1:2]))
	commitFixed("01JDRUN2", dbtest.Noon.Add(time.Hour), func(o *jobs.Outcome) {
		o.Advices, o.Invoices = []clients.Advice{second}, []clients.Invoice{invoice("100000000001", "SO1")}
	})
	list := dbtest.Pending(t, d, dbtest.Noon)
	dbtest.Golden(t, "order-despatched-again.txt", messages(t, list[:1]))
	dbtest.Golden(t, "order-invoiced.txt", messages(t, list[1:2]))
}

func TestOutboxIsReadInOrderUntilPublished(t *testing.T) {
	d := dbtest.Open(t)
	for len(d.Wake()) > 0 {
		<-d.Wake()
	}
	_, js := dbtest.Start(t, d, 7)
	var want []string
	for i := range 5 {
		id := "SO" + strconv.Itoa(i)
		dbtest.Commit(t, d, dbtest.Succeeded(js[i], dbtest.Noon, dbtest.Order(id, false)))
		want = append(want, "michelin.detroit."+id+".1")
	}
	select {
	case <-d.Wake():
	default:
		t.Error("Wake did not receive")
	}
	first, err := d.Pending(t.Context(), dbtest.Noon, 2)
	if err != nil || len(first) != 2 {
		t.Fatalf("got %v, %v", first, err)
	}
	if err := d.Published(t.Context(), outbox.Settled{IDs: []int64{first[0].ID, first[1].ID, 4711}}); err != nil {
		t.Fatal(err)
	}
	rest := dbtest.Pending(t, d, dbtest.Noon)
	var got []string
	for _, m := range append(first, rest...) {
		got = append(got, m.MsgID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	dbtest.Publish(t, d)
	if m := dbtest.Pending(t, d, dbtest.Noon.AddDate(1, 0, 0)); len(m) != 0 {
		t.Errorf("still there: %v", m)
	}
	if _, ok, err := d.NextDue(t.Context(), dbtest.Noon); ok || err != nil {
		t.Errorf("something is due in an empty outbox: %v", err)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(js[5], dbtest.Noon, dbtest.Order("SO5", false)))
	if next := dbtest.Pending(t, d, dbtest.Noon)[0].ID; next <= rest[len(rest)-1].ID {
		t.Errorf("id %d was used before", next)
	}
}

// What the stream has is recorded together with the removal from the outbox, by subject.
func TestSequencesArePublishedTogether(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false), dbtest.Order("SO2", false))
	list := dbtest.Pending(t, d, dbtest.Noon)
	one, two := list[0].Subject, list[1].Subject
	if err := d.Published(t.Context(), outbox.Settled{IDs: []int64{list[0].ID}, Sequences: map[string]uint64{one: 7}}); err != nil {
		t.Fatal(err)
	}
	if err := d.Published(t.Context(), outbox.Settled{Sequences: map[string]uint64{one: 3}}); err != nil { // the stream was made again
		t.Fatal(err)
	}
	known, err := d.Sequences(t.Context(), []string{one, two})
	if diff := cmp.Diff(map[string]uint64{one: 3}, known); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	e, _, err := d.EventOf(t.Context(), "michelin", "detroit", "SO1", 1)
	if err != nil || e == nil || e.EventID != "michelin.detroit.SO1.1" {
		t.Errorf("got %+v, %v, want the event", e, err)
	}
	if e, pruned, err := d.EventOf(t.Context(), "michelin", "detroit", "SO1", 2); e != nil || pruned || err != nil {
		t.Errorf("got %+v, %v, %v for a revision that never was", e, pruned, err)
	}
}

func TestLargeMessagesAreReadInSmallBatches(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 7)
	for i, megabytes := range []int{3, 4, 2, 9, 1, 1} {
		o := dbtest.Order("SO"+strconv.Itoa(i), false)
		o.Lines[0].Description = clients.Text(strings.Repeat("0", megabytes<<20))
		dbtest.Commit(t, d, dbtest.Succeeded(js[i], dbtest.Noon, o))
	}
	var got []int
	for {
		list, err := d.Pending(t.Context(), dbtest.Noon, 512)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		got = append(got, len(list))
		for _, m := range list {
			if err := d.Published(t.Context(), outbox.Settled{IDs: []int64{m.ID}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff([]int{2, 1, 1, 2}, got); diff != "" {
		t.Errorf("messages at a time (-want +got):\n%s", diff)
	}
}

func TestFailedOperationDoesNotWake(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Plan(2)
	js[1].RunID = "another" // the first one is already queued
	if _, _, err := d.StartRun(t.Context(), run, js); err == nil {
		t.Fatal("a job of another run was stored")
	}
	select {
	case <-d.Runnable(run.Provider):
		t.Error("woken for nothing")
	default:
	}
}

func TestTokens(t *testing.T) {
	for in, want := range map[string]string{
		"SO123": "SO123", "a-b_C9": "a-b_C9", "": "_", "a.b": "a%2Eb", "a b*>": "a%20b%2A%3E", "ä/%": "%C3%A4%2F%25", "\xff": "%FF",
	} {
		if got := outbox.Token(in); got != want {
			t.Errorf("Token(%q): got %s, want %s", in, got, want)
		}
	}
}

func TestRetriesAreShiftedAfterABackwardClockChange(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 2)
	dbtest.Publish(t, d)
	o := dbtest.Failed(js[0], jobs.Waiting, time.Now().Add(2*time.Hour))
	o.NextAt = time.Now().Add(2*time.Hour + time.Second)
	dbtest.Commit(t, d, o)
	if err := d.ClockSetBack(t.Context(), 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	due, ok, err := d.NextAttempt(t.Context(), js[0].Provider)
	if left := time.Until(due); !ok || err != nil || left > time.Second {
		t.Errorf("got due in %s, %v, %v, want it within a second", left, ok, err)
	}
}
