package db_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/orders"
	"orderbeat/jobs"
)

func TestCommitStoresAnAttemptOnce(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 1)
	if !taken(t, d, js[0]) {
		t.Fatal("the job was not claimed")
	}
	outcome := dbtest.Succeeded(js[0], dbtest.Noon, dbtest.Order("SO1", false), dbtest.Order("SO2", false))
	c := dbtest.Commit(t, d, outcome)
	want := jobs.Tally{Seen: 2, Created: 2}
	if c.Tally != want || c.Repeated || c.Run == nil || c.Run.State != jobs.Succeeded || c.Run.Orders != want {
		t.Fatalf("got %+v, want %+v and a run that succeeded", c, want)
	}
	before := dbtest.Pending(t, d, dbtest.Noon)

	again := dbtest.Commit(t, d, outcome)
	if !again.Repeated || again.Run != nil || again.Tally != want {
		t.Errorf("a second commit: got %+v", again)
	}
	if diff := cmp.Diff(before, dbtest.Pending(t, d, dbtest.Noon)); diff != "" {
		t.Errorf("a second commit changed the outbox:\n%s", diff)
	}
	if taken(t, d, js[0]) {
		t.Error("the job was claimed again")
	}
}

func TestClaimReturnsEachJobOnce(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Start(t, d, 3)
	claim := func(limit int) string {
		t.Helper()
		claimed, err := d.Claim(t.Context(), "michelin", dbtest.Noon, limit)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for i, j := range claimed {
			if diff := cmp.Diff(js[slices.IndexFunc(js, func(of jobs.Job) bool { return of.ID == j.ID })], claimed[i], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("claimed (-planned +claimed):\n%s", diff)
			}
			ids = append(ids, j.ID[len(j.ID)-1:])
		}
		return strings.Join(ids, " ")
	}
	if got := claim(2); got != "1 2" {
		t.Errorf("got jobs %s, want the first two", got)
	}
	if state := jobStates(t, d, run.ID); state != "running running queued" {
		t.Errorf("got jobs %s", state)
	}
	if got, _, err := d.Run(t.Context(), run.ID); err != nil || got.State != jobs.Running || got.StartedAt == nil {
		t.Errorf("got %+v, %v: want the run running", got, err)
	}
	if got := claim(2); got != "3" {
		t.Errorf("got jobs %s, want the last one", got)
	}
	if got := claim(2); got != "" {
		t.Errorf("got jobs %s, want none", got)
	}
	if other, err := d.Claim(t.Context(), "ptv", dbtest.Noon, 2); len(other) != 0 || err != nil {
		t.Errorf("got %+v, %v of another provider, want none", other, err)
	}
}

func TestReleasedJobIsClaimedAgainWhenDue(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Start(t, d, 1)
	job := claim(t, d)[0]
	<-d.Runnable("michelin") // from its start
	due := time.Now().Add(time.Hour)
	if err := d.Release(t.Context(), job, due); err != nil {
		t.Fatal(err)
	}
	<-d.Runnable("michelin")
	if got, ok, err := d.NextAttempt(t.Context(), "michelin"); !ok || !got.Equal(due.Truncate(time.Millisecond)) || err != nil {
		t.Errorf("got %v, %v, %v, want %v", got, ok, err, due)
	}
	if early, err := d.Claim(t.Context(), "michelin", due.Add(-time.Minute), 1); len(early) != 0 || err != nil {
		t.Errorf("got %+v, %v before it is due", early, err)
	}
	if again, err := d.Claim(t.Context(), "michelin", due, 1); len(again) != 1 || again[0].Attempt != 1 || err != nil {
		t.Errorf("got %+v, %v, want the same attempt", again, err)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(job, dbtest.Noon))
	if err := d.Release(t.Context(), job, due); err != nil {
		t.Fatal(err)
	}
	if again := claim(t, d); len(again) != 0 {
		t.Errorf("got %+v, want a finished job unchanged", again)
	}
}

