package db_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/jobs"
)

// answered adds a recorded response to an outcome.
func answered(o jobs.Outcome, texts ...string) jobs.Outcome {
	for i, text := range texts {
		o.Exchanges = append(o.Exchanges, exchange.Exchange{
			Op: "orders", Method: "GET", URL: fmt.Sprintf("http://127.0.0.1/orders?page=%d", i+1), Status: 200, StartedAt: o.AskedAt, Detail: exchange.Full,
			RequestHeader:  http.Header{"Accept": {"application/json"}},
			ResponseHeader: http.Header{"Content-Type": {"application/json"}, "Link": {"</a>; rel=next", "</b>"}}, ResponseBody: text, ResponseBytes: int64(len(text)),
		})
	}
	return o
}

// remaps is the outcome of a remap job.
func remaps(t *testing.T, d *db.DB, job jobs.Job, source string, at time.Time, orders ...clients.Order) jobs.Outcome {
	t.Helper()
	kept, _, ok, err := d.Kept(t.Context(), source)
	if err != nil || !ok {
		t.Fatalf("got %v, %v, want the recorded responses of %s", ok, err, source)
	}
	o := dbtest.Succeeded(job, kept.AskedAt, orders...)
	o.Kind, o.FinishedAt = "remap", at
	return o
}

// remapRun starts a run with n remap jobs.
func remapRun(t *testing.T, d *db.DB, n int) []jobs.Job {
	t.Helper()
	run, js := dbtest.Plan(n)
	run.Kind = "remap"
	for i := range js {
		js[i].Kind = "remap"
	}
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	return js
}

func TestResponsesAreRecordedWithTheirJob(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 4)
	dbtest.Commit(t, d, answered(dbtest.Succeeded(js[0], dbtest.Noon, dbtest.Order("SO1", false)), "one", "two"))
	ended(t, d, dbtest.Noon, func(o *jobs.Outcome) {
		o.Kind = "check" // has no orders
		*o = answered(*o, "pong")
	})
	cut := answered(dbtest.Succeeded(js[1], dbtest.Noon.Add(time.Hour)), "one", "two")
	cut.Exchanges[1].Truncated = true
	dbtest.Commit(t, d, cut)
	lean := answered(dbtest.Succeeded(js[2], dbtest.Noon.Add(2*time.Hour)), "")
	lean.Exchanges[0].Detail = exchange.Metadata
	dbtest.Commit(t, d, lean)
	dbtest.Commit(t, d, answered(dbtest.Failed(js[3], jobs.Failed, dbtest.Noon), "one"))

	list, err := d.KeptJobs(t.Context(), "michelin", "detroit", jobs.Remapping{})
	if err != nil || len(list) != 1 || list[0].ID != js[0].ID || !list[0].AskedAt.Equal(dbtest.Noon) || list[0].Kind != "sync" {
		t.Errorf("got %+v, %v, want the job that is recorded in full", list, err)
	}
	_, answers, ok, err := d.Kept(t.Context(), js[0].ID)
	if err != nil || !ok {
		t.Fatalf("got %v, %v, want its responses", ok, err)
	}
	want := answered(dbtest.Succeeded(js[0], dbtest.Noon), "one", "two").Exchanges
	if diff := cmp.Diff(want, answers); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	for _, job := range js[1:] {
		if _, _, ok, err := d.Kept(t.Context(), job.ID); ok && job.ID != js[3].ID || err != nil {
			t.Errorf("%s: got %v, %v, want that it is not recorded in full", job.ID, ok, err)
		}
	}
	for name, r := range map[string]jobs.Remapping{
		"another run": {RunID: "r"}, "another job": {JobID: js[1].ID}, "later": {Since: dbtest.Noon.Add(time.Millisecond)}, "earlier": {Until: dbtest.Noon},
	} {
		if list, err := d.KeptJobs(t.Context(), "michelin", "detroit", r); len(list) != 0 || err != nil {
			t.Errorf("%s: got %v, %v, want none", name, list, err)
		}
	}
	for name, r := range map[string]jobs.Remapping{"its run": {RunID: js[0].RunID}, "its job": {JobID: js[0].ID}, "its time": {Since: dbtest.Noon, Until: dbtest.Noon.Add(time.Millisecond)}} {
		if list, err := d.KeptJobs(t.Context(), "michelin", "detroit", r); len(list) != 1 || err != nil {
			t.Errorf("%s: got %v, %v, want the job", name, list, err)
		}
	}
}

