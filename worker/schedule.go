package worker

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"

	"orderbeat/db"
	"orderbeat/jobs"
)

// How long a due time that could not be recorded waits until it is tried again: at first,
// and at most.
const (
	tickPatience    = time.Second
	maxTickPatience = 10 * time.Second
)

// scheduler turns due times into requests. It plans nothing itself: a tick is one
// row and one message in the outbox, which then travels like everybody's.
type scheduler struct {
	db        *db.DB
	schedules []Schedule
	accounts  map[string][]string // of each provider
	ticks     *prometheus.CounterVec
	late      *lateness
	reckoned  map[string]*reckoning // of each schedule
	log       *slog.Logger
	ticking   sync.WaitGroup
	engine    *cron.Cron

	mu      sync.Mutex // guards entries
	entries map[string]entry
}

// entry is what the engine runs of a schedule.
type entry struct {
	id cron.EntryID
	*planned
}

func newScheduler(c Config) *scheduler {
	accounts := map[string][]string{}
	for _, p := range c.Providers {
		for _, a := range p.Accounts {
			accounts[p.Name] = append(accounts[p.Name], a.Name)
		}
	}
	reckoned := map[string]*reckoning{}
	for _, schedule := range c.Schedules {
		reckoned[schedule.Name] = newReckoning()
	}
	return &scheduler{
		db: c.DB, schedules: c.Schedules, accounts: accounts, ticks: newTicks(c.Schedules), late: newLateness(c),
		reckoned: reckoned, log: c.Log, engine: cron.New(), entries: map[string]entry{},
	}
}

// run ticks until ctx ends, and returns when the last tick is recorded. elsewhere is until
// when another worker, with a database of its own, accounted for the due times of each
// schedule; nil when none did.
func (s *scheduler) run(ctx context.Context, elsewhere map[string]time.Time) {
	started := time.Now()
	for _, schedule := range s.schedules {
		s.plan(ctx, schedule, later(started, elsewhere[schedule.Name]))
	}
	s.engine.Start()
	for _, schedule := range s.schedules {
		s.ticking.Go(func() { s.begin(ctx, schedule, started, elsewhere[schedule.Name]) })
	}
	watchClock(ctx, func(by time.Duration) { s.clockSet(ctx, by) })
	<-s.engine.Stop().Done() // waits for the engine's running ticks
	s.ticking.Wait()
}

