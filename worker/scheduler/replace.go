package scheduler

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/worker/settings"
)

// Replace replaces the schedules, also if the scheduler has not started. A loop whose
// schedule is unchanged continues. The others record the due times that have passed and stop; then swap is
// called, and the loops of new and changed schedules start. A changed schedule keeps its watermark; a
// new one starts as at the start of the process.
func (s *Scheduler) Replace(ctx context.Context, list []settings.Schedule, swap func()) {
	s.replacing.Lock()
	defer s.replacing.Unlock()
	before := s.all()
	old := func(name string) *loop {
		if i := slices.IndexFunc(before, func(l *loop) bool { return l.schedule.Name == name }); i >= 0 {
			return before[i]
		}
		return nil
	}
	var after, begin []*loop
	for i := range list {
		l := old(list[i].Name)
		if l == nil || !reflect.DeepEqual(*l.schedule, list[i]) {
			l = newLoop(&s.config, &list[i], s.alerts)
			begin = append(begin, l)
		}
		after = append(after, l)
	}
	stopped := time.Now()
	if s.start != nil {
		s.end(slices.DeleteFunc(slices.Clone(before), func(l *loop) bool { return slices.Contains(after, l) }))
	}
	swap()
	s.mu.Lock()
	s.loops = after
	s.mu.Unlock()
	for _, l := range begin {
		s.alerts.expect(l.schedule)
		s.begin(l, old(l.schedule.Name), stopped)
	}
	for _, l := range before {
		followed := slices.ContainsFunc(after, func(a *loop) bool {
			return a.schedule.Name == l.schedule.Name && a.schedule.Provider == l.schedule.Provider
		})
		if !followed {
			s.alerts.recovered(ctx, l.schedule) // it was removed, so it is no longer late
		}
	}
	if s.start != nil {
		s.forget(ctx)
	}
}

// end stops loops. Each records the due times that have passed.
func (s *Scheduler) end(loops []*loop) {
	for _, l := range loops {
		l.stop()
	}
	for _, l := range loops {
		<-l.ended
	}
}

// begin starts the loop of a new schedule, or of a changed one whose old loop recorded the due times up to
// stopped.
func (s *Scheduler) begin(l, old *loop, stopped time.Time) {
	switch {
	case s.start == nil: // Run starts it with the others
	case old == nil:
		s.start(l, time.Now(), time.Time{}, l.schedule.AtStart)
	default:
		until, known := old.watermark()
		s.start(l, stopped, follow(old.schedule, l.schedule, until, stopped), l.schedule.AtStart && !known)
	}
}

// follow returns the time up to which the due times of a changed schedule count as recorded. With a new cron spec
// no past time is due, so that nothing is missed. An "@every" interval counts from the last due time.
func follow(old, changed *settings.Schedule, until, now time.Time) time.Time {
	earliest := now
	if every, ok := changed.Cron.(cron.ConstantDelaySchedule); ok {
		earliest = now.Add(time.Second - every.Delay) // due times are whole seconds
	}
	if reflect.DeepEqual(old.Cron, changed.Cron) || until.After(earliest) {
		return until
	}
	return earliest
}
