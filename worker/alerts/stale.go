package alerts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/db/orders"
	"orderbeat/jobs"
	"orderbeat/worker/settings"
)

// codeStale is the code of the alert about an account without a successful sync within the provider's
// fresh_for.
const codeStale clients.Code = "stale"

const (
	// staleCheck is the longest interval between checks.
	staleCheck = time.Minute
	// staleGrace is how long a new worker may take to catch up on missed schedules before an
	// account counts as stale.
	staleGrace = 5 * time.Minute
)

// Staleness raises the alert [codeStale].
type Staleness struct {
	Alerts
	providers func() []settings.Provider
	started   time.Time
}

// NewStaleness returns the staleness check of the providers' accounts. For an account without a
// successful sync the time is measured from now.
func (a Alerts) NewStaleness(providers func() []settings.Provider) *Staleness {
	return &Staleness{Alerts: a, providers: providers, started: time.Now()}
}

// Run checks all accounts periodically until ctx ends.
func (s *Staleness) Run(ctx context.Context) {
	s.every(ctx, s.interval, s.check, "failed to check for stale accounts, will retry")
}

// interval is the time until the next check.
func (s *Staleness) interval() time.Duration {
	every := staleCheck
	for _, p := range s.providers() {
		if p.FreshFor > 0 {
			every = min(every, p.FreshFor/10)
		}
	}
	return every
}

func (s *Staleness) check(ctx context.Context, now time.Time) error {
	raised, err := s.Raised(ctx, codeStale)
	if err != nil {
		return err
	}
	list, err := s.db.Freshness(ctx, "")
	if err != nil {
		return err
	}
	fresh := map[accountKey]orders.AccountFreshness{}
	for _, f := range list {
		fresh[accountKey{f.Provider, f.Account}] = f
	}
	var stale []alerts.Alert
	for _, p := range s.providers() {
		for _, a := range p.Accounts {
			known := slices.ContainsFunc(raised, func(r alerts.Alert) bool { return r.Provider == p.Name && r.Account == a.Name })
			if f := fresh[accountKey{p.Name, a.Name}]; s.isStale(p, f, known, now) {
				stale = append(stale, staleAlert(p, a.Name, f))
			}
		}
	}
	return s.Hold(ctx, raised, stale)
}

type accountKey struct{ provider, account string }

// isStale reports whether the last success of an account is too long ago. Without any success the time
// is measured from the start of the worker, unless the alert is raised already (known).
func (s *Staleness) isStale(p settings.Provider, f orders.AccountFreshness, known bool, now time.Time) bool {
	last, running := f.LastSuccessAt, now.Sub(s.started)
	switch {
	case p.FreshFor == 0:
		return false
	case last == nil:
		return known || running > p.FreshFor
	default:
		return now.Sub(*last) > p.FreshFor && (known || running >= min(staleGrace, p.FreshFor))
	}
}

func staleAlert(p settings.Provider, account string, f orders.AccountFreshness) alerts.Alert {
	a := alerts.Alert{Provider: p.Name, Account: account, Code: codeStale, Message: "no success yet"}
	if f.LastSuccessAt != nil {
		a.Message = "last success at " + f.LastSuccessAt.UTC().Format(time.RFC3339)
	}
	a.Message += fmt.Sprintf("; expected every %s (fresh_for); ", jobs.FormatDuration(p.FreshFor))
	if failing := f.LastFailureAt != nil && (f.LastSuccessAt == nil || f.LastFailureAt.After(*f.LastSuccessAt)); !failing {
		a.Message += "no job has run since"
		a.Hint = fmt.Sprintf("Check \"orderbeat schedules\" for a schedule of this account, or run \"orderbeat sync %s --account %s\".", p.Name, account)
		return a
	}
	a.Message += "the last failure is " + string(f.FailureCode)
	a.Hint = fmt.Sprintf("Run \"orderbeat jobs --provider %s --account %s\" to see the failure, \"orderbeat doctor %s\" to check the credentials.", p.Name, account, p.Name)
	return a
}