// claim claims every queued job and every job that is due within a year.
func claim(tb testing.TB, d *db.DB) []jobs.Job {
	tb.Helper()
	claimed, err := d.Claim(tb.Context(), "michelin", time.Now().AddDate(1, 0, 0), 10_000)
	if err != nil {
		tb.Fatal(err)
	}
	return claimed
}

// taken claims all jobs and reports whether this attempt of a job was among them.
func taken(tb testing.TB, d *db.DB, job jobs.Job) bool {
	tb.Helper()
	return slices.ContainsFunc(claim(tb, d), func(j jobs.Job) bool { return j.ID == job.ID && j.Attempt == job.Attempt })
}

func jobStates(t *testing.T, d *db.DB, runID string) string {
	t.Helper()
	rows, err := d.RunJobs(t.Context(), runID)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, r := range rows {
		states = append(states, string(r.State))
	}
	return strings.Join(states, " ")
}

func TestWaitingJobIsRetriedWhenDue(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Start(t, d, 1)
	dbtest.Publish(t, d)
	if !taken(t, d, js[0]) {
		t.Fatal("the job was not claimed")
	}
	first := dbtest.Failed(js[0], jobs.Waiting, dbtest.Noon)
	if c := dbtest.Commit(t, d, first); c.Run != nil || c.Repeated {
		t.Errorf("got %+v", c)
	}
	due, ok, err := d.NextAttempt(t.Context(), run.Provider)
	if !ok || !due.Equal(first.NextAt) || err != nil {
		t.Errorf("next attempt: got %v %v %v, want %v", due, ok, err, first.NextAt)
	}
	if early, err := d.Claim(t.Context(), run.Provider, due.Add(-time.Millisecond), 1); len(early) != 0 || err != nil {
		t.Errorf("due too early: %v, %v", early, err)
	}
	rows, err := d.RunJobs(t.Context(), run.ID)
	if err != nil || len(rows) != 1 {
		t.Fatalf("got %v, %v", rows, err)
	}
	if j := rows[0]; j.State != jobs.Waiting || j.Attempts != 1 || !j.NextAttemptAt.Equal(first.NextAt) || j.ErrorCode != "unavailable" || j.Error != "the server is in maintenance (status 503)" || j.Hint == "" {
		t.Errorf("got %+v", j)
	}
	if got, _, _ := d.Run(t.Context(), run.ID); got.State != jobs.Running || got.Jobs.Ended() != 0 {
		t.Errorf("the run moved: %+v", got)
	}

	late := dbtest.Succeeded(js[0], dbtest.Noon, dbtest.Order("SO1", false)) // the first attempt again, from a worker that was assumed dead
	if c := dbtest.Commit(t, d, late); !c.Repeated {
		t.Errorf("a late first attempt: got %+v", c)
	}
	second := js[0]
	second.Attempt = 2
	if !taken(t, d, second) {
		t.Error("the job was not claimed")
	}
	c := dbtest.Commit(t, d, dbtest.Succeeded(second, dbtest.Noon.Add(time.Hour)))
	if c.Run == nil || c.Run.State != jobs.Succeeded || len(c.Run.Errors) != 0 {
		t.Errorf("got %+v, want a run that succeeded, without errors", c.Run)
	}
}

