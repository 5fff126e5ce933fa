package db_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
)

// did is a job that ended, planned some minutes after noon.
type did struct {
	minute        int
	account, kind string
	question      jobs.Question
	// code is why it failed, "" when it succeeded, "waiting" when it will be tried again.
	code clients.Code
}

func window(from, to clients.Date) jobs.Question { return jobs.Question{From: from, To: to} }

func ids(list ...string) jobs.Question { return jobs.Question{OrderIDs: list} }

// keep keeps a run of one job that ended so.
func (w did) keep(tb testing.TB, d *db.DB) {
	tb.Helper()
	planned := noon.Add(time.Duration(w.minute) * time.Minute)
	run, js := plan(1)
	run.ID, run.Provider, run.Kind, run.RequestedAt = jobs.NewID(planned), "mazda", w.kind, planned
	job := js[0]
	job.ID, job.RunID, job.Provider, job.Account, job.Kind, job.Question, job.FirstAt = run.ID+"-00001", run.ID, "mazda", w.account, w.kind, w.question, planned
	if _, _, err := d.StartRun(tb.Context(), run, []jobs.Job{job}); err != nil {
		tb.Fatal(err)
	}
	switch w.code {
	case "":
		commit(tb, d, succeeded(job, planned))
	case "waiting":
		commit(tb, d, failed(job, jobs.Waiting, planned))
	case "queued":
	default:
		commit(tb, d, refused(job, w.code, planned))
	}
}

// requests are run requests as text.
func requests(list []jobs.Request) []string {
	text := []string{}
	for _, r := range list {
		text = append(text, fmt.Sprintf("%s %v %s", r.Kind, r.Accounts, r.Params))
	}
	return text
}

