package alerts // an inside test: it sets the clock

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/settings"
)

// stalenessBench is a staleness check with a database of its own, and a clock that the test
// moves.
type stalenessBench struct {
	*Staleness
	t         *testing.T
	alerts    Alerts
	providers []settings.Provider
	now       time.Time
	order     int
}

func newStalenessBench(t *testing.T, freshFor time.Duration) *stalenessBench {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(t.TempDir(), "orderbeat.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	b := &stalenessBench{t: t, now: time.Now().UTC(), alerts: New(d, slog.New(slog.DiscardHandler)), providers: []settings.Provider{{
		Name: "michelin", FreshFor: freshFor, Accounts: []clients.Account{{Name: "detroit"}, {Name: "toledo"}},
	}}}
	b.restart()
	return b
}

// restart starts the check of another process.
func (b *stalenessBench) restart() {
	b.Staleness = b.alerts.NewStaleness(func() []settings.Provider { return b.providers })
	b.started = b.now
}

// later moves the clock and checks all accounts.
func (b *stalenessBench) later(d time.Duration) {
	b.now = b.now.Add(d)
	if err := b.check(b.t.Context(), b.now); err != nil {
		b.t.Error(err)
	}
}

// run stores a run of detroit that ended now.
func (b *stalenessBench) run(kind, params string, state jobs.State, code clients.Code, orders ...clients.Order) {
	b.t.Helper()
	b.order++
	run := jobs.Run{
		ID: jobs.NewID(b.now.Add(time.Duration(b.order) * time.Millisecond)), Provider: "michelin", Kind: kind, State: jobs.Queued,
		Trigger: "api", Errors: []jobs.RunError{}, RequestedAt: b.now, Params: []byte(params),
	}
	job := jobs.Job{ID: run.ID + "-00001", RunID: run.ID, Provider: "michelin", Account: "detroit", Kind: kind, Attempt: 1, FirstAt: b.now}
	if _, _, err := b.db.StartRun(b.t.Context(), run, []jobs.Job{job}); err != nil {
		b.t.Fatal(err)
	}
	out := jobs.Outcome{Job: job, State: state, Orders: orders, AskedAt: b.now, FinishedAt: b.now}
	if code != "" {
		out.Err = &clients.Error{Code: code, Message: "down"}
	}
	if _, err := b.db.Commit(b.t.Context(), out); err != nil {
		b.t.Fatal(err)
	}
}

// synced stores a successful sync of detroit.
func (b *stalenessBench) synced() {
	b.t.Helper()
	b.run("sync", `{}`, jobs.Succeeded, "")
}

// alert is the text of detroit's alert, "" if it is not raised.
func (b *stalenessBench) alert() string {
	b.t.Helper()
	raised, err := b.db.Alerts(b.t.Context(), true)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, a := range raised {
		if a.Account == "detroit" && a.Code == codeStale {
			return a.Message + " // " + a.Hint
		}
	}
	return ""
}

// transitions are the published transitions of an account's alert.
func (b *stalenessBench) transitions(account string) string {
	b.t.Helper()
	pending, err := b.db.Pending(b.t.Context(), time.Now(), 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	var states []string
	for _, m := range pending {
		if m.Topic == "alerts" && strings.Contains(m.Subject, "stale") && strings.Contains(string(m.Body), `"`+account+`"`) {
			states = append(states, m.MsgID[strings.LastIndex(m.MsgID, ".")+1:])
		}
	}
	return strings.Join(states, " ")
}

func (b *stalenessBench) want(what string, stale bool, transitions string) {
	b.t.Helper()
	if got := b.alert(); (got != "") != stale {
		b.t.Errorf("%s: got the alert %q, want it raised: %t", what, got, stale)
	}
	if got := b.transitions("detroit"); got != transitions {
		b.t.Errorf("%s: got transitions %q, want %q", what, got, transitions)
	}
}

func TestAccountWithoutJobsIsStale(t *testing.T) {
	b := newStalenessBench(t, 2*time.Hour)
	b.later(time.Hour + 59*time.Minute)
	b.want("before fresh_for has passed since the start", false, "")
	b.later(2 * time.Minute)
	b.want("behind it", true, "raised")
	if got, want := b.alert(), "no success yet; expected every 2h (fresh_for); no job has run since // "+
		`Check "orderbeat schedules" for a schedule of this account, or run "orderbeat sync michelin --account detroit".`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	b.later(time.Hour)
	b.run("sync", `{}`, jobs.Dead, clients.CodeUnavailable)
	b.later(time.Minute)
	if got, want := b.alert(), "no success yet; expected every 2h (fresh_for); the last failure is unavailable // "+
		`Run "orderbeat jobs --provider michelin --account detroit" to see the failure, "orderbeat doctor michelin" to check the credentials.`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	b.want("once only", true, "raised")
	last := b.now.Format(time.RFC3339)
	b.synced()
	b.later(time.Second)
	b.want("when it was asked with success", false, "raised resolved")
	b.later(2 * time.Hour)
	b.want("when it is old again", true, "raised resolved raised")
	if got := b.alert(); !strings.HasPrefix(got, "last success at "+last+"; expected every 2h (fresh_for); no job has run since // ") {
		t.Errorf("got %s, want since when, and why", got)
	}
	if b.transitions("toledo") != "raised" {
		t.Errorf("got %q about the other account, want it raised still", b.transitions("toledo"))
	}
}

func TestWithoutFreshForNothingIsStale(t *testing.T) {
	b := newStalenessBench(t, 0)
	b.synced()
	b.later(1000 * time.Hour)
	b.want("in any time", false, "")
}

func TestRemovingFreshForResolvesTheAlert(t *testing.T) {
	b := newStalenessBench(t, time.Hour)
	b.later(2 * time.Hour)
	b.want("with it", true, "raised")
	b.providers[0].FreshFor = 0
	b.restart()
	b.later(0)
	b.want("without it", false, "raised resolved")
}

// An alert that was raised before a restart remains, also for an account that is measured from
// the start.
func TestStaleAlertSurvivesARestart(t *testing.T) {
	for name, before := range map[string]func(b *stalenessBench){
		"of one that was never asked": func(*stalenessBench) {},
		"of one that was asked":       func(b *stalenessBench) { b.synced() },
	} {
		t.Run(name, func(t *testing.T) {
			b := newStalenessBench(t, 2*time.Hour)
			before(b)
			b.later(3 * time.Hour)
			b.want("when it came", true, "raised")
			b.restart()
			b.later(0)
			b.want("at the start", true, "raised")
			b.later(10 * time.Minute)
			b.want("behind it", true, "raised")
			b.synced()
			b.later(time.Second)
			b.want("when it was asked", false, "raised resolved")
		})
	}
}

// A restarted worker syncs what it missed before an alert is raised.
func TestGracePeriodAfterAStart(t *testing.T) {
	b := newStalenessBench(t, time.Hour)
	b.synced()
	b.now = b.now.Add(24 * time.Hour)
	b.restart()
	b.later(4 * time.Minute)
	b.want("within the grace", false, "")
	b.later(2 * time.Minute)
	b.want("behind it", true, "raised")
}
