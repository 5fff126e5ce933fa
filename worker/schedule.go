package worker

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/db"
	"orderbeat/jobs"
)

// mostMissed bounds how many missed ticks of one schedule are looked for at start.
const mostMissed = 1000

// mostCaughtUp bounds how many of them catch_up = "all" runs.
const mostCaughtUp = 100

// scheduler turns due times into requests. It plans nothing itself: a tick is one
// row and one message in the outbox, which then travels like everybody's.
type scheduler struct {
	db        *db.DB
	schedules []Schedule
	accounts  map[string][]string // of each provider
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
	return &scheduler{db: c.DB, schedules: c.Schedules, accounts: accounts, log: c.Log}
}

// run ticks until ctx ends, and returns when the last tick is recorded.
func (s *scheduler) run(ctx context.Context) {
	engine := cron.New()
	started := time.Now()
	for _, schedule := range s.schedules {
		p := &planned{Schedule: schedule.Cron, from: started}
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
		s.ticking.Go(func() { s.begin(ctx, schedule, started) })
	}
	<-ctx.Done()
	<-engine.Stop().Done() // waits for the engine's running ticks
	s.ticking.Wait()
}

// planned remembers the due times that the engine was told and did not run yet:
// the engine does not tell a job which one it is run for.
type planned struct {
	cron.Schedule
	from time.Time // the first due time is after this, whenever the engine asks

	mu  sync.Mutex // guards due
	due []time.Time
}

// Next is asked for the first due time when the engine starts, and for the next one
// each time it has run one.
func (p *planned) Next(t time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.due == nil {
		t = p.from
	}
	next := p.Schedule.Next(t)
	p.due = append(p.due, next)
	return next
}

// take returns the earliest due time that nobody took yet.
func (p *planned) take() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := p.due[0]
	p.due = p.due[1:]
	return due
}

// begin starts the run at start, and accounts for what was missed while the
// program was not running.
func (s *scheduler) begin(ctx context.Context, schedule Schedule, started time.Time) {
	last, ok, err := s.db.LastTick(ctx, schedule.Name)
	if schedule.AtStart {
		s.tick(ctx, schedule, started, "started", "at start")
	}
	if err != nil {
		s.log.Error("missed ticks are not known", "schedule", schedule.Name, "err", err)
	} else if ok {
		s.catchUp(ctx, schedule, missed(schedule.Cron, last.DueAt, started))
	}
}

// missed are the due times after last and before now, the most recent ones.
func missed(c cron.Schedule, last, now time.Time) []time.Time {
	if earliest := now.Add(-400 * day); last.Before(earliest) {
		last = earliest
	}
	var due []time.Time
	for t := c.Next(last); !t.IsZero() && t.Before(now); t = c.Next(t) {
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
	for i, t := range due {
		if i < len(due)-run {
			s.record(ctx, db.Tick{Schedule: schedule.Name, DueAt: t, Outcome: "missed", Reason: "not running"}, nil)
			continue
		}
		s.tick(ctx, schedule, t, "caught_up", "not running when due")
	}
	if len(due) > 0 {
		s.log.Warn("ticks were missed while not running", "schedule", schedule.Name, "missed", len(due), "caught_up", run)
	}
}

// tick records one due time and asks for the run, but for the accounts that still
// work at an earlier one.
func (s *scheduler) tick(ctx context.Context, schedule Schedule, due time.Time, outcome, why string) {
	// A tick that is due is recorded even when the program stops at that moment.
	ctx = context.WithoutCancel(ctx)
	tick := db.Tick{Schedule: schedule.Name, DueAt: due.UTC(), Outcome: outcome, Reason: why}
	pause, paused, err := s.db.Paused(ctx, schedule.Name)
	if err != nil {
		s.log.Error("a tick is lost: the database does not answer", "schedule", schedule.Name, "due_at", due, "err", err)
		return
	}
	if paused {
		tick.Outcome, tick.Reason = "skipped", "paused"
		if pause.Note != "" {
			tick.Reason += ": " + pause.Note
		}
		s.record(ctx, tick, nil)
		return
	}
	accounts, busy := schedule.Accounts, []string(nil)
	if schedule.Overlap == "skip" {
		if accounts, busy, err = s.idle(ctx, schedule); err != nil {
			s.log.Error("a tick is lost: the database does not answer", "schedule", schedule.Name, "due_at", due, "err", err)
			return
		}
	}
	if len(busy) > 0 && len(accounts) == 0 {
		tick.Outcome, tick.Reason = "skipped", "every account still works at an earlier run"
		s.record(ctx, tick, nil)
		return
	}
	if len(busy) > 0 {
		tick.Reason = fmt.Sprintf("without %v, which still work at an earlier run", busy)
	}
	s.record(ctx, tick, &jobs.Request{
		Provider: schedule.Provider, Kind: schedule.Kind, Params: schedule.Params,
		Accounts: accounts, Trigger: "schedule:" + schedule.Name,
	})
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

func (s *scheduler) record(ctx context.Context, t db.Tick, request *jobs.Request) {
	if _, err := s.db.RecordTick(ctx, t, request); err != nil {
		s.log.Error("a tick could not be recorded", "schedule", t.Schedule, "due_at", t.DueAt, "err", err)
	}
}
