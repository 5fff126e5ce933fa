package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/db"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
	"orderbeat/worker/settings"
)

// Config has a scheduler's dependencies.
type Config struct {
	DB        *db.DB
	Schedules []settings.Schedule
	// Start plans the run of a tick, calls claim, and stores the tick and the run. After an error, which may be
	// the error of claim, neither is stored, and the scheduler retries.
	Start func(ctx context.Context, tick schedules.Tick, r jobs.Request, claim func() error) (schedules.Started, error)
	// Confirm publishes [Scheduler.Watermarks] to other workers and verifies that this one is still
	// the leader: [ErrNotLeader] if not, another error if that is unknown.
	Confirm func(ctx context.Context) error
	// PausedItself is called when the scheduler has paused a schedule because of failed runs.
	PausedItself func(ctx context.Context, schedule string, p *schedules.Pause)
	// Ticks counts recorded ticks, by schedule and outcome.
	Ticks *prometheus.CounterVec
	Log   *slog.Logger
}

// ErrNotLeader means that another worker is the leader and starts the due runs.
var ErrNotLeader = errors.New("another worker is the leader")

// Scheduler runs the schedules of a configuration. It is safe for concurrent use.
type Scheduler struct {
	config Config
	alerts *alerter

	replacing sync.Mutex // held while loops are started or replaced
	// start starts a loop; nil while [Scheduler.Run] does not run.
	start func(l *loop, started, after time.Time, atStart bool)

	mu    sync.Mutex // guards loops
	loops []*loop
}

// New returns a scheduler. It does nothing until [Scheduler.Run] is called.
func New(c Config) *Scheduler {
	s := &Scheduler{config: c, alerts: newAlerter(c.DB, c.Schedules, c.Log)}
	for i := range c.Schedules {
		s.loops = append(s.loops, newLoop(&c, &c.Schedules[i], s.alerts))
	}
	return s
}

// Run runs the schedules until ctx ends, and returns when the last tick is recorded. elsewhere has, by schedule, the
// time up to which a worker with another database recorded its due times. It may be nil.
func (s *Scheduler) Run(ctx context.Context, elsewhere map[string]time.Time) {
	started := time.Now()
	var running sync.WaitGroup
	s.replacing.Lock()
	s.forget(ctx)
	s.start = func(l *loop, started, after time.Time, atStart bool) {
		own, stop := context.WithCancel(ctx)
		l.stop = stop
		running.Go(func() {
			defer close(l.ended)
			defer stop()
			l.run(own, started, after, atStart)
		})
	}
	for _, l := range s.all() {
		s.start(l, started, elsewhere[l.schedule.Name], l.schedule.AtStart)
	}
	s.replacing.Unlock()
	watchClock(ctx, func(by time.Duration) { s.clockSet(ctx, by) })
	s.replacing.Lock()
	s.start = nil
	s.replacing.Unlock()
	running.Wait()
}

func (s *Scheduler) all() []*loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loops
}

// forget deletes the stored state of schedules that are no longer configured.
func (s *Scheduler) forget(ctx context.Context) {
	loops := s.all()
	names := make([]string, 0, len(loops))
	for _, l := range loops {
		names = append(names, l.schedule.Name)
	}
	if err := s.config.DB.ForgetSchedules(ctx, names); err != nil && ctx.Err() == nil {
		s.config.Log.Warn("failed to delete removed schedules, will retry at the next start", "err", err)
	}
}

// clockSet wakes every loop after a clock change or a suspension of the machine. After a backward
// change, waiting jobs are rescheduled in the database too.
func (s *Scheduler) clockSet(ctx context.Context, by time.Duration) {
	s.config.Log.Warn("clock changed or machine suspended", "by", by.Round(time.Second).String())
	if by < 0 {
		if err := s.config.DB.ClockSetBack(ctx, -by); err != nil {
			s.config.Log.Error("failed to reschedule waiting jobs after a backward clock change", "by", (-by).String(), "err", err)
		}
	}
	for _, l := range s.all() {
		l.clockSet(by)
	}
}

// Watermarks returns, by schedule, the time up to which due times are recorded or being started. It returns false
// while a watermark is unknown.
func (s *Scheduler) Watermarks() (map[string]time.Time, bool) {
	until := map[string]time.Time{}
	for _, l := range s.all() {
		t, known := l.accounted()
		if !known {
			return nil, false
		}
		until[l.schedule.Name] = t.UTC()
	}
	return until, true
}

// NextDue returns the due time, in UTC, that the loop of a schedule waits for. It returns false if the loop is
// not running, or the schedule has no further due time.
func (s *Scheduler) NextDue(name string) (time.Time, bool) {
	for _, l := range s.all() {
		if t, known := l.watermark(); known && l.schedule.Name == name {
			next := l.schedule.Cron.Next(t)
			return next.UTC(), !next.IsZero()
		}
	}
	return time.Time{}, false
}