func TestRunCountsItsJobs(t *testing.T) {
	for name, test := range map[string]struct {
		states []jobs.State
		want   jobs.State
		errors int
	}{
		"all succeeded":                 {[]jobs.State{jobs.Succeeded, jobs.Succeeded}, jobs.Succeeded, 0},
		"one failed":                    {[]jobs.State{jobs.Succeeded, jobs.Failed}, jobs.Partial, 1},
		"one is dead":                   {[]jobs.State{jobs.Dead, jobs.Succeeded}, jobs.Partial, 1},
		"one was partial":               {[]jobs.State{jobs.Partial, jobs.Succeeded}, jobs.Partial, 1},
		"all failed":                    {[]jobs.State{jobs.Failed, jobs.Dead}, jobs.Failed, 2},
		"all were cancelled":            {[]jobs.State{jobs.Cancelled, jobs.Cancelled}, jobs.Cancelled, 2},
		"more errors than a list holds": {repeat(jobs.Failed, jobs.MaxErrors+1), jobs.Failed, jobs.MaxErrors},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t)
			run, js := dbtest.Start(t, d, len(test.states))
			for i, state := range test.states {
				o := dbtest.Succeeded(js[i], dbtest.Noon)
				if state != jobs.Succeeded {
					o = dbtest.Failed(js[i], state, dbtest.Noon)
				}
				c := dbtest.Commit(t, d, o)
				if last := i == len(js)-1; last != (c.Run != nil) {
					t.Fatalf("job %d: got run %v", i, c.Run)
				} else if last && (c.Run.State != test.want || len(c.Run.Errors) != test.errors) {
					t.Errorf("got %s with %d errors, want %s with %d", c.Run.State, len(c.Run.Errors), test.want, test.errors)
				}
			}
			got, ok, err := d.Run(t.Context(), run.ID)
			if !ok || err != nil || got.State != test.want || got.Jobs.Ended() != len(js) || got.FinishedAt == nil {
				t.Errorf("stored: got %+v, %v", got, err)
			}
		})
	}
}

func repeat(s jobs.State, n int) []jobs.State {
	list := make([]jobs.State, n)
	for i := range list {
		list[i] = s
	}
	return list
}

func TestCommitRecordsChangesAgainstTheStoredOrder(t *testing.T) {
	volatile := dbtest.Order("SO1", false)
	volatile.Lines[0].Description = "225/45R17 94W XL PILOT SPORT 4 (NEW)"
	less := dbtest.Order("SO1", true)
	less.Lines = less.Lines[:1]
	less.Normalize()
	for name, test := range map[string]struct {
		second clients.Order
		at     time.Duration
		want   jobs.Tally
		paths  []string
	}{
		"the same again":                          {dbtest.Order("SO1", false), time.Hour, jobs.Tally{Seen: 1, Unchanged: 1}, nil},
		"shipped":                                 {dbtest.Order("SO1", true), time.Hour, jobs.Tally{Seen: 1, Changed: 1}, []string{"status", "lines/001/shipped"}},
		"a line is gone":                          {less, time.Hour, jobs.Tally{Seen: 1, Changed: 1}, []string{"lines/002"}},
		"another text of a volatile field":        {volatile, time.Hour, jobs.Tally{Seen: 1, Unchanged: 1}, nil},
		"shipped, but requested before the first": {dbtest.Order("SO1", true), -time.Hour, jobs.Tally{Seen: 1, Unchanged: 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t)
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
			c := dbtest.Observe(t, d, dbtest.Noon.Add(test.at), test.second)
			if c.Tally != test.want {
				t.Fatalf("got %+v, want %+v", c.Tally, test.want)
			}
			got, ok, err := d.Order(t.Context(), "michelin", "detroit", "SO1")
			if !ok || err != nil {
				t.Fatal(ok, err)
			}
			want := orders.StoredOrder{Order: dbtest.Order("SO1", false), Revision: 1, FirstSeenAt: dbtest.Noon, LastSeenAt: dbtest.Noon.Add(max(0, test.at)), LastChangedAt: dbtest.Noon}
			if test.paths != nil {
				want.Order, want.Revision, want.LastChangedAt = test.second, 2, dbtest.Noon.Add(test.at)
				want.Stated = "" // it is not stored
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			events, err := d.History(t.Context(), "michelin", "detroit", "SO1", 1, 10)
			if err != nil || len(events) != want.Revision-1 {
				t.Fatalf("got %d events after the first, %v", len(events), err)
			}
			for _, path := range test.paths {
				if !strings.Contains(string(events[0].Changes), `"path":"`+path+`"`) {
					t.Errorf("%s is not among %s", path, events[0].Changes)
				}
			}
			lines, err := d.Inspect().Value(t.Context(), `SELECT (SELECT count(*) FROM order_lines) || ' ' ||
				(SELECT count(*) FROM schedule_lines) || ' ' || (SELECT count(*) FROM despatches)`)
			if want := rowCounts(want.Order); lines != want || err != nil {
				t.Errorf("got %s lines, schedule lines and despatches, want %s, %v", lines, want, err)
			}
		})
	}
}

