package alerts

import (
	"context"
	"log/slog"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/worker/settings"
	"orderbeat/worker/wait"
)

// localDateEvery is how often the local dates of accounts are checked.
const localDateEvery = time.Minute

// LocalDates records the date in every account's time zone, which decides when orders are late.
type LocalDates struct {
	db        *db.DB
	providers func() []settings.Provider
	recorded  map[accountKey]clients.Date
	log       *slog.Logger
}

// NewLocalDates returns a recorder of the local dates of all accounts of the providers.
func NewLocalDates(d *db.DB, providers func() []settings.Provider, log *slog.Logger) *LocalDates {
	return &LocalDates{db: d, providers: providers, recorded: map[accountKey]clients.Date{}, log: log}
}

// Run records dates until ctx ends.
func (l *LocalDates) Run(ctx context.Context) {
	for l.record(ctx, time.Now()); wait.For(ctx, localDateEvery); {
		l.record(ctx, time.Now())
	}
}

// record records the dates that have changed. Dates that could not be stored are retried the
// next time.
func (l *LocalDates) record(ctx context.Context, now time.Time) {
	for _, p := range l.providers() {
		for _, a := range p.Accounts {
			zone := a.Location
			if zone == nil {
				zone = time.UTC
			}
			key, today := accountKey{p.Name, a.Name}, clients.DateOf(now.In(zone))
			if l.recorded[key] == today {
				continue
			}
			late, err := l.db.AccountDate(ctx, p.Name, a.Name, zone.String(), today)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				l.log.Warn("failed to record the local date of an account, will retry", "provider", p.Name, "account", a.Name, "err", err)
				continue
			case late > 0:
				l.log.Info("orders became late", "provider", p.Name, "account", a.Name, "local_date", today, "orders", late)
			}
			l.recorded[key] = today
		}
	}
}
