package db_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/alerts"
	"orderbeat/db/dbtest"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// consentAlert is an alert for a missing consent of a user.
func consentAlert(user string) alerts.Alert {
	return alerts.Alert{
		Provider: "mazda", User: user, Code: clients.CodeConsent, Message: "user " + user + " must grant access",
		Hint: "open the link", Link: "http://127.0.0.1:8321/oauth/start/mazda?user=" + user, Since: dbtest.Noon,
	}
}

// raise raises an alert and reports whether it was not raised before.
func raise(tb testing.TB, d *db.DB, a alerts.Alert) bool {
	tb.Helper()
	raised, err := d.Raise(tb.Context(), a)
	if err != nil {
		tb.Fatal(err)
	}
	return raised
}

// alertCodes lists alerts, newest first, as text.
func alertCodes(tb testing.TB, d *db.DB, raisedOnly bool) []string {
	tb.Helper()
	list, err := d.Alerts(tb.Context(), raisedOnly)
	if err != nil {
		tb.Fatal(err)
	}
	text := []string{}
	for _, a := range list {
		text = append(text, strings.Join([]string{a.Provider, a.Account, a.User, string(a.Code), a.State}, " "))
	}
	return text
}

// publishedAlerts returns the ids of the alert messages and empties the outbox.
func publishedAlerts(tb testing.TB, d *db.DB) []string {
	tb.Helper()
	ids := []string{}
	for _, m := range dbtest.Pending(tb, d, dbtest.Noon.AddDate(1, 0, 0)) {
		if m.Topic == "alerts" {
			ids = append(ids, m.MsgID)
		}
	}
	dbtest.Publish(tb, d)
	return ids
}

func TestAlertMessagesArePublic(t *testing.T) {
	d := dbtest.Open(t)
	raise(t, d, consentAlert("mmd10030.johndoe"))
	raise(t, d, alerts.Alert{Provider: "michelin", Code: "suspected_ip_block", Message: "nothing answers & nobody", Since: dbtest.Noon.Add(time.Second)})
	run, js := fixedRun()
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	dbtest.Commit(t, d, failedWith(js[1], clients.CodeForbidden, dbtest.Noon.Add(2*time.Second)))
	js[0].Account = "toledo"
	if err := d.OnWriter(t.Context(), "UPDATE jobs SET account = 'toledo'"); err != nil {
		t.Fatal(err)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon.Add(time.Minute)))
	var list []outbox.Message
	for _, m := range dbtest.Pending(t, d, dbtest.Noon) {
		if m.Topic == "alerts" {
			list = append(list, m)
		}
	}
	dbtest.Golden(t, "alert-raised.txt", messages(t, list[:3]))
	dbtest.Golden(t, "alert-resolved.txt", messages(t, list[3:]))
}

// failedWith is the outcome of a failed job with an error code.
func failedWith(job jobs.Job, code clients.Code, at time.Time) jobs.Outcome {
	o := dbtest.Failed(job, jobs.Failed, at)
	o.Err = &clients.Error{
		Provider: job.Provider, Op: "order status", Code: code, Status: 403,
		Message: "the account may not see this", Hint: "the bill-to must match",
	}
	return o
}