// consent resolves johndoe's alert, as who has the accounts a and b.
func consent(tb testing.TB, d *db.DB) []jobs.Request {
	tb.Helper()
	list, err := d.ResolveConsent(tb.Context(), "mazda", "johndoe", []string{"a", "b"}, noon.Add(time.Hour))
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

func TestConsentMakesUpForWhatWasMissed(t *testing.T) {
	const raised = 10 // minutes after noon
	missing := clients.CodeConsent
	many := make([]string, 5001)
	for i := range many {
		many[i] = fmt.Sprintf("SO%05d", i)
	}
	for name, test := range map[string]struct {
		done []did
		want []string
	}{
		"nothing was missed": {nil, []string{}},
		"a window, until today": {
			[]did{{1, "a", "sync", window("2026-11-06", "2026-11-20"), missing}},
			[]string{`sync [a] {"from":"2026-11-06"}`},
		},
		"many windows at once": {
			[]did{
				{1, "a", "sync", window("2026-11-06", "2026-11-19"), missing},
				{2, "b", "sync", window("2026-11-07", "2026-11-20"), missing},
				{11, "a", "sync", window("2026-10-01", "2026-10-31"), missing},
			},
			[]string{`sync [a b] {"from":"2026-10-01"}`},
		},
		"a window that goes on after today": {
			[]did{{1, "a", "sync", window("2026-11-06", "2026-11-21"), missing}, {2, "a", "sync", window("2026-11-06", "2026-11-20"), missing}},
			[]string{`sync [a] {"from":"2026-11-06","to":"2026-11-21"}`},
		},
		"checks at once": {
			[]did{{1, "b", "check", jobs.Question{}, missing}, {2, "a", "check", jobs.Question{}, missing}, {3, "b", "check", jobs.Question{}, missing}},
			[]string{`check [b a] {}`},
		},
		"orders, by account": {
			[]did{
				{1, "a", "fetch", ids("SO2", "SO1"), missing},
				{2, "b", "fetch", jobs.Question{References: []string{"PO1"}}, missing},
				{3, "a", "fetch", ids("SO1", "SO3"), missing},
				{4, "a", "fetch", jobs.Question{References: []string{"PO2"}}, missing},
			},
			[]string{`fetch [a] {"order_ids":["SO1","SO2","SO3"],"references":["PO2"]}`, `fetch [b] {"references":["PO1"]}`},
		},
		"more orders than a message holds": {
			[]did{{1, "a", "fetch", ids(many...), missing}, {2, "a", "fetch", jobs.Question{References: []string{"PO1"}}, missing}},
			[]string{
				`fetch [a] {"order_ids":["` + strings.Join(many[:5000], `","`) + `"]}`,
				`fetch [a] {"order_ids":["` + many[5000] + `"],"references":["PO1"]}`,
			},
		},
		"every kind by itself": {
			[]did{{1, "a", "check", jobs.Question{}, missing}, {2, "a", "sync", window("2026-11-06", "2026-11-20"), missing}},
			[]string{`check [a] {}`, `sync [a] {"from":"2026-11-06"}`},
		},
		"what failed for another reason, or did not end, is nobody's": {
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
		"any window that succeeded before the alert": {
			[]did{{1, "a", "sync", window("2026-11-06", "2026-11-20"), missing}, {2, "a", "sync", window("2026-11-20", "2026-11-20"), ""}},
			[]string{},
		},
		"it succeeded earlier": {
			[]did{{1, "a", "sync", window("2026-11-06", "2026-11-20"), ""}, {2, "a", "sync", window("2026-11-07", "2026-11-20"), missing}},
			[]string{`sync [a] {"from":"2026-11-07"}`},
		},
		"another account or kind succeeded later": {
			[]did{
				{1, "a", "sync", window("2026-11-06", "2026-11-20"), missing},
				{2, "b", "sync", window("2026-11-06", "2026-11-20"), ""},
				{3, "a", "check", jobs.Question{}, ""},
			},
			[]string{`sync [a] {"from":"2026-11-06"}`},
		},
		"another provider's job succeeded later": {
			[]did{{1, "a", "check", jobs.Question{}, missing}, {-1, "", "", jobs.Question{}, ""}},
			[]string{`check [a] {}`},
		},
		"since the alert a larger window succeeded": {
			[]did{{11, "a", "sync", window("2026-11-06", "2026-11-20"), missing}, {12, "a", "sync", window("2026-11-01", "2026-11-20"), ""}},
			[]string{},
		},
		"since the alert a smaller window succeeded": {
			[]did{{11, "a", "sync", window("2026-10-01", "2026-10-31"), missing}, {12, "a", "sync", window("2026-11-06", "2026-11-20"), ""}},
			[]string{`sync [a] {"from":"2026-10-01"}`},
		},
		"since the alert another order was fetched": {
			[]did{{11, "a", "fetch", ids("SO1"), missing}, {12, "a", "fetch", ids("SO2"), ""}},
			[]string{`fetch [a] {"order_ids":["SO1"]}`},
		},
		"since the alert a check succeeded": {
			[]did{{11, "a", "check", jobs.Question{}, missing}, {12, "a", "check", jobs.Question{}, ""}},
			[]string{},
		},
		"since the alert another account or kind did all of it": {
			[]did{
				{11, "a", "sync", window("2026-11-06", "2026-11-20"), missing},
				{12, "b", "sync", window("2026-11-06", "2026-11-20"), missing},
				{13, "b", "sync", window("2026-11-06", "2026-11-20"), ""},
				{14, "a", "track", window("2026-11-06", "2026-11-20"), ""},
			},
			[]string{`sync [a] {"from":"2026-11-06"}`},
		},
		"it succeeded twice, another account never": {
			[]did{
				{1, "b", "check", jobs.Question{}, missing},
				{2, "a", "check", jobs.Question{}, ""},
				{3, "a", "check", jobs.Question{}, missing},
				{4, "a", "check", jobs.Question{}, ""},
			},
			[]string{`check [b] {}`},
		},
		"it succeeded, and was missed again": {
			[]did{
				{1, "a", "sync", window("2026-10-06", "2026-10-20"), missing},
				{2, "a", "sync", window("2026-10-06", "2026-10-20"), ""},
				{11, "a", "sync", window("2026-11-06", "2026-11-20"), missing},
			},
			[]string{`sync [a] {"from":"2026-11-06"}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			for _, w := range test.done {
				if w.minute < 0 {
					observe(t, d, noon)
					continue
				}
				w.keep(t, d)
			}
			alert := consentAlert("johndoe")
			alert.Since = noon.Add(raised * time.Minute)
			raise(t, d, alert)
			if diff := cmp.Diff(test.want, requests(consent(t, d))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestARunThatConsentAskedForIsLikeEveryOther(t *testing.T) {
	d := open(t)
	did{1, "a", "sync", window("2026-11-06", "2026-11-20"), clients.CodeConsent}.keep(t, d)
	alert := consentAlert("joe.doe@example")
	raise(t, d, alert)
	publish(t, d)
	list, err := d.ResolveConsent(t.Context(), "mazda", alert.User, []string{"a"}, noon.Add(time.Hour))
	if err != nil || len(list) != 1 {
		t.Fatalf("got %v, %v", list, err)
	}
	want := jobs.Request{
		Provider: "mazda", Kind: "sync", Accounts: []string{"a"}, Params: []byte(`{"from":"2026-11-06"}`),
		Trigger: "consent:joe.doe@example", Key: "consent:joe%2Edoe%40example@1.1.sync",
	}
	if diff := cmp.Diff(want, list[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	golden(t, "consent.txt", messages(t, pending(t, d, noon)))

	for name, test := range map[string]struct{ provider, key, want string }{
		"its run":                         {"mazda", want.Key, want.Trigger},
		"a key that names no consent":     {"mazda", "consent:joe%2Edoe%40example@7.1.sync", "nats"},
		"a key of another provider":       {"ptv", want.Key + ".", "nats"},
		"a key of another user":           {"mazda", "consent:janedoe@1.1.sync", "nats"},
		"a key that only looks like one":  {"mazda", "consent:joe%2Edoe%40example@x", "nats"},
		"a key that is nothing like that": {"mazda", "consent", "nats"},
	} {
		run, js := plan(1)
		run.Provider, run.Key = test.provider, test.key
		js[0].Provider = test.provider
		got, started, err := d.StartRun(t.Context(), run, js)
		if !started || err != nil || got.Trigger != test.want {
			t.Errorf("%s: got trigger %s, %v, %v, want %s", name, got.Trigger, started, err, test.want)
		}
		if stored, _, err := d.Run(t.Context(), run.ID); stored.Trigger != test.want || err != nil {
			t.Errorf("%s: stored trigger %s, %v, want %s", name, stored.Trigger, err, test.want)
		}
	}
}

func TestConsentAsksOnceAndAllOrNothing(t *testing.T) {
	path := blankAt(t)
	d := openAt(t, path)
	did{1, "a", "sync", window("2026-11-06", "2026-11-20"), clients.CodeConsent}.keep(t, d)
	publish(t, d)
	if got := consent(t, d); len(got) != 0 {
		t.Errorf("without an alert: got %v", requests(got))
	}
	raise(t, d, consentAlert("janedoe"))
	if got := consent(t, d); len(got) != 0 {
		t.Errorf("with another user's alert: got %v", requests(got))
	}
	raise(t, d, consentAlert("johndoe"))
	publish(t, d)

	if err := d.OnWriter(t.Context(), "CREATE TRIGGER no BEFORE INSERT ON outbox WHEN new.topic = 'runs' BEGIN SELECT raise(FAIL, 'no'); END"); err != nil {
		t.Fatal(err)
	}
	if got, err := d.ResolveConsent(t.Context(), "mazda", "johndoe", []string{"a"}, noon); err == nil || got != nil {
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
		d = openAt(t, path)
	}
	restart()
	if got := pending(t, d, noon); len(got) != 0 {
		t.Errorf("a transaction that failed left %v", got)
	}
	for i, want := range []int{1, 0} {
		if got := consent(t, d); len(got) != want {
			t.Errorf("time %d: got %v, want %d", i+1, requests(got), want)
		}
		if got := pending(t, d, noon.Add(time.Hour)); len(got) != 2 { // the alert and the run
			t.Errorf("time %d: got %d messages", i+1, len(got))
		}
		restart()
	}
	if diff := cmp.Diff([]string{"mazda  janedoe consent_required raised"}, alerts(t, d, true)); diff != "" {
		t.Errorf("raised (-want +got):\n%s", diff)
	}
}
