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
	maxTickPatience = time.Minute
)

// scheduler turns due times into requests. It plans nothing itself: a tick is one
// row and one message in the outbox, which then travels like everybody's.
type scheduler struct {
	db        *db.DB
	schedules []Schedule
	accounts  map[string][]string // of each provider
	ticks     *prometheus.CounterVec
	late      *lateness
	log       *slog.Logger
	ticking   sync.WaitGroup
}

func newScheduler(c Config) *scheduler {
	accounts := map[string][]string{}
	for _, p := range c.Providers {
		for _, a := range p.Accounts {
			accounts[p.Name] = append(accounts[p.Name], a.Name)
		}
	}
	return &scheduler{db: c.DB, schedules: c.Schedules, accounts: accounts, ticks: newTicks(c.Schedules), late: newLateness(c), log: c.Log}
}

// run ticks until ctx ends, and returns when the last tick is recorded.
func (s *scheduler) run(ctx context.Context) {
	engine := cron.New()
	started := time.Now()
	for _, schedule := range s.schedules {
		var queue dueTimes
		p := &planned{Schedule: schedule.Cron, from: started, overslept: func(due []time.Time) {
			s.ticking.Go(func() { s.oversleep(ctx, schedule, due) })
		}}
		engine.Schedule(p, cron.FuncJob(func() {
			due := p.take()
			if schedule.Jitter > 0 {
				pause(ctx, rand.N(schedule.Jitter)) // a stop ends it; the tick is recorded all the same
			}
			queue.account(due, func(due time.Time, late bool) { s.tickOf(ctx, schedule, due, late) })
		}))
	}
	engine.Start()
	for _, schedule := range s.schedules {
		s.ticking.Go(func() { s.begin(ctx, schedule, started) })
	}
	<-ctx.Done()
	<-engine.Stop().Done() // waits for the engine's running ticks
	s.ticking.Wait()
}

// planned remembers the due times that the engine was told and did not run yet: the
// engine does not tell a job which one it is run for. Nor does it know those that passed
// while it ran none, which happens when the machine sleeps or its clock jumps.
type planned struct {
	cron.Schedule
	from      time.Time // the first due time is after this, whenever the engine asks
	overslept func(due []time.Time)

	mu   sync.Mutex // guards what follows
	last time.Time  // the due time that the engine was told last, zero before the first
	due  []time.Time
}

// Next is asked for the first due time when the engine starts, and for the next one
// each time it has run one.
func (p *planned) Next(t time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.IsZero() {
		t = p.from
	} else if due := missed(p.Schedule, p.last, t); len(due) > 0 {
		p.overslept(due)
	}
	p.last = p.Schedule.Next(t)
	p.due = append(p.due, p.last)
	return p.last
}

// take returns the earliest due time that nobody took yet.
func (p *planned) take() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := p.due[0]
	p.due = p.due[1:]
	return due
}

// tick accounts for one due time and asks for the run. While the database does not answer
// it tries again: a due time is lost only with the program, and found missed at its next
// start. One that was accounted for so late that the next is due already is missed too.
// It returns false when it is lost.
func (s *scheduler) tick(ctx context.Context, schedule Schedule, due time.Time, outcome, why string) bool {
	tick := db.Tick{Schedule: schedule.Name, DueAt: due.UTC(), Outcome: outcome, Reason: why}
	// A tick that is due is recorded even when the program stops at that moment.
	err := s.account(context.WithoutCancel(ctx), schedule, tick)
	for wait := tickPatience; err != nil; wait = min(2*wait, maxTickPatience) {
		if wait == tickPatience { // once is enough
			s.log.Warn("a due time waits for the database", "schedule", schedule.Name, "due_at", tick.DueAt, "err", err)
		}
		if !pause(ctx, wait) {
			s.log.Error("a due time was not recorded; the next start finds it missed", "schedule", schedule.Name, "due_at", tick.DueAt, "err", err)
			return false
		}
		if outcome == "started" && overtaken(schedule, due) {
			tick.Outcome, tick.Reason = overtakenAs(schedule), noDatabase
		}
		err = s.account(context.WithoutCancel(ctx), schedule, tick)
	}
	return true
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
	if recorded {
		s.ticks.WithLabelValues(t.Schedule, t.Outcome).Inc()
	}
	if recorded && request != nil {
		s.late.end(ctx, request.Provider, t.Schedule)
	}
	return err
}