func TestAlertIsPublishedOncePerTransition(t *testing.T) {
	d := dbtest.Open(t)
	a := consentAlert("johndoe")
	for i, want := range []bool{true, false} {
		if got := raise(t, d, a); got != want {
			t.Errorf("raise %d: got %v, want %v", i+1, got, want)
		}
	}
	for name, other := range map[string]alerts.Alert{
		"another user":     consentAlert("janedoe"),
		"another code":     {Provider: "mazda", User: "johndoe", Code: "store_unreadable"},
		"another provider": {Provider: "ptv", User: "johndoe", Code: clients.CodeConsent},
		"an account":       {Provider: "mazda", User: "johndoe", Account: "a", Code: clients.CodeConsent},
	} {
		if !raise(t, d, other) {
			t.Errorf("%s: it was raised before", name)
		}
	}
	if got := publishedAlerts(t, d); len(got) != 5 || got[0] != "mazda.consent_required.1.raised" {
		t.Errorf("got messages %v", got)
	}

	for i, want := range []int{1, 0} {
		got, err := d.Resolve(t.Context(), "mazda", "", "johndoe", clients.CodeConsent, "stale")
		if len(got) != want || err != nil {
			t.Fatalf("resolve %d: got %v, %v, want %d", i+1, got, err, want)
		}
		if want == 0 {
			continue
		}
		resolved := a
		resolved.State = alerts.AlertResolved
		if diff := cmp.Diff(resolved, got[0], cmpopts.IgnoreUnexported(alerts.Alert{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if got := publishedAlerts(t, d); len(got) != 1 || got[0] != "mazda.consent_required.1.resolved" {
		t.Errorf("got messages %v", got)
	}
	if !raise(t, d, a) {
		t.Error("what was resolved cannot be raised again")
	}
	if got := publishedAlerts(t, d); len(got) != 1 || !strings.HasPrefix(got[0], "mazda.consent_required.") || got[0] == "mazda.consent_required.1.raised" {
		t.Errorf("got messages %v, want one with an id of its own", got)
	}
	if _, err := d.Raise(t.Context(), alerts.Alert{Code: "stale"}); err == nil {
		t.Error("raised an alert without a provider")
	}
}

func TestAlertsAreListedNewestFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	d := dbtest.OpenAt(t, path)
	a := consentAlert("johndoe")
	a.Message = strings.Repeat("ä", 1200)
	raise(t, d, a)
	raise(t, d, consentAlert("janedoe"))
	if _, err := d.Resolve(t.Context(), "mazda", "", "janedoe", clients.CodeConsent); err != nil {
		t.Fatal(err)
	}
	r, err := db.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if diff := cmp.Diff([]string{"mazda  janedoe consent_required resolved", "mazda  johndoe consent_required raised"}, alertCodes(t, r, false)); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	raised, err := r.Alerts(t.Context(), true)
	a.State, a.Message = alerts.AlertRaised, strings.Repeat("ä", 1000)
	if diff := cmp.Diff([]alerts.Alert{a}, raised, cmpopts.IgnoreUnexported(alerts.Alert{})); diff != "" || err != nil {
		t.Errorf("raised, %v (-want +got):\n%s", err, diff)
	}
	if _, err := r.Raise(t.Context(), a); err == nil {
		t.Error("raised an alert in a database that is open for reading only")
	}
}

func TestFailedJobsRaiseAlertsForTheirAccount(t *testing.T) {
	job := func(o func(jobs.Job) jobs.Outcome) func(*testing.T, *db.DB) {
		return func(t *testing.T, d *db.DB) {
			t.Helper()
			_, js := dbtest.Start(t, d, 1)
			dbtest.Commit(t, d, o(js[0]))
		}
	}
	inline := func(o func(jobs.Job) jobs.Outcome) func(*testing.T, *db.DB) {
		return func(t *testing.T, d *db.DB) {
			t.Helper()
			run, js := dbtest.Plan(1)
			if err := d.StartInline(t.Context(), run, js[0]); err != nil {
				t.Fatal(err)
			}
			dbtest.Commit(t, d, o(js[0]))
		}
	}
	code := func(c clients.Code) func(jobs.Job) jobs.Outcome {
		return func(j jobs.Job) jobs.Outcome { return failedWith(j, c, dbtest.Noon) }
	}
	state := func(s jobs.State) func(jobs.Job) jobs.Outcome {
		return func(j jobs.Job) jobs.Outcome { return dbtest.Failed(j, s, dbtest.Noon) }
	}
	partly := func(j jobs.Job) jobs.Outcome {
		o := failedWith(j, clients.CodeInvalid, dbtest.Noon)
		o.State = jobs.Partial
		return o
	}
	success := func(j jobs.Job) jobs.Outcome { return dbtest.Succeeded(j, dbtest.Noon) }
	check := func(o func(jobs.Job) jobs.Outcome) func(jobs.Job) jobs.Outcome {
		return func(j jobs.Job) jobs.Outcome { j.Kind = "check"; return o(j) }
	}
	elsewhere := func(j jobs.Job) jobs.Outcome { j.Account = "toledo"; return dbtest.Succeeded(j, dbtest.Noon) }
	type steps []func(*testing.T, *db.DB)
	for name, test := range map[string]struct {
		steps    steps
		want     []string // of those that are raised at the end
		messages int
	}{
		"unauthorized":                              {steps{job(code("unauthorized"))}, []string{"unauthorized"}, 1},
		"forbidden":                                 {steps{job(code("forbidden"))}, []string{"forbidden"}, 1},
		"invalid":                                   {steps{job(code("invalid"))}, []string{"invalid"}, 1},
		"a check that is not possible":              {steps{job(check(code("invalid")))}, nil, 0},
		"a rejected check":                          {steps{job(check(code("forbidden")))}, []string{"forbidden"}, 1},
		"the same twice":                            {steps{job(code("forbidden")), job(code("forbidden"))}, []string{"forbidden"}, 1},
		"two codes":                                 {steps{job(code("forbidden")), job(code("invalid"))}, []string{"invalid", "forbidden"}, 2},
		"consent, which is the user's alert":        {steps{job(code("consent_required"))}, nil, 0},
		"credentials, which are the provider's":     {steps{job(code("auth_rejected"))}, nil, 0},
		"an outage":                                 {steps{job(state(jobs.Failed))}, nil, 0},
		"attempts that are used up":                 {steps{job(state(jobs.Dead))}, []string{"dead_job"}, 1},
		"two dead jobs":                             {steps{job(state(jobs.Dead)), job(state(jobs.Dead))}, []string{"dead_job"}, 1},
		"a dead job, then a rejection":              {steps{job(state(jobs.Dead)), job(code("forbidden"))}, []string{"forbidden", "dead_job"}, 2},
		"a failure does not resolve a dead job":     {steps{job(state(jobs.Dead)), job(state(jobs.Failed)), job(state(jobs.Waiting))}, []string{"dead_job"}, 1},
		"success resolves a dead job":               {steps{job(state(jobs.Dead)), job(success)}, nil, 2},
		"success in part resolves a dead job":       {steps{job(state(jobs.Dead)), nil, job(partly)}, nil, 2},
		"another account resolves no dead job":      {steps{job(state(jobs.Dead)), job(elsewhere)}, []string{"dead_job"}, 1},
		"a dead job of a stranger's":                {steps{inline(state(jobs.Dead))}, nil, 0},
		"a job that is tried again":                 {steps{job(state(jobs.Waiting))}, nil, 0},
		"nothing wrong":                             {steps{job(success), job(partly)}, nil, 0},
		"success resolves them all":                 {steps{job(code("forbidden")), job(code("invalid")), job(success)}, nil, 4},
		"success in part resolves":                  {steps{job(code("forbidden")), job(partly)}, nil, 2},
		"an outage does not resolve":                {steps{job(code("forbidden")), job(state(jobs.Failed)), job(state(jobs.Waiting))}, []string{"forbidden"}, 1},
		"a cancelled job does not resolve":          {steps{job(code("forbidden")), job(state(jobs.Cancelled))}, []string{"forbidden"}, 1},
		"another account does not resolve":          {steps{job(code("forbidden")), job(elsewhere)}, []string{"forbidden"}, 1},
		"again after a success":                     {steps{job(code("invalid")), job(success), job(success), job(code("invalid"))}, []string{"invalid"}, 3},
		"a stranger's wrong question":               {steps{inline(code("invalid")), inline(code("forbidden"))}, nil, 0},
		"a stranger's question resolves":            {steps{job(code("forbidden")), inline(success)}, nil, 2},
		"what was raised by hand is resolved":       {steps{byHand("michelin", "detroit", ""), job(success)}, nil, 2},
		"a user's is not resolved by an account":    {steps{byHand("michelin", "detroit", "johndoe"), job(success)}, []string{"forbidden"}, 1},
		"the provider's is not resolved by a job":   {steps{byHand("michelin", "", ""), job(success)}, []string{"forbidden"}, 1},
		"what was raised before a restart resolves": {steps{job(code("forbidden")), nil, job(success)}, nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			path := dbtest.Blank(t)
			d := dbtest.OpenAt(t, path)
			for _, step := range test.steps {
				if step != nil {
					step(t, d)
					continue
				}
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
				d = dbtest.OpenAt(t, path)
			}
			list, err := d.Alerts(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range list {
				got = append(got, string(a.Code))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("raised (-want +got):\n%s", diff)
			}
			if got := publishedAlerts(t, d); len(got) != test.messages {
				t.Errorf("got messages %v, want %d", got, test.messages)
			}
		})
	}
}

// byHand raises an alert that shares only the code with a job's alert.
func byHand(provider, account, user string) func(*testing.T, *db.DB) {
	return func(t *testing.T, d *db.DB) {
		t.Helper()
		raise(t, d, alerts.Alert{Provider: provider, Account: account, User: user, Code: clients.CodeForbidden})
	}
}

func TestAlertNamesItsJob(t *testing.T) {
	for name, test := range map[string]struct {
		outcome func(jobs.Job) jobs.Outcome
		want    alerts.Alert
	}{
		"one that failed": {
			func(j jobs.Job) jobs.Outcome { return failedWith(j, clients.CodeForbidden, dbtest.Noon) },
			alerts.Alert{Code: clients.CodeForbidden, Message: "the account may not see this", Hint: "the bill-to must match"},
		},
		"one that is dead": {
			func(j jobs.Job) jobs.Outcome { return dbtest.Failed(j, jobs.Dead, dbtest.Noon) },
			alerts.Alert{Code: "dead_job", Message: "the server is in maintenance", Hint: "The next run requests the data again. To retry this job, run: orderbeat jobs retry JOB"},
		},
		"one whose error has no message": {
			func(j jobs.Job) jobs.Outcome {
				o := dbtest.Failed(j, jobs.Dead, dbtest.Noon)
				o.Err.Message = ""
				return o
			},
			alerts.Alert{Code: "dead_job", Message: "michelin: order status: unavailable (status 503)", Hint: "The next run requests the data again. To retry this job, run: orderbeat jobs retry JOB"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t)
			run, js := dbtest.Start(t, d, 2)
			dbtest.Commit(t, d, test.outcome(js[1]))
			want := test.want
			want.Hint = strings.ReplaceAll(want.Hint, "JOB", js[1].ID)
			want.Provider, want.Account, want.State = "michelin", "detroit", alerts.AlertRaised
			want.Since, want.RunID, want.JobID = dbtest.Noon.Add(2*time.Second), run.ID, js[1].ID
			list, err := d.Alerts(t.Context(), true)
			if diff := cmp.Diff([]alerts.Alert{want}, list, cmpopts.IgnoreUnexported(alerts.Alert{})); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			for _, m := range dbtest.Pending(t, d, dbtest.Noon) {
				if m.Topic == "alerts" && m.Traceparent != run.Traceparent {
					t.Errorf("got trace context %q, want the run's", m.Traceparent)
				}
			}
		})
	}
}

func TestAccountWithoutAlertsRequiresNoStatement(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
	for _, query := range d.Inspect().Statements() {
		if strings.Contains(query, "alerts") {
			t.Errorf("a success ran%s", query)
		}
	}
}

// TestAlertIsResolvedAfterARollback rolls back the resolution of an alert in every possible way: the next
// success must still resolve it.
func TestAlertIsResolvedAfterARollback(t *testing.T) {
	for name, undo := range map[string]func(t *testing.T, d *db.DB, job jobs.Job){
		"the operation fails": func(t *testing.T, d *db.DB, job jobs.Job) {
			t.Helper()
			// The row of the run is missing after the alert was resolved.
			if err := d.OnWriter(t.Context(), "CREATE TRIGGER no BEFORE UPDATE ON runs BEGIN SELECT raise(FAIL, 'no'); END"); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Commit(t.Context(), dbtest.Succeeded(job, dbtest.Noon)); err == nil {
				t.Fatal("the commit went well")
			}
			if err := d.OnWriter(t.Context(), "DROP TRIGGER no"); err != nil {
				t.Fatal(err)
			}
		},
		"the transaction fails": func(t *testing.T, d *db.DB, job jobs.Job) {
			t.Helper()
			if err := d.OnWriter(t.Context(), `CREATE TRIGGER no AFTER UPDATE ON alerts BEGIN
				INSERT INTO jobs (job_id, run_id, provider, account, kind, question, state, planned_at) VALUES ('j', 'no such run', '', '', '', '{}', 'queued', ''); END;
				PRAGMA defer_foreign_keys = on`); err != nil {
				t.Fatal(err)
			}
			release := held(t, d)
			errs := make(chan error, 2)
			go func() {
				errs <- d.Write(t.Context(), false, func(run db.Exec) error {
					_, err := run("PRAGMA defer_foreign_keys = on")
					return err
				})
			}()
			until(t, "the first waits", func() bool { return d.Inspect().Waiting() == 1 })
			go func() { _, err := d.Commit(t.Context(), dbtest.Succeeded(job, dbtest.Noon)); errs <- err }()
			until(t, "both wait", func() bool { return d.Inspect().Waiting() == 2 })
			release()
			for range 2 {
				if err := <-errs; err == nil {
					t.Fatal("the commit went well")
				}
			}
			if err := d.OnWriter(t.Context(), "DROP TRIGGER no"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t)
			_, js := dbtest.Start(t, d, 3)
			dbtest.Commit(t, d, failedWith(js[0], clients.CodeForbidden, dbtest.Noon))
			undo(t, d, js[1])
			if got := alertCodes(t, d, true); len(got) != 1 {
				t.Fatalf("got raised %v, want the one that was undone", got)
			}
			dbtest.Commit(t, d, dbtest.Succeeded(js[2], dbtest.Noon))
			if got := alertCodes(t, d, true); len(got) != 0 {
				t.Errorf("still raised: %v", got)
			}
		})
	}
}

func TestAlertRaisedInTheSameTransactionIsResolved(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 3)
	release := held(t, d)
	done := make(chan error, 3)
	outcomes := []jobs.Outcome{
		failedWith(js[0], clients.CodeForbidden, dbtest.Noon), dbtest.Succeeded(js[1], dbtest.Noon), failedWith(js[2], clients.CodeInvalid, dbtest.Noon),
	}
	for i, o := range outcomes {
		go func() { _, err := d.Commit(t.Context(), o); done <- err }()
		until(t, fmt.Sprintf("%d wait", i+1), func() bool { return d.Inspect().Waiting() == i+1 })
	}
	release()
	for range outcomes {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"michelin detroit  invalid raised"}, alertCodes(t, d, true)); diff != "" {
		t.Errorf("raised (-want +got):\n%s", diff)
	}
	dbtest.Observe(t, d, dbtest.Noon)
	if got := alertCodes(t, d, true); len(got) != 0 {
		t.Errorf("still raised: %v", got)
	}
}

