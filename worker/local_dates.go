package worker

import (
	"context"
	"log/slog"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/worker/wait"
)

// localDateEvery is how often the date in each account's time zone is looked at.
const localDateEvery = time.Minute

// localDates records the date in every account's time zone, by which orders become late.
type localDates struct {
	db        *db.DB
	providers []Provider
	recorded  map[accountKey]clients.Date
	log       *slog.Logger
}

func newLocalDates(c Config) *localDates {
	return &localDates{db: c.DB, providers: c.Providers, recorded: map[accountKey]clients.Date{}, log: c.Log}
}

// run records dates until ctx ends.
func (l *localDates) run(ctx context.Context) {
	for l.record(ctx, time.Now()); wait.For(ctx, localDateEvery); {
		l.record(ctx, time.Now())
	}
}

// record records the dates that are not those of the last time. What the database does not
// take is tried again the next time.
func (l *localDates) record(ctx context.Context, now time.Time) {
	for _, p := range l.providers {
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
				l.log.Warn("could not record the account's local date, will retry", "provider", p.Name, "account", a.Name, "err", err)
				continue
			case late > 0:
				l.log.Info("orders became late", "provider", p.Name, "account", a.Name, "local_date", today, "orders", late)
			}
			l.recorded[key] = today
		}
	}
}
