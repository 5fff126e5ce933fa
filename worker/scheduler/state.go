package scheduler

import (
	"context"
	"time"

	"orderbeat/db"
	"orderbeat/worker/api"
	"orderbeat/worker/settings"
)

// State returns the state of a schedule according to the database.
func State(ctx context.Context, d *db.DB, s settings.Schedule) (api.Schedule, error) {
	state := api.Schedule{
		Name: s.Name, Cron: s.Spec, Timezone: s.Zone, Provider: s.Provider, Kind: s.Kind,
		Accounts: append([]string{}, s.Accounts...), // never null
	}
	w, err := d.Watermark(ctx, s.Name)
	if err != nil {
		return state, err
	}
	state.LastTick = w.Last
	if next, ok := NextDue(s.Cron, w, time.Now()); ok {
		state.NextDue = &next
	}
	pause, ok, err := d.Paused(ctx, s.Name)
	if ok {
		state.Pause = &pause
	}
	return state, err
}

// State returns the state of a schedule, with the due time that its loop waits for if the loop is running.
func (s *Scheduler) State(ctx context.Context, schedule settings.Schedule) (api.Schedule, error) {
	state, err := State(ctx, s.config.DB, schedule)
	if next, ok := s.NextDue(schedule.Name); ok {
		state.NextDue = &next
	}
	return state, err
}
