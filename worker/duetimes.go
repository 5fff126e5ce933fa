package worker

import (
	"context"
	"sync"
	"time"
)

// dueTimes are those of a schedule that wait to be accounted for: one after another, so
// that they cost no more than their names while the database does not answer.
type dueTimes struct {
	mu    sync.Mutex // guards what follows
	busy  bool
	queue []time.Time
}

// account has a due time accounted for: here, or by who is about an earlier one. It is late
// if that one had to wait.
func (q *dueTimes) account(due time.Time, tick func(due time.Time, late bool)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, due)
	if q.busy {
		return
	}
	q.busy = true
	for late := false; len(q.queue) > 0; {
		next := q.queue[0]
		q.queue = q.queue[1:]
		q.mu.Unlock()
		began := time.Now()
		tick(next, late)
		late = late || time.Since(began) >= tickPatience
		q.mu.Lock()
	}
	q.busy = false
}

// tickOf accounts for a due time that the engine ran.
func (s *scheduler) tickOf(ctx context.Context, schedule Schedule, due time.Time, late bool) {
	if late && overtaken(schedule, due) {
		s.tick(ctx, schedule, due, overtakenAs(schedule), noDatabase)
		return
	}
	s.tick(ctx, schedule, due, "started", "")
}

// noDatabase is why a due time was accounted for when the next one was due.
const noDatabase = "the database did not answer"

// overtaken reports whether the due time after this one has passed as well.
func overtaken(schedule Schedule, due time.Time) bool {
	next := schedule.Cron.Next(due)
	return !next.IsZero() && next.Before(time.Now())
}

// overtakenAs is what becomes of a due time that another one has overtaken.
func overtakenAs(schedule Schedule) (outcome string) {
	if schedule.CatchUp == "all" {
		return "caught_up"
	}
	return "missed"
}
