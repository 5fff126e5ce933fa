package db_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// did is a finished job that was planned some minutes after noon.
type did struct {
	minute        int
	account, kind string
	question      jobs.Question
	// code is its error code, "" if it succeeded, "waiting" if it will be retried.
	code clients.Code
}

func window(from, to clients.Date) jobs.Question { return jobs.Question{From: from, To: to} }

func ids(list ...string) jobs.Question { return jobs.Question{OrderIDs: list} }

// keep stores a run with this job.
func (w did) keep(tb testing.TB, d *db.DB) {
	tb.Helper()
	planned := dbtest.Noon.Add(time.Duration(w.minute) * time.Minute)
	run, js := dbtest.Plan(1)
	run.ID, run.Provider, run.Kind, run.RequestedAt = jobs.NewID(planned), "mazda", w.kind, planned
	job := js[0]
	job.ID, job.RunID, job.Provider, job.Account, job.Kind, job.Question, job.FirstAt = run.ID+"-00001", run.ID, "mazda", w.account, w.kind, w.question, planned
	if _, _, err := d.StartRun(tb.Context(), run, []jobs.Job{job}); err != nil {
		tb.Fatal(err)
	}
	switch w.code {
	case "":
		dbtest.Commit(tb, d, dbtest.Succeeded(job, planned))
	case "waiting":
		dbtest.Commit(tb, d, dbtest.Failed(job, jobs.Waiting, planned))
	case "queued":
	default:
		dbtest.Commit(tb, d, failedWith(job, w.code, planned))
	}
}

// queriesOf returns the jobs of runs as text: kind, account and query.
func queriesOf(tb testing.TB, d *db.DB, runs []jobs.Run) []string {
	tb.Helper()
	text := []string{}
	for _, r := range runs {
		rows, err := d.RunJobs(tb.Context(), r.ID)
		if err != nil {
			tb.Fatal(err)
		}
		for _, j := range rows {
			words := slices.Concat([]string{j.Kind, j.Account}, j.OrderIDs, j.References)
			if j.From != "" {
				words = append(words, string(j.From+".."+j.To))
			}
			text = append(text, strings.Join(words, " "))
		}
	}
	return text
}

// consent resolves johndoe's alert for the accounts a and b.
func consent(tb testing.TB, d *db.DB) []jobs.Run {
	tb.Helper()
	return consentAt(tb, d, dbtest.Noon.Add(time.Hour))
}

