package credentials

import (
	"context"
	"time"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/worker/settings"
	"orderbeat/worker/wait"
)

// watchRetry and watchRest are the first and the maximum pause before a failed database operation
// is retried.
const (
	watchRetry = time.Second
	watchRest  = 30 * time.Second
)

// watch raises and resolves the alerts about credentials. It processes status changes in order,
// and retries each until the database has stored its alerts. Changes that are unprocessed at shutdown
// are found again at the next start, from the stored states.
type watch struct {
	*Credentials
	providers map[string]settings.Provider
	found     map[*credential]alertSet
}

// Watch raises and resolves the alerts about credentials until ctx ends.
func (s *Credentials) Watch(ctx context.Context) {
	w := &watch{Credentials: s, providers: settings.ByName(s.Providers)}

	w.retry(ctx, func() error { return w.loadRaised(ctx) })
	for {
		r, ok := w.changes.next(ctx)
		if !ok {
			return
		}
		w.retry(ctx, func() error { return w.applyChange(ctx, r) })
	}
}

// retry calls do until it succeeds or ctx ends.
func (w *watch) retry(ctx context.Context, do func() error) {
	rest := watchRetry
	for err := do(); err != nil && ctx.Err() == nil; err = do() {
		w.Log.Warn("failed to store an alert, will retry", "err", err)
		if !wait.For(ctx, rest) {
			return
		}
		rest = min(2*rest, watchRest)
	}
}

// loadRaised loads the raised alerts of earlier processes, and resolves those about credentials that are no longer
// configured.
func (w *watch) loadRaised(ctx context.Context) error {
	w.found = map[*credential]alertSet{}
	for _, c := range w.all {
		w.found[c] = alertSet{}
	}
	raised, err := w.DB.Alerts(ctx, true)
	if err != nil {
		return err
	}
	var gone []alerts.Alert
	for _, a := range raised {
		if c := w.subject(a); c != nil {
			w.found[c][a.Code] = true
		} else if !w.configured(a) {
			gone = append(gone, a)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return w.DB.ResolveAlerts(ctx, gone)
}

// subject returns the credential that an alert is about, or nil.
func (w *watch) subject(a alerts.Alert) *credential {
	if a.Account != "" {
		return nil
	}
	for _, c := range w.of(a.Provider, "") {
		if c.User() == a.User {
			return c
		}
	}
	return nil
}

// configured reports whether the subject of an alert is still configured.
func (w *watch) configured(a alerts.Alert) bool {
	p, ok := w.providers[a.Provider]
	if a.Account != "" {
		_, ok = p.Account(a.Account)
	}
	return ok && a.User == ""
}

// applyChange applies a status change. It is idempotent.
func (w *watch) applyChange(ctx context.Context, r statusChange) error {
	before := w.found[r.credential]
	now := alertsOf(r.status, before)
	for _, code := range credentialCodes {
		if now[code] == before[code] {
			continue
		}
		if err := w.transition(ctx, r, code, now[code]); err != nil {
			return err
		}
		before[code] = now[code]
	}
	return nil
}

// transition raises or resolves one alert.
func (w *watch) transition(ctx context.Context, r statusChange, code clients.Code, raise bool) error {
	c := r.credential
	switch {
	case raise:
		return w.Alerts.Raise(ctx, c.alert(code, r.status, w.ConsentURL))
	case code == clients.CodeConsent:
		runs, err := w.DB.ResolveConsent(ctx, c.Provider(), c.User(), c.accounts, time.Now())
		if err != nil {
			return err
		}
		w.Log.Info("alert resolved", "provider", c.Provider(), "user", c.User(), "code", code, "runs", len(runs))
		return nil
	default:
		return w.Alerts.Resolve(ctx, alerts.Alert{Provider: c.Provider(), User: c.User(), Code: code})
	}
}
