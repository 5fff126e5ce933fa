package alerts

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/alerts"
	"orderbeat/worker/wait"
)

// Alerts raises and resolves alerts, and logs each transition.
type Alerts struct {
	db  *db.DB
	log *slog.Logger
}

// New returns an Alerts that stores its alerts in d.
func New(d *db.DB, log *slog.Logger) Alerts { return Alerts{d, log} }

// Raised lists the raised alerts with a code.
func (a Alerts) Raised(ctx context.Context, code clients.Code) ([]alerts.Alert, error) {
	list, err := a.db.Alerts(ctx, true)
	return slices.DeleteFunc(list, func(r alerts.Alert) bool { return r.Code != code }), err
}

// Raise raises an alert, unless it is raised already.
func (a Alerts) Raise(ctx context.Context, alert alerts.Alert) error {
	raised, err := a.db.Raise(ctx, alert)
	if raised {
		a.log.Warn("alert raised", append(attributes(alert), "err", alert.Message, "hint", alert.Hint)...)
	}
	return err
}

// Resolve resolves an alert if it is raised.
func (a Alerts) Resolve(ctx context.Context, alert alerts.Alert) error {
	resolved, err := a.db.Resolve(ctx, alert.Provider, alert.Account, alert.User, alert.Code)
	if len(resolved) > 0 {
		a.log.Info("alert resolved", attributes(alert)...)
	}
	return err
}

func attributes(a alerts.Alert) []any {
	attrs := []any{"provider", a.Provider}
	if a.Account != "" {
		attrs = append(attrs, "account", a.Account)
	}
	if a.User != "" {
		attrs = append(attrs, "user", a.User)
	}
	return append(attrs, "code", a.Code)
}

// Hold raises the wanted alerts, and resolves the raised alerts that are not wanted. A
// raised alert whose text differs is updated; the update is not published.
func (a Alerts) Hold(ctx context.Context, raised, wanted []alerts.Alert) error {
	among := func(list []alerts.Alert, w alerts.Alert) int {
		return slices.IndexFunc(list, func(r alerts.Alert) bool {
			return r.Provider == w.Provider && r.Account == w.Account && r.User == w.User
		})
	}
	for _, w := range wanted {
		var err error
		switch i := among(raised, w); {
		case i < 0:
			err = a.Raise(ctx, w)
		case raised[i].Message != w.Message || raised[i].Hint != w.Hint:
			err = a.db.Reword(ctx, w)
		}
		if err != nil {
			return err
		}
	}
	for _, r := range raised {
		if among(wanted, r) >= 0 {
			continue
		}
		if err := a.Resolve(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// every calls check immediately and then after each interval, until ctx ends.
func (a Alerts) every(ctx context.Context, interval func() time.Duration, check func(ctx context.Context, now time.Time) error, failed string) {
	for {
		if err := check(ctx, time.Now()); err != nil && ctx.Err() == nil {
			a.log.Warn(failed, "err", err) //nolint:sloglint // the caller's constant
		}
		if !wait.For(ctx, interval()) {
			return
		}
	}
}
