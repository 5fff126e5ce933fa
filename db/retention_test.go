package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/retention"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
)

// planAt is a run of n jobs that was requested at a time.
func planAt(at time.Time, n int) (jobs.Run, []jobs.Job) {
	run, js := dbtest.Plan(n)
	run.ID, run.RequestedAt = jobs.NewID(at), at
	for i := range js {
		js[i].ID, js[i].RunID, js[i].FirstAt = fmt.Sprintf("%s-%05d", run.ID, i+1), run.ID, at
	}
	return run, js
}

// ended stores a run with one job that was requested and ended at a time; end sets the outcome.
func ended(tb testing.TB, d *db.DB, at time.Time, end func(*jobs.Outcome)) jobs.Job {
	tb.Helper()
	run, js := planAt(at, 1)
	o := dbtest.Succeeded(js[0], at)
	end(&o)
	run.Kind, js[0].Kind, js[0].Account = o.Kind, o.Kind, o.Account
	run.Provider, js[0].Provider = o.Provider, o.Provider
	if _, _, err := d.StartRun(tb.Context(), run, js); err != nil {
		tb.Fatal(err)
	}
	dbtest.Commit(tb, d, o)
	return o.Job
}

func sees(orders ...clients.Order) func(*jobs.Outcome) {
	return func(o *jobs.Outcome) { o.Orders = orders }
}

func fails(account string, state jobs.State, code clients.Code) func(*jobs.Outcome) {
	return func(o *jobs.Outcome) {
		o.Account, o.State = account, state
		o.Err = &clients.Error{Code: code, Message: "no", Hint: "look"}
	}
}

// unread is an unreadable response.
func unread(o *jobs.Outcome) {
	fails(o.Account, jobs.Failed, clients.CodeBadResponse)(o)
	o.Exchanges = []exchange.Exchange{{Method: "GET", URL: "/", StartedAt: o.AskedAt, Code: string(o.Err.Code)}}
}

func record(tb testing.TB, d *db.DB, schedule string, at time.Time) {
	tb.Helper()
	if _, err := d.RecordTicks(tb.Context(), schedules.Tick{Schedule: schedule, DueAt: at, Outcome: "started"}); err != nil {
		tb.Fatal(err)
	}
}

// rows returns the keys of prunable rows by table, oldest first.
func rows(tb testing.TB, d *db.DB) map[string]string {
	tb.Helper()
	all := map[string]string{}
	for table, key := range map[string]string{
		"exchanges": "substr(job_id, -5)", "jobs": "account || ' ' || state", "runs": "kind || ' ' || state",
		"ticks": "schedule || substr(due_at, 1, 4)", "alerts": "account || user || ' ' || code || ' ' || state", "order_events": "order_id || '.' || revision",
	} {
		got, err := d.Inspect().Value(tb.Context(), fmt.Sprintf("SELECT coalesce(group_concat(k, ', '), '') FROM (SELECT %s AS k FROM %s ORDER BY rowid)", key, strings.Replace(table, "ticks", "(SELECT *, due_at AS rowid FROM ticks)", 1)))
		if err != nil {
			tb.Fatal(err)
		}
		all[table] = got
	}
	return all
}

// prune prunes as of noon and compares the result with Prunable.
func prune(tb testing.TB, d *db.DB, r retention.Periods) retention.Pruned {
	tb.Helper()
	want, err := d.Prunable(tb.Context(), r, dbtest.Noon)
	if err != nil {
		tb.Fatal(err)
	}
	got, err := d.Prune(tb.Context(), r, dbtest.Noon)
	if err != nil {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("pruned (-announced +done):\n%s", diff)
	}
	if again, err := d.Prune(tb.Context(), r, dbtest.Noon); again.Rows() != 0 || err != nil {
		tb.Errorf("the second time: got %+v, %v, want that nothing is left to do", again, err)
	}
	return got
}