func TestAlertEqualsItsMessage(t *testing.T) {
	text, err := json.Marshal(alerts.Alert{Provider: "ptv", Code: "stale", State: alerts.AlertRaised, Message: "m", Since: dbtest.Noon})
	want := `{"code":"stale","state":"raised","provider":"ptv","message":"m","hint":"","since":"2026-11-20T12:00:00Z"}`
	if string(text) != want || err != nil {
		t.Errorf("got %s, %v", text, err)
	}
}

// Unreadable orders raise one alert, whatever other alerts the account has.
func TestUnreadableOrdersRaiseAnAlert(t *testing.T) {
	d := dbtest.Open(t)
	unread := func(job jobs.Job, at time.Time) jobs.Outcome {
		o := dbtest.Succeeded(job, at)
		o.State, o.Unread = jobs.Partial, 1
		o.Err = &clients.Error{Code: clients.CodeBadResponse, Message: "order A7: orders[3].ordered_on: is no date"}
		return o
	}
	_, js := dbtest.Start(t, d, 5)
	for i, step := range []struct {
		outcome jobs.Outcome
		want    []string
	}{
		{failedWith(js[0], clients.CodeForbidden, dbtest.Noon), []string{"michelin detroit  forbidden raised"}},
		{unread(js[1], dbtest.Noon.Add(time.Minute)), []string{"michelin detroit  bad_response raised"}},
		{unread(js[2], dbtest.Noon.Add(2*time.Minute)), []string{"michelin detroit  bad_response raised"}},
		{dbtest.Succeeded(js[3], dbtest.Noon.Add(3*time.Minute)), []string{}},
		{failedWith(js[4], clients.CodeBadResponse, dbtest.Noon.Add(4*time.Minute)), []string{"michelin detroit  bad_response raised"}},
	} {
		dbtest.Commit(t, d, step.outcome)
		if diff := cmp.Diff(step.want, alertCodes(t, d, true)); diff != "" {
			t.Errorf("step %d: alerts (-want +got):\n%s", i, diff)
		}
	}
	if got := publishedAlerts(t, d); len(got) != 5 {
		t.Errorf("got the messages %q, want five: two alerts raised and resolved, one raised again", got)
	}
}