// Only responses of the last attempt are mapped, without 401 responses after which the call was replayed.
func TestOnlyTheLastAttemptIsMappedAgain(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 1)
	first := answered(dbtest.Failed(js[0], jobs.Waiting, dbtest.Noon), "half of it")
	first.NextAt = dbtest.Noon
	dbtest.Commit(t, d, first)
	js[0].Attempt = 2
	second := answered(dbtest.Succeeded(js[0], dbtest.Noon.Add(time.Minute)), "refused", "all of it")
	second.Exchanges[0].Status, second.Exchanges[0].Detail = 401, exchange.Metadata
	dbtest.Commit(t, d, second)
	_, answers, ok, err := d.Kept(t.Context(), js[0].ID)
	if err != nil || !ok || len(answers) != 1 || answers[0].ResponseBody != "all of it" {
		t.Errorf("got %+v, %v, %v, want the last response", answers, ok, err)
	}
	if list, err := d.KeptJobs(t.Context(), "michelin", "detroit", jobs.Remapping{}); len(list) != 1 || err != nil {
		t.Errorf("got %v, %v, want the job", list, err)
	}
}

func TestRemapRecordsDifferences(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 2)
	dbtest.Commit(t, d, answered(dbtest.Succeeded(js[0], dbtest.Noon, dbtest.Order("SO1", false), dbtest.Order("SO2", false)), "older"))
	dbtest.Commit(t, d, answered(dbtest.Succeeded(js[1], dbtest.Noon.Add(time.Hour), dbtest.Order("SO1", false)), "newer"))
	dbtest.Publish(t, d)
	fixed := func(id string) clients.Order {
		o := dbtest.Order(id, false)
		o.Method = "FIXED"
		return o
	}
	at := dbtest.Noon.Add(5 * time.Hour)
	again := remapRun(t, d, 4)

	same := dbtest.Commit(t, d, remaps(t, d, again[0], js[1].ID, at, dbtest.Order("SO1", false)))
	if same.Tally != (jobs.Tally{Seen: 1, Unchanged: 1}) {
		t.Errorf("the same mapping: got %+v, want that nothing changed", same.Tally)
	}
	newer := dbtest.Commit(t, d, remaps(t, d, again[1], js[1].ID, at, fixed("SO1")))
	if newer.Tally != (jobs.Tally{Seen: 1, Changed: 1}) {
		t.Errorf("another mapping: got %+v, want a change", newer.Tally)
	}
	// SO1 was seen later than this; SO2 was not, and SO3 was missed by the previous mapping.
	older := dbtest.Commit(t, d, remaps(t, d, again[2], js[0].ID, at, fixed("SO1"), fixed("SO2"), fixed("SO3")))
	if older.Tally != (jobs.Tally{Seen: 3, Created: 1, Changed: 1, Unchanged: 1}) {
		t.Errorf("an older response: got %+v, want changes of orders not seen since", older.Tally)
	}
	if end := dbtest.Commit(t, d, remaps(t, d, again[3], js[0].ID, at, fixed("SO1"), fixed("SO2"), fixed("SO3"))); end.Run == nil || end.Tally != (jobs.Tally{Seen: 3, Unchanged: 3}) {
		t.Errorf("once more: got %+v, want that nothing changed, and the end of the run", end)
	}
	var told []string
	for _, m := range dbtest.Pending(t, d, dbtest.Noon.AddDate(1, 0, 0)) {
		if m.Topic == "orders" {
			told = append(told, m.MsgID)
		}
	}
	if diff := cmp.Diff([]string{"michelin.detroit.SO1.2", "michelin.detroit.SO2.2", "michelin.detroit.SO3.1"}, told); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	o, _, err := d.Order(t.Context(), "michelin", "detroit", "SO1")
	if err != nil || !o.LastSeenAt.Equal(dbtest.Noon.Add(time.Hour)) || !o.LastChangedAt.Equal(at) || o.Method != "FIXED" {
		t.Errorf("got %+v, %v, want the time of the response as last seen and now as changed", o, err)
	}
	dbtest.CheckConsistent(t, d)
}