// furnished is a database with expired and current rows of every table.
func furnished(t *testing.T) *db.DB {
	t.Helper()
	d := dbtest.Open(t)
	for i, at := range []time.Time{longAgo, dbtest.Noon.Add(-time.Hour)} {
		ended(t, d, at, sees(dbtest.Order("SO1", i == 0)))
		ended(t, d, at.Add(time.Minute), unread)
		ended(t, d, at.Add(2*time.Minute), fails("toledo", jobs.Failed, clients.CodeForbidden))
		ended(t, d, at.Add(3*time.Minute), func(o *jobs.Outcome) { o.Account = "toledo" })
		record(t, d, "recent", at)
	}
	// An alert is resolved when the job ends, long ago for the first one.
	dbtest.Publish(t, d)
	return d
}

func TestExpiredRowsArePruned(t *testing.T) {
	d := furnished(t)
	got := prune(t, d, kept)
	if diff := cmp.Diff(retention.Pruned{Exchanges: 1, Jobs: 4, Runs: 4, Ticks: 1, Alerts: 1, Events: 1}, got); diff != "" {
		t.Errorf("pruned (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"exchanges": "00001", "jobs": "detroit succeeded, detroit failed, toledo failed, toledo succeeded",
		"runs":  "sync succeeded, sync failed, sync failed, sync succeeded",
		"ticks": "recent2026", "alerts": "detroit bad_response resolved, detroit bad_response raised, toledo forbidden resolved", "order_events": "SO1.2",
	}, rows(t, d)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if o, ok, err := d.Order(t.Context(), "michelin", "detroit", "SO1"); !ok || o.Revision != 2 || err != nil {
		t.Errorf("got the order %+v, %v, %v, want it untouched", o, ok, err)
	}
}

func TestUnlimitedRetentionPrunesNothing(t *testing.T) {
	for _, test := range []struct {
		name string
		keep retention.Periods
		want retention.Pruned
	}{
		{"everything", retention.Periods{}, retention.Pruned{}},
		{"exchanges, and with them their jobs", retention.Periods{Jobs: day, Events: day}, retention.Pruned{Jobs: 3, Runs: 3, Ticks: 1, Alerts: 1, Events: 1}},
		{"jobs", retention.Periods{Exchanges: day, Events: day}, retention.Pruned{Exchanges: 1, Events: 1}},
		{"events", retention.Periods{Exchanges: day, Jobs: day}, retention.Pruned{Exchanges: 1, Jobs: 4, Runs: 4, Ticks: 1, Alerts: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, prune(t, furnished(t), test.keep)); diff != "" {
				t.Errorf("pruned (-want +got):\n%s", diff)
			}
		})
	}
}

// needed is a database with old rows that are all still needed.
func needed(t *testing.T) *db.DB {
	t.Helper()
	d := dbtest.Open(t)
	// A run with a waiting job and a finished one.
	run, js := planAt(longAgo, 2)
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	dbtest.Commit(t, d, dbtest.Failed(js[0], jobs.Waiting, longAgo))
	dbtest.Commit(t, d, dbtest.Succeeded(js[1], longAgo))
	// One with a raised alert, and one with a missing consent.
	ended(t, d, longAgo.Add(time.Minute), fails("toledo", jobs.Failed, clients.CodeForbidden))
	ended(t, d, longAgo.Add(2*time.Minute), func(o *jobs.Outcome) {
		fails("a", jobs.Failed, clients.CodeConsent)(o)
		o.Provider = "mazda"
	})
	raise(t, d, consentAlert("johndoe"))
	// A job that has been dead for less than 30 days, with a job retention of one day.
	dead := ended(t, d, dbtest.Noon.Add(-29*day), fails("windsor", jobs.Dead, clients.CodeUnavailable))
	if _, err := d.Resolve(t.Context(), "michelin", "windsor", "", "dead_job"); err != nil {
		t.Fatal(err)
	}
	// An order whose first event is pending; one with document events, each the last of its
	// document; one that never changed.
	outcome(t, d, "sync", longAgo, sees(dbtest.Order("SO2", false)))
	advise(t, d, longAgo, advice("BOL1", "SO2"))
	bill(t, d, longAgo, invoice("I1", "SO2"))
	outcome(t, d, "sync", longAgo, sees(dbtest.Order("SO3", false)))
	outcome(t, d, "sync", longAgo, sees(dbtest.Order("SO2", true)))
	dbtest.Publish(t, d)
	outcome(t, d, "sync", longAgo, sees(dbtest.Order("SO1", false)))
	outcome(t, d, "sync", longAgo, sees(dbtest.Order("SO1", true)))
	record(t, d, "yearly", longAgo)
	if dead.ID == "" {
		t.Fatal("no dead job")
	}
	return d
}

