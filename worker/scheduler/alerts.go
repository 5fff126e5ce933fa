package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"orderbeat/db"
)

// codeMissed is the alert about due times that were missed and not made up for, or that
// start nothing because the schedule paused itself.
const codeMissed = "missed_schedule"

// alerts raises that alert, and resolves it when each such schedule of the provider has
// started a run since. The loops note what happened; run tells the database, in order.
type alerts struct {
	db      *db.DB
	log     *slog.Logger
	changed chan struct{} // capacity 1

	mu        sync.Mutex // guards providers; not held during SQL
	providers map[string]*missedState
}

// missedState is what is known of one provider's alert.
type missedState struct {
	late   map[string]bool // schedules that started no run since they missed due times, or have not begun
	raise  *db.Alert       // to be raised
	raised bool            // it may be, also by an earlier process
}

func newAlerts(d *db.DB, schedules []Schedule, log *slog.Logger) *alerts {
	a := &alerts{db: d, log: log, changed: make(chan struct{}, 1), providers: map[string]*missedState{}}
	for _, s := range schedules {
		if a.providers[s.Provider] == nil {
			a.providers[s.Provider] = &missedState{late: map[string]bool{}, raised: true}
		}
		a.providers[s.Provider].late[s.Name] = true // until it begins
	}
	return a
}

// begun notes that a schedule begins, and whether the alert may be raised about it.
func (a *alerts) begun(s *Schedule, late bool) { a.note(s, late, nil) }

// missed raises the alert about due times that were missed.
func (a *alerts) missed(s *Schedule, due []time.Time) {
	n := len(due)
	a.note(s, true, &db.Alert{
		Message: fmt.Sprintf("schedule %s: %d due times were missed while nothing ran, from %s to %s",
			s.Name, n, due[0].UTC().Format(time.RFC3339), due[n-1].UTC().Format(time.RFC3339)),
		Hint: "orderbeat schedules trigger " + s.Name + ` runs it now; catch_up = "last" would have`,
	})
}

// paused raises the alert about a schedule that paused itself because its runs failed.
func (a *alerts) paused(s *Schedule) {
	a.note(s, true, &db.Alert{
		Message: fmt.Sprintf("schedule %s: paused after %d failed runs in a row", s.Name, s.PauseAfter),
		Hint:    "orderbeat runs shows why they failed; when that is mended: orderbeat schedules resume " + s.Name,
	})
}

// started notes that a schedule started a run.
func (a *alerts) started(s *Schedule) { a.note(s, false, nil) }

func (a *alerts) note(s *Schedule, late bool, raise *db.Alert) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.providers[s.Provider]
	delete(p.late, s.Name)
	if late {
		p.late[s.Name], p.raised = true, true
	}
	if raise != nil {
		raise.Provider, raise.Code = s.Provider, codeMissed
		p.raise = raise
	}
	if p.raise == nil && (len(p.late) > 0 || !p.raised) {
		return // nothing to tell
	}
	select {
	case a.changed <- struct{}{}:
	default: // run looks soon
	}
}

// run tells the database what was noted until ctx ends, and then once more.
func (a *alerts) run(ctx context.Context) {
	const stopWithin = 2 * time.Second
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
			defer cancel()
			a.tell(last)
			return
		case <-a.changed:
		}
		for rest := retryFirst; !a.tell(ctx) && sleep(ctx, rest); rest = min(2*rest, retryMost) {
		}
	}
}

// tell raises and resolves what is to be, and reports whether the database took it.
func (a *alerts) tell(ctx context.Context) (told bool) {
	a.mu.Lock()
	names := make([]string, 0, len(a.providers))
	for name := range a.providers {
		names = append(names, name)
	}
	a.mu.Unlock()
	told = true
	for _, name := range names {
		if err := a.tellOf(ctx, name); err != nil {
			told = false
			a.log.Warn("could not save an alert; trying again", "provider", name, "code", codeMissed, "err", err)
		}
	}
	return told
}

func (a *alerts) tellOf(ctx context.Context, provider string) error {
	a.mu.Lock()
	p := a.providers[provider]
	raise, resolve := p.raise, p.raised && len(p.late) == 0
	p.raise = nil
	if resolve {
		p.raised = false
	}
	a.mu.Unlock()
	var err error
	if raise != nil {
		_, err = a.db.Raise(ctx, *raise)
	}
	if err == nil && resolve {
		_, err = a.db.Resolve(ctx, provider, "", "", codeMissed)
	}
	if err == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.raise == nil {
		p.raise = raise
	}
	p.raised = p.raised || resolve
	return err
}
