package scheduler

import (
	"context"
	"fmt"
	"slices"
	"time"

	"orderbeat/db/schedules"
)

// tick records one due time and starts its run, unless the schedule is paused.
func (l *loop) tick(ctx context.Context, due time.Time, outcome, why string) error {
	tick := schedules.Tick{Schedule: l.schedule.Name, DueAt: due.UTC(), Outcome: outcome, Reason: why}
	pause, paused, err := l.DB.Paused(ctx, l.schedule.Name)
	if err == nil && !paused {
		pause, paused, err = l.pauseAfterFailures(ctx)
	}
	if err != nil {
		return err
	}
	if paused {
		tick.Outcome, tick.Reason = "skipped", pausedReason(pause)
		return l.record(ctx, tick)
	}
	return l.start(ctx, tick)
}

// start records a tick with its run. A due time that is already recorded, because the clock was
// set back, is recorded at the next free second.
func (l *loop) start(ctx context.Context, tick schedules.Tick) error {
	claim := func() error { return l.claim(ctx, tick.DueAt, tick.Outcome == "caught_up") }
	defer l.setClaimed(time.Time{})
	started, err := l.Start(ctx, tick, l.schedule.Request(), claim)
	if err == nil && started.Tick == nil {
		var again bool
		if again, err = l.repeated(ctx, &tick); !again || err != nil {
			return err
		}
		started, err = l.Start(ctx, tick, l.schedule.Request(), claim)
	}
	if err != nil || started.Tick == nil {
		return err
	}
	l.Ticks.WithLabelValues(tick.Schedule, started.Tick.Outcome).Inc()
	if started.Run != nil {
		l.alerts.recovered(ctx, l.schedule)
	}
	return nil
}

// repeated moves a tick whose due time is already recorded to the next free second if the clock was set
// back, so that the schedule does not wait until the clock has caught up. It returns false if the clock was
// not set back.
func (l *loop) repeated(ctx context.Context, tick *schedules.Tick) (bool, error) {
	last, ok, err := l.DB.LastTick(ctx, tick.Schedule)
	if err != nil || !ok || !last.DueAt.After(time.Now()) {
		return false, err
	}
	const seconds = 60
	due := tick.DueAt.Truncate(time.Second)
	taken, err := l.DB.Ticks(ctx, tick.Schedule, due, due.Add(seconds*time.Second))
	if err != nil {
		return false, err
	}
	for n := range seconds {
		free := due.Add(time.Duration(n+1) * time.Second)
		if !slices.ContainsFunc(taken, func(t schedules.Tick) bool { return t.DueAt.Equal(free) }) {
			tick.DueAt = free
			tick.Reason = fmt.Sprintf("the clock was set back: %s was due before", due.UTC().Format(time.RFC3339))
			return true, nil
		}
	}
	l.Log.Error("tick dropped: no free second within a minute after a backward clock change", "schedule", tick.Schedule, "due_at", due)
	return false, nil
}

// recordMissed records due times that start no run: as missed, or as skipped if they passed during a pause.
func (l *loop) recordMissed(ctx context.Context, due []time.Time, why string) error {
	if len(due) == 0 {
		return nil
	}
	pause, paused, err := l.DB.Paused(ctx, l.schedule.Name)
	if err != nil {
		return err
	}
	ticks := make([]schedules.Tick, len(due))
	for i, t := range due {
		ticks[i] = schedules.Tick{Schedule: l.schedule.Name, DueAt: t.UTC(), Outcome: "missed", Reason: why}
		if paused && !t.Before(pause.PausedAt) {
			ticks[i].Outcome, ticks[i].Reason = "skipped", pausedReason(pause)
		}
	}
	if err := l.record(ctx, ticks...); err != nil {
		return err
	}
	l.advance(due[len(due)-1])
	return nil
}

// record records ticks that start no run.
func (l *loop) record(ctx context.Context, ticks ...schedules.Tick) error {
	recorded, err := l.DB.RecordTicks(ctx, ticks...)
	for _, t := range recorded {
		l.Ticks.WithLabelValues(t.Schedule, t.Outcome).Inc()
	}
	return err
}

func pausedReason(p schedules.Pause) string {
	if p.Note == "" {
		return "paused"
	}
	return "paused: " + p.Note
}

// pauseAfterFailures pauses the schedule when its last pause_after runs have failed.
func (l *loop) pauseAfterFailures(ctx context.Context) (schedules.Pause, bool, error) {
	s := l.schedule
	if s.PauseAfter == 0 {
		return schedules.Pause{}, false, nil
	}
	n, err := l.DB.FailedInARow(ctx, s.Name, s.PauseAfter)
	if err != nil || n < s.PauseAfter {
		return schedules.Pause{}, false, err
	}
	p := schedules.Pause{Schedule: s.Name, PausedAt: time.Now(), Note: fmt.Sprintf("%d failed runs in a row", n)}
	// Raise the alert first: after an error, both steps are retried only while the schedule is not paused.
	if err := l.alerts.raise(ctx, s, pausedAlert(s)); err != nil {
		return p, false, err
	}
	if err := l.DB.PauseSchedule(ctx, p.Schedule, p.Note, p.PausedAt); err != nil {
		return p, false, err
	}
	l.PausedItself(ctx, p.Schedule, &p)
	l.Log.Warn("schedule paused", "schedule", p.Schedule, "note", p.Note)
	return p, true, nil
}