func TestNeededRowsAreNotPruned(t *testing.T) {
	want := map[string]string{
		"exchanges":    "",
		"jobs":         "detroit waiting, detroit succeeded, toledo failed, a failed, windsor dead",
		"runs":         "sync running, sync failed, sync failed, sync failed",
		"ticks":        "yearly2024",
		"alerts":       "toledo forbidden raised, johndoe consent_required raised, windsor dead_job resolved",
		"order_events": "SO2.2, SO2.3, SO3.1, SO2.4, SO1.1, SO1.2",
	}
	d := needed(t)
	prune(t, d, retention.Periods{Exchanges: day, Jobs: day, Events: day})
	got := rows(t, d)
	// The exchanges of the other jobs are from noon and retained.
	for _, table := range []string{"jobs", "runs"} {
		got[table] = strings.Join(strings.Split(got[table], ", ")[:len(strings.Split(want[table], ", "))], ", ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestUnfinishedJobOfAFinishedRunIsNotPruned(t *testing.T) {
	d := dbtest.Open(t)
	run, js := planAt(longAgo, 1)
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	dbtest.Commit(t, d, dbtest.Failed(js[0], jobs.Waiting, longAgo))
	if err := d.OnWriter(t.Context(), "UPDATE runs SET state = 'cancelled', finished_at = requested_at"); err != nil {
		t.Fatal(err)
	}
	if got := prune(t, d, kept); got.Rows() != 0 {
		t.Errorf("got %+v, want nothing removed", got)
	}
}

func TestJobIsRetriedAfterAnotherOfItsRunWasPruned(t *testing.T) {
	d := dbtest.Open(t)
	run, js := planAt(longAgo, 2)
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], longAgo))
	dbtest.Commit(t, d, dbtest.Failed(js[1], jobs.Dead, longAgo))
	if got := prune(t, d, kept); got.Jobs != 1 || got.Runs != 0 {
		t.Errorf("got %+v, want the job gone that succeeded", got)
	}
	if _, err := d.RetryJob(t.Context(), js[1].ID); err != nil {
		t.Fatal(err)
	}
	dbtest.CheckConsistent(t, d)
	again := js[1]
	again.Attempt = 2
	dbtest.Commit(t, d, dbtest.Succeeded(again, dbtest.Noon))
	if got, ok, err := d.Run(t.Context(), run.ID); !ok || err != nil || got.State != jobs.Succeeded || got.Jobs != (jobs.Counts{Total: 2, Succeeded: 2}) {
		t.Errorf("got %+v, %v, %v, want that both succeeded", got, ok, err)
	}
	dbtest.CheckConsistent(t, d)
}

func TestDeadJobIsPrunedEventually(t *testing.T) {
	d := dbtest.Open(t)
	ended(t, d, dbtest.Noon.Add(-31*day), fails("windsor", jobs.Dead, clients.CodeUnavailable))
	if got := prune(t, d, retention.Periods{Jobs: day}); got.Jobs != 0 {
		t.Errorf("got %+v, want that it stays with its alert", got)
	}
	if _, err := d.Resolve(t.Context(), "michelin", "windsor", "", "dead_job"); err != nil {
		t.Fatal(err)
	}
	if got := prune(t, d, retention.Periods{Jobs: day}); got.Jobs != 1 || got.Runs != 1 {
		t.Errorf("got %+v, want the job and its run", got)
	}
}