func rowCounts(o clients.Order) string {
	schedule, despatches := 0, 0
	for _, l := range o.Lines {
		schedule, despatches = schedule+len(l.Schedule), despatches+len(l.Despatches)
	}
	return strings.Join([]string{strconv.Itoa(len(o.Lines)), strconv.Itoa(schedule), strconv.Itoa(despatches)}, " ")
}

func TestFingerprintOfAnotherVersionIsNoChange(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
	if err := d.OnWriter(t.Context(), "UPDATE orders SET fingerprint = x'00'"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c := dbtest.Observe(t, d, dbtest.Noon.Add(time.Hour), dbtest.Order("SO1", false))
		if want := (jobs.Tally{Seen: 1, Unchanged: 1}); c.Tally != want {
			t.Errorf("got %+v, want %+v", c.Tally, want)
		}
	}
	got, err := d.Inspect().Value(t.Context(), "SELECT length(fingerprint) || ' ' || revision || ' ' || (first_seen_at = last_changed_at) FROM orders")
	if got != "16 1 1" || err != nil {
		t.Errorf("got fingerprint, revision and first change %s, %v: want only a new fingerprint", got, err)
	}
}

func TestColumnsMatchTheDocument(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
	dbtest.Observe(t, d, dbtest.Noon.Add(time.Hour), dbtest.Order("SO1", true))
	for query, want := range map[string]string{
		`SELECT status || ' ' || ordered_quantity || ' ' || shipped_quantity || ' ' || open_quantity || ' ' || promised_on FROM orders`: "partially_shipped 8 4 4 2026-11-24",
		`SELECT method || ' ' || reference || ' ' || ordered_on FROM orders`:                                                            "EDI PO-SO1 2026-11-17",
		`SELECT group_concat(line_id || ' ' || status || ' ' || coalesce(shipped, '-')) FROM order_lines`:                               "001 shipped 4,002 scheduled -",
		`SELECT group_concat(line_id || ' ' || seq || ' ' || delivery_on) FROM schedule_lines`:                                          "001 1 2026-11-24,002 1 2026-11-24",
		`SELECT line_id || ' ' || seq || ' ' || despatched_on || ' ' || advice_id || ' ' || quantity FROM despatches`:                   "001 1 2026-11-21 BOL1 4",
	} {
		if got, err := d.Inspect().Value(t.Context(), query); got != want || err != nil {
			t.Errorf("%s\ngot %s, want %s, %v", query, got, want, err)
		}
	}
}

func TestCommitRejectsInvalidOutcomes(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 1)
	foreign := dbtest.Order("SO1", false)
	foreign.Account = "toledo"
	unknown := js[0]
	unknown.ID = "unknown"
	running := dbtest.Succeeded(js[0], dbtest.Noon)
	running.State = jobs.Running
	for name, o := range map[string]jobs.Outcome{
		"an order of another account": dbtest.Succeeded(js[0], dbtest.Noon, foreign),
		"an order without an id":      dbtest.Succeeded(js[0], dbtest.Noon, dbtest.Order("", false)),
		"an unknown job":              dbtest.Succeeded(unknown, dbtest.Noon),
		"an outcome that is none":     running,
	} {
		t.Run(name, func(t *testing.T) {
			if c, err := d.Commit(t.Context(), o); err == nil {
				t.Errorf("got %+v", c)
			} else if !strings.HasPrefix(err.Error(), "job ") {
				t.Errorf("got %v, which does not name the job", err)
			}
		})
	}
	if c := dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon, dbtest.Order("SO1", true), dbtest.Order("SO1", false))); c.Tally.Seen != 1 {
		t.Errorf("an order that is reported twice: got %+v", c.Tally)
	}
	if got, _, err := d.Order(t.Context(), "michelin", "detroit", "SO1"); got.Status != clients.StatusScheduled || err != nil {
		t.Errorf("an order that is reported twice is %s, %v: want the last version", got.Status, err)
	}
}
