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
	reckoned  map[string]*reckoning // of each schedule
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
	reckoned := map[string]*reckoning{}
	for _, schedule := range c.Schedules {
		reckoned[schedule.Name] = &reckoning{}
	}
	return &scheduler{
		db: c.DB, schedules: c.Schedules, accounts: accounts, ticks: newTicks(c.Schedules), late: newLateness(c),
		reckoned: reckoned, log: c.Log,
	}
}

// run ticks until ctx ends, and returns when the last tick is recorded. elsewhere is until
// when another worker, with a database of its own, accounted for the due times of each
// schedule; nil when none did.
func (s *scheduler) run(ctx context.Context, elsewhere map[string]time.Time) {
	engine := cron.New()
	started := time.Now()
	for _, schedule := range s.schedules {
		p := &planned{
			Schedule: schedule.Cron, from: later(started, elsewhere[schedule.Name]), reckoning: s.reckoned[schedule.Name],
			overslept: func(due []time.Time) {
				s.ticking.Go(func() { s.oversleep(ctx, schedule, due) })
			},
		}
		engine.Schedule(p, cron.FuncJob(func() {
			due := p.take()
			if schedule.Jitter > 0 {
				pause(ctx, rand.N(schedule.Jitter)) // a stop ends it; the tick is recorded all the same
			}
			s.tick(ctx, schedule, due, "started", "")
		}))
	}
	engine.Start()
	for _, schedule := range s.schedules {
		s.ticking.Go(func() { s.begin(ctx, schedule, started, elsewhere[schedule.Name]) })
	}
	<-ctx.Done()
	<-engine.Stop().Done() // waits for the engine's running ticks
	s.ticking.Wait()
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

// planned remembers the due times that the engine was told and did not run yet: the
// engine does not tell a job which one it is run for. Nor does it know those that passed
// while it ran none, which happens when the machine sleeps or its clock jumps.
type planned struct {
	cron.Schedule
	from      time.Time // the first due time is after this, whenever the engine asks
	reckoning *reckoning
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
		p.reckoning.add(due...)
		p.overslept(due)
	}
	p.last = p.Schedule.Next(t)
	p.reckoning.add(p.last)
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
		if next := schedule.Cron.Next(due); outcome == "started" && !next.IsZero() && next.Before(time.Now()) {
			tick.Outcome, tick.Reason = "missed", "the database did not answer"
			if schedule.CatchUp == "all" {
				tick.Outcome = "caught_up"
			}
		}
		err = s.account(context.WithoutCancel(ctx), schedule, tick)
	}
	s.reckoned[schedule.Name].done(due)
	return true
}

// account records a tick and asks for the run, but not while the schedule is paused, and
// not for the accounts that still work at an earlier one.
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
	accounts, busy := schedule.Accounts, []string(nil)
	if schedule.Overlap == "skip" {
		if accounts, busy, err = s.idle(ctx, schedule); err != nil {
			return err
		}
	}
	if len(busy) > 0 && len(accounts) == 0 {
		tick.Outcome, tick.Reason = "skipped", "every account still works at an earlier run"
		return s.record(ctx, tick, nil)
	}
	if len(busy) > 0 {
		tick.Reason = fmt.Sprintf("without %v, which still work at an earlier run", busy)
	}
	return s.record(ctx, tick, &jobs.Request{
		Provider: schedule.Provider, Kind: schedule.Kind, Params: schedule.Params,
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

// idle splits a schedule's accounts into those that have nothing to do and the busy ones.
func (s *scheduler) idle(ctx context.Context, schedule Schedule) (idle, busy []string, err error) {
	working, err := s.db.BusyAccounts(ctx, "schedule:"+schedule.Name)
	if err != nil || len(working) == 0 {
		return schedule.Accounts, nil, err
	}
	all := schedule.Accounts
	if len(all) == 0 {
		all = s.accounts[schedule.Provider]
	}
	isBusy := map[string]bool{}
	for _, a := range working {
		isBusy[a] = true
	}
	for _, a := range all {
		if isBusy[a] {
			busy = append(busy, a)
		} else {
			idle = append(idle, a)
		}
	}
	return idle, busy, nil
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
