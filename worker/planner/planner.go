package planner

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/settings"
)

// Config is what a planner is made of.
type Config struct {
	DB        *db.DB
	Providers []settings.Provider
	Schedules []settings.Schedule
	// RunEnded is called with every run that ended when it was planned.
	RunEnded func(context.Context, jobs.Run)
	Alerts   Alerts
	Log      *slog.Logger
}

// Alerts raises and resolves alerts.
type Alerts interface {
	// Raised lists the raised alerts with a code.
	Raised(ctx context.Context, code clients.Code) ([]db.Alert, error)
	// Hold raises the wanted alerts, and resolves those of the raised ones that are not wanted.
	Hold(ctx context.Context, raised, wanted []db.Alert) error
}

// Planner turns requests into runs. It is safe for concurrent use.
type Planner struct {
	db       *db.DB
	targets  map[string]jobs.Target
	overlap  map[string]string // by schedule
	runEnded func(context.Context, jobs.Run)
	alerts   Alerts
	log      *slog.Logger
}

// New makes a planner.
func New(c Config) *Planner {
	p := &Planner{db: c.DB, targets: map[string]jobs.Target{}, overlap: map[string]string{}, runEnded: c.RunEnded, alerts: c.Alerts, log: c.Log}
	for _, provider := range c.Providers {
		traits, err := clients.TraitsOf(provider.Provider)
		if err != nil {
			c.Log.Error("the provider panicked: no run of it is started", "provider", provider.Name, "err", err)
		}
		p.targets[provider.Name] = jobs.Target{Traits: traits, Err: err, Accounts: provider.Accounts, LowPrioritySlots: provider.Concurrency / 2}
	}
	for _, schedule := range c.Schedules {
		p.overlap[schedule.Name] = schedule.Overlap
	}
	return p
}

// Start plans a request and stores the run with its jobs. A request that cannot
// be planned is stored as a failed run; the error is the reason, as a *[clients.Error].
func (p *Planner) Start(ctx context.Context, r jobs.Request) (jobs.Run, error) {
	plan, err := p.Plan(ctx, r)
	if err != nil {
		return jobs.Run{}, err
	}
	run, err := p.store(ctx, plan)
	if err != nil {
		return jobs.Run{}, err
	}
	return run, plan.Invalid
}

// StartIf is as [Planner.Start], but stores nothing when the request cannot be planned, or when
// accept, which is called with the planned run, returns an error.
func (p *Planner) StartIf(ctx context.Context, r jobs.Request, accept func(jobs.Run, []jobs.Job) error) (jobs.Run, error) {
	plan, err := p.Plan(ctx, r)
	if err := errors.Join(err, plan.Invalid); err != nil {
		return jobs.Run{}, err
	}
	if err := accept(plan.Run, plan.Jobs); err != nil {
		return jobs.Run{}, err
	}
	return p.store(ctx, plan)
}

// StartTick plans the run that a tick starts, and records both.
func (p *Planner) StartTick(ctx context.Context, tick db.Tick, r jobs.Request) (db.Started, error) {
	plan, err := p.Plan(ctx, r)
	if err != nil {
		return db.Started{}, err
	}
	started, err := p.db.StartTick(ctx, tick, plan.Run, plan.Jobs)
	if err == nil && started.Run != nil {
		p.started(ctx, plan, *started.Run)
	}
	return started, err
}

// Plan is a run that is not stored yet.
type Plan struct {
	Run     jobs.Run
	Jobs    []jobs.Job
	Invalid error // why the run failed already
	request jobs.Request
	target  jobs.Target
}

// Plan turns a request into a run and its jobs, or into a failed run.
func (p *Planner) Plan(ctx context.Context, r jobs.Request) (Plan, error) {
	targets, err := p.lookUp(ctx, r)
	if err != nil {
		return Plan{}, err
	}
	var made Plan
	made.Run, made.Jobs, made.Invalid = jobs.Plan(r, targets, time.Now())
	if schedule, ok := jobs.ScheduleOf(r.Trigger); ok {
		made.Run.Overlap = p.overlap[schedule]
	}
	made.request, made.target = r, targets[r.Provider]
	return made, nil
}

// store stores a planned run.
func (p *Planner) store(ctx context.Context, made Plan) (jobs.Run, error) {
	run, started, err := p.db.StartRun(ctx, made.Run, made.Jobs)
	if err != nil {
		return jobs.Run{}, err
	}
	if started {
		p.started(ctx, made, run)
	}
	return run, nil
}

// started notes what follows from a run that is stored.
func (p *Planner) started(ctx context.Context, made Plan, run jobs.Run) {
	if run.State.Ended() {
		p.runEnded(ctx, run)
	}
	if made.Invalid == nil && jobs.Kinds[run.Kind].Follows {
		if err := p.stopTracking(ctx, made.request, made.target); err != nil {
			p.log.Warn("failed to update an alert, the next run retries", "run_id", run.ID, "code", codeTrackingStopped, "err", err)
		}
	}
}

// Activity is the receiving of requests.
func Activity(set *problems.Set) *problems.Activity { return set.Activity("receive runs") }

// maxPlanned bounds how many requests are in hand at once, and maxPlanning how many of
// these are planned at the same time.
const (
	maxPlanned  = 64
	maxPlanning = 8
)

// Consume plans the messages of the runs stream until ctx ends.
func (p *Planner) Consume(ctx context.Context, q *bus.Streams) {
	lanes := newLanes(maxPlanned, maxPlanning)
	held := bus.NewInFlight()
	beating, stopBeating := context.WithCancel(context.WithoutCancel(ctx))
	var beat sync.WaitGroup
	beat.Go(func() { held.Heartbeat(beating) })
	r := bus.Receiver{
		Streams: q, Activity: Activity(q.Problems), Stream: q.Stream("runs"), Config: bus.ConsumerConfig("planner", q.Of("runs.>"), maxPlanned),
		Room:     lanes.room,
		InFlight: func() int { return held.Count("") },
		Handle: func(ctx context.Context, msg jetstream.Msg) {
			if !held.Add(msg) {
				return // given out again while it is in hand: it is acknowledged with the other
			}
			lanes.run(ctx, msg.Subject(), func() {
				defer held.Remove(msg)
				if ctx.Err() != nil {
					_ = msg.Nak() // not begun: another worker may have it at once
					return
				}
				p.handle(ctx, msg, q.Subjects)
			})
		},
	}
	r.Run(ctx)
	lanes.wait()
	stopBeating()
	beat.Wait()
}

// handle plans one message. It is acknowledged when the run is kept, ended for
// good when it cannot be planned, and left to redelivery when it cannot be kept now.
func (p *Planner) handle(ctx context.Context, msg jetstream.Msg, s bus.Subjects) {
	request, err := decodeRequest(msg, s)
	var run jobs.Run
	if err != nil {
		run = jobs.NewFailed(request, err, time.Now())
		run, err = p.store(ctx, Plan{Run: run})
	} else {
		run, err = p.Start(ctx, request)
	}
	if run.ID == "" {
		p.log.Error("failed to store a request, it stays in the stream", "err", err)
		_ = msg.NakWithDelay(2 * time.Second) // a lost nak is a redelivery too
		return
	}
	if run.State == jobs.Failed {
		_ = msg.TermWithReason(reason(run)) // lost: it comes again, and its key finds the run
		return
	}
	_ = msg.Ack() // likewise
}
