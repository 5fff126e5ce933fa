package worker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
)

// codeMissed is the alert's about due times that were missed, and nothing made up for, or
// that start nothing because their runs failed.
const codeMissed clients.Code = "missed_schedule"

// lateness raises that alert, and resolves it when each such schedule of the provider has
// started a run since. Its methods may be called at the same time.
type lateness struct {
	db  *db.DB
	log *slog.Logger

	mu sync.Mutex // guards late, and keeps the order in which the database is told
	// late are those schedules, by provider. A provider is in it while
	// its alert may be raised: also at first, from before.
	late map[string]map[string]bool
}

func newLateness(c Config) *lateness {
	l := &lateness{db: c.DB, log: c.Log, late: map[string]map[string]bool{}}
	for _, s := range c.Schedules {
		l.late[s.Provider] = map[string]bool{}
	}
	return l
}

// known notes a schedule that the alert may have been raised about before.
func (l *lateness) known(s *Schedule) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(s)
}

func (l *lateness) note(s *Schedule) {
	if l.late[s.Provider] == nil {
		l.late[s.Provider] = map[string]bool{}
	}
	l.late[s.Provider][s.Name] = true
}

// missed raises the alert about due times that were missed.
func (l *lateness) missed(ctx context.Context, s *Schedule, due []time.Time) {
	n := len(due)
	l.begin(ctx, s,
		fmt.Sprintf("schedule %s: %d due times were missed while nothing ran, from %s to %s",
			s.Name, n, due[0].UTC().Format(time.RFC3339), due[n-1].UTC().Format(time.RFC3339)),
		"orderbeat schedules trigger "+s.Name+` runs it now; catch_up = "last" would have`)
}

// paused raises the alert about a schedule whose runs failed.
func (l *lateness) paused(ctx context.Context, s *Schedule) {
	l.begin(ctx, s,
		fmt.Sprintf("schedule %s: paused after %d failed runs in a row", s.Name, s.PauseAfter),
		"orderbeat runs shows why they failed; when that is mended: orderbeat schedules resume "+s.Name)
}

func (l *lateness) begin(ctx context.Context, s *Schedule, message, hint string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(s)
	if _, err := l.db.Raise(ctx, db.Alert{Provider: s.Provider, Code: codeMissed, Message: message, Hint: hint}); err != nil {
		l.log.Error("an alert could not be raised", "provider", s.Provider, "code", codeMissed, "err", err)
	}
}

// end notes that a schedule started a run.
func (l *lateness) end(ctx context.Context, provider, schedule string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	late, raised := l.late[provider]
	if !raised {
		return
	}
	if delete(late, schedule); len(late) > 0 {
		return
	}
	if _, err := l.db.Resolve(ctx, provider, "", "", codeMissed); err != nil { // the next due time tries again
		l.log.Error("an alert could not be resolved", "provider", provider, "code", codeMissed, "err", err)
		return
	}
	delete(l.late, provider)
}
