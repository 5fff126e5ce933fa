package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/db"
	"orderbeat/jobs"
)

// never is a schedule that is not due.
type never struct{}

func (never) Next(time.Time) time.Time { return time.Time{} }

// clockSet plans anew when the wall clock was set: the engine waits as long as it was to
// be when it last looked. What passed meanwhile it then finds by itself. Where the clock
// was set back, what is due next is another due time than the one that it waits for.
func (s *scheduler) clockSet(ctx context.Context, by time.Duration) {
	s.log.Warn("the clock was set, or the machine slept", "by", by.Round(time.Second).String())
	if by > 0 {
		s.engine.Remove(s.engine.Schedule(never{}, cron.FuncJob(func() {}))) // it looks at the clock
		return
	}
	if err := s.db.ClockSetBack(ctx, -by); err != nil {
		s.log.Error("what waits for its time waits longer: the clock was set back", "by", (-by).String(), "err", err)
	}
	for _, schedule := range s.schedules {
		s.mu.Lock()
		e := s.entries[schedule.Name]
		s.mu.Unlock()
		s.engine.Remove(e.id)
		e.forget()
		s.plan(ctx, schedule, time.Now())
	}
}

// recordAgain keeps a tick whose due time is on record, because the clock was set back and
// comes by it again: under the next second that is free. Nobody should wait for as long as
// the clock was wrong. It returns false, and keeps nothing, when the clock was not.
func (s *scheduler) recordAgain(ctx context.Context, t *db.Tick, request *jobs.Request) (recorded bool, err error) {
	last, ok, err := s.db.LastTick(ctx, t.Schedule)
	if err != nil || !ok || !last.DueAt.After(time.Now()) {
		return false, err
	}
	due := t.DueAt
	for range 60 {
		t.DueAt = t.DueAt.Add(time.Second)
		t.Reason = fmt.Sprintf("the clock was set back: %s was due before", due.UTC().Format(time.RFC3339))
		if recorded, err = s.db.RecordTick(ctx, *t, request); recorded || err != nil {
			return recorded, err
		}
	}
	s.log.Error("a due time starts nothing: the clock was set back, and every second is on record", "schedule", t.Schedule, "due_at", due)
	return false, nil
}