func TestConsentStartsCatchUpRunsForOldJobs(t *testing.T) {
	d := dbtest.Open(t)
	mazda := func(o *jobs.Outcome) {
		fails("a", jobs.Failed, clients.CodeConsent)(o)
		o.Provider = "mazda"
	}
	ended(t, d, longAgo, mazda)
	raise(t, d, consentAlert("johndoe"))
	prune(t, d, kept)
	if got := queriesOf(t, d, consent(t, d)); len(got) != 1 {
		t.Errorf("got %q, want one for what was missed", got)
	}
	if got := prune(t, d, kept); got.Jobs != 1 {
		t.Errorf("after the consent: got %+v, want the job gone", got)
	}
}

func TestKeyIsRememberedAsLongAsItsRun(t *testing.T) {
	d := dbtest.Open(t)
	begin := func(at time.Time) bool {
		run, js := planAt(at, 1)
		run.Key = "please"
		_, started, err := d.StartRun(t.Context(), run, js)
		if err != nil {
			t.Fatal(err)
		}
		if started {
			dbtest.Commit(t, d, dbtest.Succeeded(js[0], at))
		}
		return started
	}
	first := dbtest.Noon.Add(-100 * day)
	if !begin(first) || begin(first.Add(time.Hour)) {
		t.Error("want one run, and the same again")
	}
	prune(t, d, retention.Periods{Jobs: 200 * day})
	if begin(first.Add(time.Hour)) {
		t.Error("a retained run was not found")
	}
	prune(t, d, retention.Periods{Jobs: 90 * day})
	if !begin(first.Add(time.Hour)) {
		t.Error("a run that is gone was remembered")
	}
}

