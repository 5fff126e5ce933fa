package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"orderbeat/db"
	"orderbeat/db/alerts"
	"orderbeat/worker/settings"
)

// codeMissed is the code of the alert about due times that were missed and not caught up, or about a
// schedule that was paused automatically after failed runs.
const codeMissed = "missed_schedule"

// alerter raises that alert, and resolves it when every affected schedule of the provider has started a
// run again.
type alerter struct {
	db  *db.DB
	log *slog.Logger

	mu sync.Mutex // guards late; held while the alert changes, so that changes stay in order
	// late has the schedules of each provider that have started no run since they missed due times, or
	// whose loop has not started. A provider without an entry has no alert.
	late map[string]map[string]bool
}

func newAlerter(d *db.DB, schedules []settings.Schedule, log *slog.Logger) *alerter {
	a := &alerter{db: d, log: log, late: map[string]map[string]bool{}}
	for _, s := range schedules {
		a.add(s.Provider, s.Name) // until its loop starts; an earlier process may have raised the alert
	}
	return a
}

func (a *alerter) add(provider, schedule string) {
	if a.late[provider] == nil {
		a.late[provider] = map[string]bool{}
	}
	a.late[provider][schedule] = true
}

// expect records that the loop of a schedule has not started yet.
func (a *alerter) expect(s *settings.Schedule) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(s.Provider, s.Name)
}

// missedAlert returns the alert about missed due times.
func missedAlert(s *settings.Schedule, due []time.Time) alerts.Alert {
	n := len(due)
	return alerts.Alert{
		Provider: s.Provider, Code: codeMissed,
		Message: fmt.Sprintf("schedule %s: %d due times were missed, from %s to %s",
			s.Name, n, due[0].UTC().Format(time.RFC3339), due[n-1].UTC().Format(time.RFC3339)),
		Hint: `Run "orderbeat schedules trigger ` + s.Name + `" to run it now, or set catch_up = "last".`,
	}
}

// pausedAlert returns the alert about a schedule that was paused because its runs failed.
func pausedAlert(s *settings.Schedule) alerts.Alert {
	return alerts.Alert{
		Provider: s.Provider, Code: codeMissed,
		Message: fmt.Sprintf("schedule %s: paused after %d failed runs in a row", s.Name, s.PauseAfter),
		Hint:    `Run "orderbeat runs" to see why they failed. Then run "orderbeat schedules resume ` + s.Name + `".`,
	}
}

// raise raises an alert about a schedule.
func (a *alerter) raise(ctx context.Context, s *settings.Schedule, alert alerts.Alert) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(s.Provider, s.Name)
	_, err := a.db.Raise(ctx, alert)
	return err
}

// recovered records that a schedule started a run, or that it has no missed due times. If the
// alert cannot be resolved in the database, the next run resolves it.
func (a *alerter) recovered(ctx context.Context, s *settings.Schedule) {
	a.mu.Lock()
	defer a.mu.Unlock()
	late, raised := a.late[s.Provider]
	if delete(late, s.Name); !raised || len(late) > 0 {
		return
	}
	if _, err := a.db.Resolve(ctx, s.Provider, "", "", codeMissed); err != nil {
		a.log.Warn("failed to resolve an alert, will retry with the next run", "provider", s.Provider, "code", codeMissed, "err", err)
		return
	}
	delete(a.late, s.Provider)
}
