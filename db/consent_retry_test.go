package db_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/jobs"
)

// inHand starts a run with one job of mazda's account and empties the outbox.
func inHand(tb testing.TB, d *db.DB, account string) (jobs.Run, jobs.Job) {
	tb.Helper()
	run, js := dbtest.Plan(1)
	run.Provider, js[0].Provider, js[0].Account, js[0].References = "mazda", "mazda", account, nil
	if _, _, err := d.StartRun(tb.Context(), run, js); err != nil {
		tb.Fatal(err)
	}
	dbtest.Publish(tb, d)
	return run, js[0]
}

func TestJobIsRetriedAfterAConsentDuringItsAttempt(t *testing.T) {
	const came = time.Hour // after noon, like consent
	for name, test := range map[string]struct {
		account   string
		code      clients.Code
		requested time.Duration
		want      jobs.State
	}{
		"requested before the consent":              {"a", clients.CodeConsent, came - time.Millisecond, jobs.Waiting},
		"requested in the same millisecond":         {"b", clients.CodeConsent, came + time.Microsecond, jobs.Waiting},
		"requested after the consent":               {"a", clients.CodeConsent, came + time.Millisecond, jobs.Failed},
		"another user's account":                    {"c", clients.CodeConsent, 0, jobs.Failed},
		"an account whose name the other's is like": {"A", clients.CodeConsent, 0, jobs.Failed},
		"another reason to fail":                    {"a", clients.CodeForbidden, 0, jobs.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			path := dbtest.Blank(t)
			d := dbtest.OpenAt(t, path)
			run, job := inHand(t, d, test.account)
			raise(t, d, consentAlert("johndoe"))
			if made := consent(t, d); len(made) != 0 {
				t.Fatalf("got %v, of a job that did not fail yet", made)
			}
			if err := d.Close(); err != nil { // a consent survives a restart
				t.Fatal(err)
			}
			d = dbtest.OpenAt(t, path)
			dbtest.Commit(t, d, failedWith(job, test.code, dbtest.Noon.Add(test.requested)))
			if got := jobStates(t, d, run.ID); got != string(test.want) {
				t.Errorf("got the job %s, want %s", got, test.want)
			}
		})
	}
}

func TestOnlyAConsentOfTheAccountCausesARetry(t *testing.T) {
	for name, before := range map[string]func(d *db.DB) error{
		"without a consent alert": func(*db.DB) error { return nil },
		"the user did not grant access": func(d *db.DB) error {
			_, err := d.Raise(t.Context(), consentAlert("johndoe"))
			return err
		},
		"it is another provider's": func(d *db.DB) error {
			alert := consentAlert("johndoe")
			alert.Provider = "ptv"
			if _, err := d.Raise(t.Context(), alert); err != nil {
				return err
			}
			_, err := d.ResolveConsent(t.Context(), "ptv", "johndoe", []string{"a"}, dbtest.Noon.Add(time.Hour))
			return err
		},
		"the alert was resolved without a consent": func(d *db.DB) error {
			if _, err := d.Raise(t.Context(), consentAlert("johndoe")); err != nil {
				return err
			}
			_, err := d.Resolve(t.Context(), "mazda", "", "johndoe", clients.CodeConsent)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t)
			run, job := inHand(t, d, "a")
			if err := before(d); err != nil {
				t.Fatal(err)
			}
			long := time.Unix(0, 0) // before all recorded times
			dbtest.Commit(t, d, failedWith(job, clients.CodeConsent, long))
			if got := jobStates(t, d, run.ID); got != string(jobs.Failed) {
				t.Errorf("got the job %s, want it failed", got)
			}
		})
	}
}

func TestJobIsDueImmediatelyAfterTheConsent(t *testing.T) {
	d := dbtest.Open(t)
	run, job := inHand(t, d, "a")
	raise(t, d, consentAlert("johndoe"))
	consent(t, d)
	dbtest.Publish(t, d)
	out := failedWith(job, clients.CodeConsent, dbtest.Noon)
	if c := dbtest.Commit(t, d, out); c.Run != nil || c.Repeated {
		t.Errorf("got %+v, want the run to go on", c)
	}
	if due, ok, err := d.NextAttempt(t.Context(), job.Provider); !ok || !due.Equal(out.FinishedAt) || err != nil {
		t.Fatalf("got %v, %v, %v, want the second attempt due at once", due, ok, err)
	}
	rows, err := d.RunJobs(t.Context(), run.ID)
	if err != nil || len(rows) != 1 || rows[0].ErrorCode != clients.CodeConsent || !rows[0].NextAttemptAt.Equal(out.FinishedAt) {
		t.Errorf("got %+v, %v", rows, err)
	}
	if c := dbtest.Commit(t, d, out); !c.Repeated {
		t.Errorf("the first attempt again: got %+v", c)
	}

	// Rejected again after the consent: the job fails, and the next consent starts a catch-up run.
	job.Attempt = 2
	if c := dbtest.Commit(t, d, failedWith(job, clients.CodeConsent, dbtest.Noon.Add(2*time.Hour))); c.Run == nil || c.Run.State != jobs.Failed {
		t.Errorf("got %+v, want a run that failed", c.Run)
	}
	raise(t, d, consentAlert("johndoe"))
	if diff := cmp.Diff([]string{"sync a 2026-11-06..2026-11-20"}, queriesOf(t, d, consentAt(t, d, dbtest.Noon.Add(3*time.Hour)))); diff != "" {
		t.Errorf("the next consent (-want +got):\n%s", diff)
	}
}

func TestLiveJobWithAMissedConsentIsQueued(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Plan(1)
	run.Provider, js[0].Provider, js[0].Account = "mazda", "mazda", "a"
	if err := d.StartInline(t.Context(), run, js[0]); err != nil {
		t.Fatal(err)
	}
	raise(t, d, consentAlert("johndoe"))
	consent(t, d)
	dbtest.Publish(t, d)
	dbtest.Commit(t, d, failedWith(js[0], clients.CodeConsent, dbtest.Noon))
	claimed, err := d.Claim(t.Context(), "mazda", dbtest.Noon.Add(time.Hour), 10)
	if err != nil || len(claimed) != 1 || claimed[0].ID != js[0].ID || claimed[0].Attempt != 2 {
		t.Errorf("got %+v, %v, want the second attempt", claimed, err)
	}
}