func TestEventsWaitUntilMessagesArePublished(t *testing.T) {
	d := furnished(t)
	err := d.Write(t.Context(), false, func(exec db.Exec) error {
		_, err := exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001)
			INSERT INTO outbox (topic, subject, msg_id, type, ce_subject, source, time) SELECT 'results', 's', i, 't', 's', 's', '2026-11-20T12:00:00.000Z' FROM n`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := prune(t, d, kept); got.Events != 0 || got.Jobs == 0 || !got.EventsWait {
		t.Errorf("got %+v, want all except events pruned, and EventsWait", got)
	}
	dbtest.Publish(t, d)
	if got := prune(t, d, kept); got.Events != 1 || got.EventsWait {
		t.Errorf("got %+v, want the event", got)
	}
}

func TestRetainedRowsDoNotHideExpiredOnes(t *testing.T) {
	d := dbtest.OpenAt(t, history(t, 300, 4))
	if err := d.OnWriter(t.Context(), `INSERT INTO outbox (topic, subject, msg_id, type, ce_subject, source, time, event)
		SELECT 'orders', 's', event_id, type, 's', 's', observed_at, id FROM order_events WHERE revision <= 2`); err != nil {
		t.Fatal(err)
	}
	if got := prune(t, d, kept); got.Events != 300 {
		t.Errorf("got %+v, want the third of four events of each order", got)
	}
}

func TestPruningShrinksTheFile(t *testing.T) {
	d := dbtest.OpenAt(t, history(t, 300, 10))
	pages := func() (n int) {
		got, err := d.Inspect().Value(t.Context(), "PRAGMA page_count")
		if _, scanned := fmt.Sscan(got, &n); err != nil || scanned != nil {
			t.Fatal(err, scanned)
		}
		return n
	}
	before := pages()
	if got := prune(t, d, kept); got.Events != 300*9+1-1 {
		t.Errorf("got %+v, want 9 of 10 events", got)
	}
	if after := pages(); after > before/2 {
		t.Errorf("got %d pages of %d, want less than half", after, before)
	}
	if got, err := d.Inspect().Value(t.Context(), "PRAGMA integrity_check"); got != "ok" || err != nil {
		t.Errorf("integrity check: %s, %v", got, err)
	}
}

// TestPruningDuringCommits commits changes of the orders whose history is pruned, and lists alerts, until
// pruning ends.
func TestPruningDuringCommits(t *testing.T) {
	const orders = 40
	d := dbtest.OpenAt(t, history(t, orders, 60))
	var pruned atomic.Bool
	var committers sync.WaitGroup
	var commits [4]int
	for c := range commits {
		committers.Go(func() {
			for i := 0; !pruned.Load() || i < 10; i++ {
				_, js := dbtest.Start(t, d, 1)
				id := fmt.Sprintf("SO%08d", c*10+i%10)
				// Its state changes each time.
				o := dbtest.Order(id, i/10%2 == 0)
				o.Method = clients.Text(fmt.Sprint(i))
				dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon.Add(time.Duration(i)*time.Second), o))
				commits[c]++
			}
		})
	}
	got, err := d.Prune(t.Context(), kept, dbtest.Noon)
	pruned.Store(true)
	committers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, n := range commits {
		total += n
	}
	// The last revision of each at the start may have been followed by another.
	if got.Events < orders*59 || got.Events > orders*60 {
		t.Errorf("got %d events pruned, want %d, or up to %d with those that are not the last any more", got.Events, orders*59, orders*60)
	}
	left, err := d.Inspect().Value(t.Context(), "SELECT count(*) FROM order_events WHERE observed_at >= '2026-11-20'")
	if left != fmt.Sprint(total) || err != nil {
		t.Errorf("got %s new events, %v, want one for each of %d commits", left, err, total)
	}
	dbtest.CheckConsistent(t, d)
	t.Logf("%d events pruned beside %d commits", got.Events, total)
}

func TestPruningNeedsTheWriter(t *testing.T) {
	path := history(t, 2, 2)
	d, err := db.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if p, err := d.Prunable(t.Context(), kept, dbtest.Noon); p.Events != 2 || err != nil {
		t.Errorf("got %+v, %v, want it counted", p, err)
	}
	if p, err := d.Prune(t.Context(), kept, dbtest.Noon); err == nil || p.Rows() != 0 {
		t.Errorf("got %+v, %v, want an error", p, err)
	}
}

func TestPruningContinuesAfterALock(t *testing.T) {
	path := history(t, 100, 10)
	d := dbtest.OpenAt(t, path)
	d.Inspect().SetPatience(time.Millisecond)
	other := openRaw(t, path, "_busy_timeout=5000")
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if p, err := d.Prune(t.Context(), kept, dbtest.Noon); err == nil || !strings.Contains(err.Error(), "database is locked") || p.Rows() != 0 {
		t.Errorf("got %+v, %v, want that the database is locked", p, err)
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if p := prune(t, d, kept); p.Events != 900 {
		t.Errorf("got %+v, want 900 events", p)
	}
}

func TestPruningEndsWithItsContext(t *testing.T) {
	d := dbtest.OpenAt(t, history(t, 500, 20))
	ctx, cancel := context.WithCancel(t.Context())
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for now := "10001"; now == "10001" && ctx.Err() == nil; {
			now, _ = d.Inspect().Value(ctx, "SELECT count(*) FROM order_events")
		}
		cancel()
	})
	p, err := d.Prune(ctx, kept, dbtest.Noon)
	cancel()
	watcher.Wait()
	if !errors.Is(err, context.Canceled) || p.Events == 0 || p.Events == 9500 {
		t.Errorf("got %+v, %v, want some events pruned, and that it was ended", p, err)
	}
	left, err := d.Inspect().Value(t.Context(), "SELECT count(*) FROM order_events")
	if want := fmt.Sprint(10_001 - p.Events); left != want || err != nil {
		t.Errorf("got %s events left, %v, want %s: those that were counted are gone", left, err, want)
	}
}
