package worker

import (
	"context"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/db"
)

// mostMissed bounds how many missed ticks of one schedule are looked for at start.
const mostMissed = 1000

// mostCaughtUp bounds how many of them catch_up = "all" runs.
const mostCaughtUp = 100

// begin starts the run at start, and accounts for what was missed while no program was
// running: since the last tick of this database or, when that is later, since until when
// another worker accounted.
func (s *scheduler) begin(ctx context.Context, schedule Schedule, started, elsewhere time.Time) {
	last, ok, err := s.lastTick(ctx, schedule)
	if err != nil { // the program stops
		s.reckoned[schedule.Name].lose()
		return
	}
	since := later(last.DueAt, elsewhere)
	var due []time.Time
	if since.IsZero() {
		since = started // it was never due
	} else {
		due = missed(schedule.Cron, since, started)
	}
	s.reckoned[schedule.Name].begin(since, due)
	if schedule.AtStart {
		s.tick(ctx, schedule, started, "started", "at start")
	}
	if ok && (last.Outcome == "missed" || last.Outcome == "skipped") {
		s.late.known(&schedule)
	}
	s.catchUp(ctx, schedule, due)
}

// lastTick is the last tick of a schedule in this database, false when there is none.
// While the database does not answer it asks again, until ctx ends.
func (s *scheduler) lastTick(ctx context.Context, schedule Schedule) (last db.Tick, ok bool, err error) {
	for wait := tickPatience; ; wait = min(2*wait, maxTickPatience) {
		last, ok, err = s.db.LastTick(ctx, schedule.Name)
		if err == nil || ctx.Err() != nil {
			return last, ok, err
		}
		if wait == tickPatience { // once is enough
			s.log.Warn("due times wait for the database", "schedule", schedule.Name, "err", err)
		}
		pause(ctx, wait)
	}
}

// missed are the due times after last and until now, the most recent ones.
func missed(c cron.Schedule, last, now time.Time) []time.Time {
	if earliest := now.Add(-400 * day); last.Before(earliest) {
		last = earliest
	}
	var due []time.Time
	for t := c.Next(last); !t.IsZero() && !t.After(now); t = c.Next(t) {
		if due = append(due, t); len(due) > 2*mostMissed {
			due = append(due[:0], due[mostMissed:]...)
		}
	}
	return due[max(0, len(due)-mostMissed):]
}

func (s *scheduler) catchUp(ctx context.Context, schedule Schedule, due []time.Time) {
	run := 0
	switch {
	case schedule.AtStart: // the run at start does what was missed
	case schedule.CatchUp == "last":
		run = min(1, len(due))
	case schedule.CatchUp == "all":
		run = min(mostCaughtUp, len(due))
	}
	if !s.makeUp(ctx, schedule, due, run, "not running") || len(due) == 0 {
		return
	}
	s.log.Warn("ticks were missed while not running", "schedule", schedule.Name, "missed", len(due), "caught_up", run)
	if _, paused, err := s.db.Paused(ctx, schedule.Name); run == 0 && !schedule.AtStart && !paused && err == nil {
		s.late.missed(ctx, &schedule, due)
	}
}

// oversleep accounts for what passed while the program was there and did not get to run.
// The one that was due when that began is run late, and stands for the others where not
// all are caught up.
func (s *scheduler) oversleep(ctx context.Context, schedule Schedule, due []time.Time) {
	run := 0
	if schedule.CatchUp == "all" {
		run = min(mostCaughtUp, len(due))
	}
	if s.makeUp(ctx, schedule, due, run, "the machine slept, or its clock jumped") {
		s.log.Warn("ticks were missed: the machine slept, or its clock jumped", "schedule", schedule.Name, "missed", len(due), "caught_up", run)
	}
}

// makeUp runs the last of some due times, and records the others as missed. It returns
// false when it could not go on.
func (s *scheduler) makeUp(ctx context.Context, schedule Schedule, due []time.Time, run int, why string) bool {
	for i, t := range due {
		outcome := "missed"
		if i >= len(due)-run {
			outcome = "caught_up"
		}
		if !s.tick(ctx, schedule, t, outcome, why) {
			return false
		}
	}
	return true
}
