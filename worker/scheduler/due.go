package scheduler

import (
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/db/schedules"
)

const (
	// maxMissed is the maximum number of missed due times that are recorded for one schedule, the latest ones.
	maxMissed = 1000
	// maxCaughtUp is the maximum number of them that catch_up = "all" runs.
	maxCaughtUp = 100
	// maxPast bounds how far back due times are computed.
	maxPast = 400 * 24 * time.Hour
)

// passed returns the due times after last and up to now, at most the latest maxMissed.
func passed(c cron.Schedule, last, now time.Time) []time.Time {
	if earliest := now.Add(-maxPast); last.Before(earliest) {
		last = earliest
	}
	var due []time.Time
	for t := c.Next(last); !t.IsZero() && !t.After(now); t = c.Next(t) {
		if due = append(due, t); len(due) > 2*maxMissed {
			due = append(due[:0], due[maxMissed:]...)
		}
	}
	return due[max(0, len(due)-maxMissed):]
}

// Before returns a time after which due is the next due time of a schedule.
func Before(c cron.Schedule, due time.Time) time.Time {
	if every, ok := c.(cron.ConstantDelaySchedule); ok {
		return due.Add(-every.Delay)
	}
	return due.Add(-time.Second)
}

// NextDue returns the next due time after now for a watermark in the database, as a running or
// starting worker computes it. It returns false if there is none, or if it is unknown because no
// worker has run the "@every" schedule yet.
func NextDue(c cron.Schedule, w schedules.Watermark, now time.Time) (time.Time, bool) {
	last := w.At()
	every, counts := c.(cron.ConstantDelaySchedule)
	switch {
	case counts && last.IsZero():
		return time.Time{}, false
	case last.After(now) && !last.Equal(w.AccountedAt): // the clock was set back
		last = now
	case counts && last.Before(now):
		last = last.Truncate(time.Second) // as every.Next does
		last = last.Add(now.Sub(last).Truncate(every.Delay))
	case last.Before(now):
		last = now
	}
	next := c.Next(last)
	return next.UTC(), !next.IsZero()
}