// Jobs run in any order, but the newest response takes precedence.
func TestRemapWaitsForNewerResponses(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 2)
	dbtest.Commit(t, d, answered(dbtest.Succeeded(js[0], dbtest.Noon), "older"))
	dbtest.Commit(t, d, answered(dbtest.Succeeded(js[1], dbtest.Noon.Add(time.Hour), dbtest.Order("SO2", false)), "newer"))
	dbtest.Publish(t, d)
	again := remapRun(t, d, 3) // the newer response first
	at := dbtest.Noon.Add(5 * time.Hour)
	if c := dbtest.Commit(t, d, remaps(t, d, again[2], js[0].ID, at, dbtest.Order("SO2", true))); c.Tally.Unchanged != 1 {
		t.Errorf("got %+v, want no wait without a change", c)
	}
	early := remaps(t, d, again[1], js[0].ID, at, dbtest.Order("SO1", false))
	if c := dbtest.Commit(t, d, early); c.Tally != (jobs.Tally{}) || c.Run != nil {
		t.Errorf("got %+v, want that it waits", c)
	}
	if row, _, err := d.Job(t.Context(), again[1].ID); err != nil || row.State != jobs.Waiting || row.NextAttemptAt == nil || row.ErrorCode != "" {
		t.Errorf("got %+v, %v, want a job that waits", row, err)
	}
	dbtest.Commit(t, d, remaps(t, d, again[0], js[1].ID, at, dbtest.Order("SO1", true)))
	early.Attempt++
	if c := dbtest.Commit(t, d, early); c.Tally != (jobs.Tally{Seen: 1, Unchanged: 1}) || c.Run == nil || c.Run.State != jobs.Succeeded {
		t.Errorf("got %+v, want no change by the older response and the end of the run", c)
	}
	if got := story(t, d, "SO1"); got != "created" {
		t.Errorf("got the story %s, want one event", got)
	}
}

// No request was sent, so freshness and alerts of the account do not change.
func TestRemapDoesNotAffectFreshnessAndAlerts(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 2)
	dbtest.Commit(t, d, answered(dbtest.Succeeded(js[0], dbtest.Noon), "a"))
	refused := dbtest.Failed(js[1], jobs.Failed, dbtest.Noon.Add(-time.Hour))
	refused.Err.Code = clients.CodeForbidden
	dbtest.Commit(t, d, refused)
	const state = `SELECT (SELECT group_concat(code || state) FROM alerts) || (SELECT group_concat(concat_ws(' ', last_success_at, last_failure_at)) FROM freshness)`
	before, err := d.Inspect().Value(t.Context(), state)
	if err != nil || !strings.Contains(before, "raised") {
		t.Fatalf("got %q, %v, want an alert", before, err)
	}
	again := remapRun(t, d, 2)
	dbtest.Commit(t, d, remaps(t, d, again[0], js[0].ID, dbtest.Noon.Add(2*time.Hour)))
	wrong := remaps(t, d, again[1], js[0].ID, dbtest.Noon.Add(2*time.Hour))
	wrong.State, wrong.Err = jobs.Failed, &clients.Error{Code: clients.CodeInvalid, Message: "no such call"}
	dbtest.Commit(t, d, wrong)
	if after, err := d.Inspect().Value(t.Context(), state); after != before || err != nil {
		t.Errorf("got %q, %v, want %q", after, err, before)
	}
}