// plan has the engine run a schedule, at its due times after from.
func (s *scheduler) plan(ctx context.Context, schedule Schedule, from time.Time) {
	p := &planned{
		Schedule: schedule.Cron, from: from, reckoning: s.reckoned[schedule.Name],
		overslept: func(due []time.Time) {
			s.ticking.Go(func() { s.oversleep(ctx, schedule, due) })
		},
	}
	id := s.engine.Schedule(p, cron.FuncJob(func() {
		due := p.take()
		if schedule.Jitter > 0 {
			pause(ctx, rand.N(schedule.Jitter)) // a stop ends it; the tick is recorded all the same
		}
		s.tick(ctx, schedule, due, "started", "")
	}))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[schedule.Name] = entry{id, p}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// progress is until when the due times of each schedule are accounted for, and what they
// asked for is told; false while that is not known.
func (s *scheduler) progress(ctx context.Context) (map[string]time.Time, bool) {
	until := map[string]time.Time{}
	for name, r := range s.reckoned {
		t, known := r.accounted()
		if !known {
			return nil, false
		}
		until[name] = t.UTC()
	}
	wait, err := s.db.RequestsWait(ctx)
	return until, err == nil && !wait
}

// tick accounts for one due time and asks for the run, when those before it are accounted
// for. While the database does not answer it tries again: a due time is lost only with the
// program, and found missed at its next start. One that was accounted for so late that the
// next is due already is missed too. It returns false when it is lost.
func (s *scheduler) tick(ctx context.Context, schedule Schedule, due time.Time, outcome, why string) bool {
	r := s.reckoned[schedule.Name]
	began := time.Now()
	if !r.turn(due) {
		return false
	}
	waited := time.Since(began) > schedule.Jitter+tickPatience // which those before it may take
	// A tick that is due is recorded even when the program stops at that moment.
	record := func() error {
		tick := db.Tick{Schedule: schedule.Name, DueAt: due.UTC(), Outcome: outcome, Reason: why}
		if waited && outcome == "started" && passed(schedule, due) {
			tick.Outcome, tick.Reason = "missed", "the database did not answer"
			if schedule.CatchUp == "all" {
				tick.Outcome = "caught_up"
			}
		}
		return s.account(context.WithoutCancel(ctx), schedule, tick)
	}
	err := record()
	for wait := tickPatience; err != nil && ctx.Err() == nil; wait = min(2*wait, maxTickPatience) {
		if !waited {
			s.log.Warn("due times wait for the database", "schedule", schedule.Name, "due_at", due.UTC(), "err", err)
		}
		waited = true
		pause(ctx, wait)
		err = record() // also when the program stops: perhaps it answers now
	}
	if err != nil {
		s.log.Error("due times were not recorded; the next start finds them missed", "schedule", schedule.Name, "due_at", due.UTC(), "err", err)
		r.lose()
		return false
	}
	r.done(due)
	return true
}

// passed reports whether the due time after this one is past.
func passed(schedule Schedule, due time.Time) bool {
	next := schedule.Cron.Next(due)
	return !next.IsZero() && next.Before(time.Now())
}

// account records a tick and asks for the run, but not while the schedule is paused, and
// for accounts that still work at an earlier one as the schedule says.
func (s *scheduler) account(ctx context.Context, schedule Schedule, tick db.Tick) error {
	pause, paused, err := s.db.Paused(ctx, schedule.Name)
	if err != nil {
		return err
	}
	if tick.Outcome == "missed" && (!paused || tick.DueAt.Before(pause.PausedAt)) {
		return s.record(ctx, tick, nil)
	}
	if !paused {
		if pause, paused, err = s.giveUp(ctx, schedule); err != nil {
			return err
		}
	}
	if paused {
		tick.Outcome, tick.Reason = "skipped", "paused"
		if pause.Note != "" {
			tick.Reason += ": " + pause.Note
		}
		return s.record(ctx, tick, nil)
	}
	accounts, why, err := s.overlap(ctx, schedule)
	if err != nil {
		return err
	}
	if why != "" {
		tick.Reason = why
	}
	if len(accounts) == 0 && why != "" {
		tick.Outcome = "skipped"
		return s.record(ctx, tick, nil)
	}
	return s.record(ctx, tick, &jobs.Request{
		Provider: schedule.Provider, Kind: schedule.Kind, Params: schedule.Params, Priority: schedule.Priority,
		Accounts: accounts, Trigger: "schedule:" + schedule.Name,
	})
}

// giveUp pauses a schedule whose last runs failed, as many as it says.
func (s *scheduler) giveUp(ctx context.Context, schedule Schedule) (db.Pause, bool, error) {
	if schedule.PauseAfter == 0 {
		return db.Pause{}, false, nil
	}
	n, err := s.db.FailedInARow(ctx, schedule.Name, schedule.PauseAfter)
	if err != nil || n < schedule.PauseAfter {
		return db.Pause{}, false, err
	}
	p := db.Pause{Schedule: schedule.Name, PausedAt: time.Now(), Note: fmt.Sprintf("%d failed runs in a row", n)}
	if err := s.db.PauseSchedule(ctx, p.Schedule, p.Note, p.PausedAt); err != nil {
		return p, false, err
	}
	s.log.Warn("a schedule is paused", "schedule", p.Schedule, "note", p.Note)
	s.late.paused(ctx, &schedule)
	return p, true, nil
}

// record keeps a tick, once, counts it, and tells that its schedule is kept.
func (s *scheduler) record(ctx context.Context, t db.Tick, request *jobs.Request) error {
	recorded, err := s.db.RecordTick(ctx, t, request)
	if err == nil && !recorded && t.Outcome == "started" {
		recorded, err = s.recordAgain(ctx, &t, request)
	}
	if recorded {
		s.ticks.WithLabelValues(t.Schedule, t.Outcome).Inc()
	}
	if recorded && request != nil {
		s.late.end(ctx, request.Provider, t.Schedule)
	}
	return err
}