func consentAt(tb testing.TB, d *db.DB, at time.Time) []jobs.Run {
	tb.Helper()
	list, err := d.ResolveConsent(tb.Context(), "mazda", "johndoe", []string{"a", "b"}, at)
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

func TestConsentStartsCatchUpRuns(t *testing.T) {
	const raised = 10 // minutes after noon
	missing := clients.CodeConsent
	daily := make([]did, 20) // each 14 days long
	for i := range daily {
		from := clients.Date("2026-10-01").AddDays(i)
		daily[i] = did{i, "a", "sync", window(from, from.AddDays(13)), missing}
	}
	for name, test := range map[string]struct {
		done []did
		want []string
	}{
		"nothing was missed": {nil, []string{}},
		"a window": {
			[]did{{1, "a", "sync", window("2026-11-06", "2026-11-20"), missing}},
			[]string{"sync a 2026-11-06..2026-11-20"},
		},
		"many windows at once": {
			[]did{
				{1, "a", "sync", window("2026-11-06", "2026-11-19"), missing},
				{2, "b", "sync", window("2026-11-07", "2026-11-20"), missing},
				{11, "a", "sync", window("2026-10-01", "2026-10-31"), missing},
			},
			[]string{"sync a 2026-11-06..2026-11-19", "sync b 2026-11-07..2026-11-20", "sync a 2026-10-01..2026-10-31"},
		},
		"sliding windows need few jobs": {
			daily, []string{"sync a 2026-10-01..2026-10-14", "sync a 2026-10-15..2026-10-28", "sync a 2026-10-20..2026-11-02"},
		},
		"a window within another": {
			[]did{{1, "a", "sync", window("2026-11-06", "2026-11-21"), missing}, {2, "a", "sync", window("2026-11-06", "2026-11-20"), missing}},
			[]string{"sync a 2026-11-06..2026-11-21"},
		},
		"checks at once": {
			[]did{{1, "b", "check", jobs.Question{}, missing}, {2, "a", "check", jobs.Question{}, missing}, {3, "b", "check", jobs.Question{}, missing}},
			[]string{"check a", "check b"},
		},
		"orders, by account": {
			[]did{
				{1, "a", "fetch", ids("SO1"), missing},
				{2, "b", "fetch", jobs.Question{References: []string{"PO1"}}, missing},
				{3, "a", "fetch", ids("SO2", "SO1"), missing},
				{4, "a", "fetch", jobs.Question{References: []string{"PO2"}}, missing},
			},
			[]string{"fetch b PO1", "fetch a SO2 SO1", "fetch a PO2"},
		},
		"every kind by itself": {
			[]did{{1, "a", "check", jobs.Question{}, missing}, {2, "a", "sync", window("2026-11-06", "2026-11-20"), missing}},
			[]string{"check a", "sync a 2026-11-06..2026-11-20"},
		},
		"jobs with another error and unfinished jobs are excluded": {
			[]did{
				{1, "a", "sync", window("2026-11-06", "2026-11-20"), "forbidden"},
				{2, "a", "sync", window("2026-11-06", "2026-11-20"), "waiting"},
				{3, "a", "sync", window("2026-11-06", "2026-11-20"), "queued"},
			},
			[]string{},
		},
		"another user's accounts are left alone": {
			[]did{{1, "c", "sync", window("2026-11-06", "2026-11-20"), missing}},
			[]string{},
		},
		"the same succeeded later": {
			[]did{{1, "a", "sync", window("2026-11-06", "2026-11-20"), missing}, {2, "a", "sync", window("2026-11-06", "2026-11-20"), ""}},
			[]string{},
		},
		"it succeeded earlier": {
			[]did{{1, "a", "sync", window("2026-11-06", "2026-11-20"), ""}, {2, "a", "sync", window("2026-11-07", "2026-11-20"), missing}},
			[]string{"sync a 2026-11-07..2026-11-20"},
		},
		"another account or kind succeeded later": {
			[]did{
				{1, "a", "sync", window("2026-11-06", "2026-11-20"), missing},
				{2, "b", "sync", window("2026-11-06", "2026-11-20"), ""},
				{3, "a", "check", jobs.Question{}, ""},
			},
			[]string{"sync a 2026-11-06..2026-11-20"},
		},
		"another provider's job succeeded later": {
			[]did{{1, "a", "check", jobs.Question{}, missing}, {-1, "", "", jobs.Question{}, ""}},
			[]string{"check a"},
		},
		"later a larger window succeeded": {
			[]did{{11, "a", "sync", window("2026-11-06", "2026-11-20"), missing}, {12, "a", "sync", window("2026-11-01", "2026-11-20"), ""}},
			[]string{},
		},
		"later a smaller window succeeded": {
			[]did{{11, "a", "sync", window("2026-10-01", "2026-10-31"), missing}, {12, "a", "sync", window("2026-11-06", "2026-11-20"), ""}},
			[]string{"sync a 2026-10-01..2026-10-31"},
		},
		"later another order was fetched": {
			[]did{{11, "a", "fetch", ids("SO1"), missing}, {12, "a", "fetch", ids("SO2"), ""}},
			[]string{"fetch a SO1"},
		},
		"later a check succeeded": {
			[]did{{11, "a", "check", jobs.Question{}, missing}, {12, "a", "check", jobs.Question{}, ""}},
			[]string{},
		},
		"later another account or kind did all of it": {
			[]did{
				{11, "a", "sync", window("2026-11-06", "2026-11-20"), missing},
				{12, "b", "sync", window("2026-11-06", "2026-11-20"), missing},
				{13, "b", "sync", window("2026-11-06", "2026-11-20"), ""},
				{14, "a", "track", window("2026-11-06", "2026-11-20"), ""},
			},
			[]string{"sync a 2026-11-06..2026-11-20"},
		},
		"it succeeded twice, another account never": {
			[]did{
				{1, "b", "check", jobs.Question{}, missing},
				{2, "a", "check", jobs.Question{}, ""},
				{3, "a", "check", jobs.Question{}, missing},
				{4, "a", "check", jobs.Question{}, ""},
			},
			[]string{"check b"},
		},
		"it succeeded, and was missed again": {
			[]did{
				{1, "a", "sync", window("2026-10-06", "2026-10-20"), missing},
				{2, "a", "sync", window("2026-10-06", "2026-10-20"), ""},
				{11, "a", "sync", window("2026-11-06", "2026-11-20"), missing},
			},
			[]string{"sync a 2026-11-06..2026-11-20"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t)
			for _, w := range test.done {
				if w.minute < 0 {
					dbtest.Observe(t, d, dbtest.Noon)
					continue
				}
				w.keep(t, d)
			}
			alert := consentAlert("johndoe")
			alert.Since = dbtest.Noon.Add(raised * time.Minute)
			raise(t, d, alert)
			if diff := cmp.Diff(test.want, queriesOf(t, d, consent(t, d))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCatchUpRunIsAnOrdinaryRun(t *testing.T) {
	d := dbtest.Open(t)
	did{1, "a", "sync", window("2026-11-06", "2026-11-20"), clients.CodeConsent}.keep(t, d)
	alert := consentAlert("joe.doe@example")
	raise(t, d, alert)
	dbtest.Publish(t, d)
	list, err := d.ResolveConsent(t.Context(), "mazda", alert.User, []string{"a"}, dbtest.Noon.Add(time.Hour))
	if err != nil || len(list) != 1 {
		t.Fatalf("got %v, %v", list, err)
	}
	if run := list[0]; run.Provider != "mazda" || run.Kind != "sync" || run.Trigger != "consent:joe.doe@example" || run.State != jobs.Queued || run.Jobs.Total != 1 {
		t.Errorf("got %+v", run)
	}
	if stored, found, err := d.Run(t.Context(), list[0].ID); err != nil || !found || stored.Trigger != list[0].Trigger {
		t.Errorf("stored: got %+v, %v, %v", stored, found, err)
	}
	m := dbtest.Pending(t, d, dbtest.Noon.Add(time.Hour))
	if len(m) != 1 || m[0].Type != outbox.TypeAlertResolved {
		t.Errorf("got %+v, want the alert's message", m)
	}
	if claimed, err := d.Claim(t.Context(), "mazda", dbtest.Noon, 10); err != nil || len(claimed) != 1 || claimed[0].ID != list[0].ID+"-00001" {
		t.Errorf("got %+v, %v, want the job in the queue", claimed, err)
	}
	// An equal request does not join it, because its trigger differs.
	run, js := dbtest.Plan(1)
	run.Provider, js[0].Provider, js[0].Account, js[0].Question = "mazda", "mazda", "a", window("2026-11-06", "2026-11-20")
	if _, started, err := d.StartRun(t.Context(), run, js); !started || err != nil {
		t.Errorf("got started %v, %v, want a run of its own", started, err)
	}
}

func TestConsentExcludesJobsOfEarlierCatchUpRuns(t *testing.T) {
	d := dbtest.Open(t)
	did{1, "a", "sync", window("2026-11-06", "2026-11-20"), clients.CodeConsent}.keep(t, d)
	for n, want := range []string{"sync a 2026-11-06..2026-11-20", "check a"} {
		raise(t, d, consentAlert("johndoe"))
		got := queriesOf(t, d, consentAt(t, d, dbtest.Noon.Add(time.Duration(n+1)*time.Hour)))
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("consent %d (-want +got):\n%s", n+1, diff)
		}
		did{90, "a", "check", jobs.Question{}, clients.CodeConsent}.keep(t, d)
	}
}

func TestCatchUpBackfillsHaveLowPriority(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Plan(2)
	run.Provider, run.Kind, run.LowPrioritySlots = "mazda", "backfill", 1
	for i := range js {
		js[i].Provider, js[i].Kind, js[i].Account = "mazda", "backfill", string(rune('a'+i))
	}
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	for i := range js {
		dbtest.Commit(t, d, failedWith(js[i], clients.CodeConsent, dbtest.Noon))
	}
	raise(t, d, consentAlert("johndoe"))
	dbtest.Publish(t, d)
	runs := consent(t, d)
	if len(runs) != 1 || runs[0].Priority != jobs.Low || runs[0].Jobs.Total != 2 {
		t.Fatalf("got %+v, want one run of low priority", runs)
	}
	if claimed, err := d.Claim(t.Context(), "mazda", dbtest.Noon, 10); err != nil || len(claimed) != 1 {
		t.Errorf("got %+v, %v, want the second job to wait for a slot", claimed, err)
	}
}

func TestConsentIsAtomicAndStartsRunsOnce(t *testing.T) {
	path := dbtest.Blank(t)
	d := dbtest.OpenAt(t, path)
	did{1, "a", "sync", window("2026-11-06", "2026-11-20"), clients.CodeConsent}.keep(t, d)
	dbtest.Publish(t, d)
	if got := consent(t, d); len(got) != 0 {
		t.Errorf("without an alert: got %v", got)
	}
	raise(t, d, consentAlert("janedoe"))
	if got := consent(t, d); len(got) != 0 {
		t.Errorf("with another user's alert: got %v", got)
	}
	raise(t, d, consentAlert("johndoe"))
	dbtest.Publish(t, d)

	if err := d.OnWriter(t.Context(), "CREATE TRIGGER no BEFORE INSERT ON jobs BEGIN SELECT raise(FAIL, 'no'); END"); err != nil {
		t.Fatal(err)
	}
	if got, err := d.ResolveConsent(t.Context(), "mazda", "johndoe", []string{"a"}, dbtest.Noon); err == nil || got != nil {
		t.Errorf("got %v, %v, want an error", got, err)
	}
	if err := d.OnWriter(t.Context(), "DROP TRIGGER no"); err != nil {
		t.Fatal(err)
	}
	restart := func() {
		t.Helper()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = dbtest.OpenAt(t, path)
	}
	restart()
	if got := dbtest.Pending(t, d, dbtest.Noon); len(got) != 0 {
		t.Errorf("a transaction that failed left %v", got)
	}
	for i, want := range []int{1, 0} {
		if got := consent(t, d); len(got) != want {
			t.Errorf("time %d: got %v, want %d", i+1, got, want)
		}
		if got := dbtest.Pending(t, d, dbtest.Noon.Add(time.Hour)); len(got) != 1 { // the alert
			t.Errorf("time %d: got %d messages", i+1, len(got))
		}
		restart()
	}
	if diff := cmp.Diff([]string{"mazda  janedoe consent_required raised"}, alertCodes(t, d, true)); diff != "" {
		t.Errorf("raised (-want +got):\n%s", diff)
	}
}
