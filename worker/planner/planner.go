package planner

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/alerts"
	"orderbeat/db/runs"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/settings"
	"orderbeat/worker/telemetry"
)

// Config has a planner's dependencies.
type Config struct {
	DB       *db.DB
	Settings *settings.Live
	// RunEnded is called for every run that has already ended when it is stored.
	RunEnded func(context.Context, jobs.Run)
	Alerts   Alerts
	// Open saves accepted runs outside the database, so that another process can take them over.
	Open  Open
	Trace *telemetry.Tracer
	Log   *slog.Logger
}

// Open saves accepted runs in NATS until their results are published.
type Open interface {
	// Put saves a run. It is called before the run is stored and its request is acknowledged. After an error,
	// saving is retried in the background.
	Put(ctx context.Context, run jobs.Run, js []jobs.Job) error
	// Join saves a request that joined a run. Errors are handled as in Put.
	Join(ctx context.Context, runID, key, replyTo string) error
	// Keep saves a run of this database that may not be saved yet, in the background.
	Keep(run jobs.Run, js []jobs.Job)
	// Ended deletes saved runs.
	Ended(runIDs ...string)
}

// Alerts raises and resolves alerts.
type Alerts interface {
	// Raised lists the raised alerts with a code.
	Raised(ctx context.Context, code clients.Code) ([]alerts.Alert, error)
	// Hold raises the wanted alerts, and resolves the alerts in raised that are not in wanted.
	Hold(ctx context.Context, raised, wanted []alerts.Alert) error
}

// Planner turns requests into runs. It is safe for concurrent use.
type Planner struct {
	Config
	made atomic.Pointer[tables] // cached for the last configuration
}

// New returns a planner.
func New(c Config) *Planner { return &Planner{Config: c} }

// tables has the lookup tables that planning needs, for one configuration.
type tables struct {
	of      *settings.Set // the configuration
	targets map[string]jobs.Target
	overlap map[string]string // by schedule
}

// tables returns the tables of the current configuration.
func (p *Planner) tables() *tables {
	now := p.Settings.Now()
	if t := p.made.Load(); t != nil && t.of == now {
		return t
	}
	t := &tables{of: now, targets: map[string]jobs.Target{}, overlap: map[string]string{}}
	for _, provider := range now.Providers {
		traits, err := clients.TraitsOf(provider.Provider)
		if err != nil {
			p.Log.Error("provider panicked, its runs cannot be started", "provider", provider.Name, "err", err)
		}
		t.targets[provider.Name] = jobs.Target{Traits: traits, Err: err, Accounts: provider.Accounts, LowPrioritySlots: provider.Concurrency / 2}
	}
	for _, schedule := range now.Schedules {
		t.overlap[schedule.Name] = schedule.Overlap
	}
	p.made.Store(t)
	return t
}

// Start plans a request and stores the run with its jobs. If the request cannot be planned, a
// failed run is stored, and the error is the reason, as a *[clients.Error].
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

// StartIf is like [Planner.Start], but stores nothing if the request cannot be planned or if
// accept, which is called with the planned run, returns an error.
func (p *Planner) StartIf(ctx context.Context, r jobs.Request, accept func(jobs.Run, []jobs.Job) error) (jobs.Run, error) {
	plan, err := p.Plan(ctx, r)
	if err = errors.Join(err, plan.Invalid); err == nil {
		err = accept(plan.Run, plan.Jobs)
	}
	if err != nil {
		plan.End(err)
		return jobs.Run{}, err
	}
	return p.store(ctx, plan)
}

// StartTick plans the run of a tick, claims its due time, and stores both in one transaction.
func (p *Planner) StartTick(ctx context.Context, tick schedules.Tick, r jobs.Request, claim func() error) (started schedules.Started, err error) {
	plan, err := p.Plan(ctx, r)
	if err != nil {
		return schedules.Started{}, err
	}
	ctx = plan.span.In(ctx)
	defer func() { plan.span.End(err) }()
	plan.Run.Key, plan.Run.DueAt = tick.Key(), &tick.DueAt
	run := plan.Run
	_ = p.Open.Put(ctx, run, plan.Jobs) // after an error, other workers do not treat the tick as claimed
	if err = claim(); err == nil {
		started, err = p.DB.StartTick(ctx, tick, plan.Run, plan.Jobs)
	}
	if err != nil || started.Run == nil {
		p.Open.Ended(run.ID)
	}
	if err == nil && started.Run != nil {
		p.started(ctx, plan, *started.Run)
	}
	return started, err
}

// Plan is a run that is not stored yet.
type Plan struct {
	Run     jobs.Run
	Jobs    []jobs.Job
	Invalid error // why the run failed; nil if the request is valid
	request jobs.Request
	target  jobs.Target
	span    *telemetry.Span // span of the tick or message, until the run is stored
}

// End ends the span of a plan that the planner does not store.
func (p *Plan) End(err error) { p.span.End(err) }

// Plan turns a request into a run and its jobs, or into a failed run.
func (p *Planner) Plan(ctx context.Context, r jobs.Request) (Plan, error) {
	began, t := time.Now(), p.tables()
	targets, err := p.lookUp(ctx, t.targets, r)
	if err != nil {
		return Plan{}, err
	}
	var made Plan
	made.Run, made.Jobs, made.Invalid = jobs.Plan(r, targets, time.Now())
	if schedule, ok := jobs.ScheduleOf(r.Trigger); ok {
		made.Run.Overlap = t.overlap[schedule]
	}
	made.request, made.target = r, targets[r.Provider]
	made.span = p.Trace.Planned(ctx, began, r.Traceparent, &made.Run, made.Invalid)
	return made, nil
}

// store stores a planned run, after saving it in NATS for other workers.
func (p *Planner) store(ctx context.Context, made Plan) (run jobs.Run, err error) {
	ctx = made.span.In(ctx)
	defer func() { made.span.End(cmp.Or(err, made.Invalid)) }()
	started := false
	if err = notRecorded(&made.Run, p.Open.Put(ctx, made.Run, made.Jobs)); err == nil {
		run, started, err = p.DB.StartRun(ctx, made.Run, made.Jobs)
	}
	if err != nil || !started {
		p.Open.Ended(made.Run.ID)
	}
	if err != nil {
		return jobs.Run{}, err
	}
	if started {
		p.started(ctx, made, run)
		return run, nil
	}
	made.span.Joined(ctx, &run)
	if !run.State.Ended() {
		err = notRecorded(&run, p.Open.Join(ctx, run.ID, made.Run.Key, made.Run.ReplyTo))
	}
	if err != nil {
		return jobs.Run{}, err
	}
	return run, nil
}

// notRecorded returns the error for a run that is not accepted because it could not be saved in NATS.
func notRecorded(run *jobs.Run, err error) error {
	if err == nil {
		return nil
	}
	return &clients.Error{
		Provider: run.Provider, Op: "plan", Code: clients.CodeUnavailable,
		Message: "run not accepted, because saving it in NATS failed: " + err.Error(), Hint: "Retry.",
	}
}

// RecordOpen saves the runs of this database that have no published result for other workers: a previous process
// may have stopped before it saved them.
func (p *Planner) RecordOpen(ctx context.Context) error {
	overlap := p.tables().overlap
	return p.DB.EachUnpublished(ctx, func(run jobs.Run, js []jobs.Job) {
		if schedule, ok := jobs.ScheduleOf(run.Trigger); ok {
			run.Overlap = overlap[schedule]
		}
		p.Open.Keep(run, js)
	})
}

// TakeOver stores an unfinished run of another process, unless this database has it or has a run with
// its key. answered reports whether another process published its result. done means that no request waits
// for the run any more.
func (p *Planner) TakeOver(ctx context.Context, run jobs.Run, js []jobs.Job, joined []runs.Joined, answered func(context.Context) (bool, error)) (done bool, err error) {
	known, found, err := p.DB.Run(ctx, run.ID)
	if err != nil {
		return false, err
	}
	if found {
		if known.State.Ended() {
			if err := p.DB.Answer(ctx, run, joined, time.Now()); err != nil {
				return false, err
			}
		}
		waits, err := p.DB.Unanswered(ctx, []string{run.ID})
		return known.State.Ended() && len(waits) == 0, err
	}
	if done, err := answered(ctx); done || err != nil {
		return done, err
	}
	stored, started, err := p.DB.TakeOver(ctx, run, js, joined, time.Now())
	if err != nil {
		return false, err
	}
	if !started {
		p.Log.InfoContext(ctx, "run of another worker was already restarted", "run_id", run.ID, "as", stored.ID, "key", run.Key)
		return true, nil
	}
	p.Log.InfoContext(ctx, "continuing run of another worker", "run_id", run.ID, "provider", run.Provider, "kind", run.Kind, "trigger", run.Trigger, "jobs", len(js))
	if stored.State.Ended() {
		p.RunEnded(ctx, stored)
	}
	return false, nil
}

// started reports a stored run if it has already ended, and updates the alerts of a track run.
func (p *Planner) started(ctx context.Context, made Plan, run jobs.Run) {
	if run.State.Ended() {
		p.RunEnded(ctx, run)
	}
	if made.Invalid == nil && jobs.Kinds[run.Kind].Follows {
		if err := p.stopTracking(ctx, made.request, made.target); err != nil {
			p.Log.WarnContext(ctx, "failed to update an alert, will retry with the next run", "run_id", run.ID, "code", codeTrackingStopped, "err", err)
		}
	}
}

// Activity returns the activity of receiving requests.
func Activity(set *problems.Set) *problems.Activity { return set.Activity("receive runs") }

// maxPlanned bounds the requests in flight, maxPlanning the requests that are planned concurrently.
const (
	maxPlanned  = 64
	maxPlanning = 32
)

// Consume plans the messages of the runs stream until ctx ends.
func (p *Planner) Consume(ctx context.Context, q *bus.Streams) {
	lanes := newLanes(maxPlanned, maxPlanning)
	held := q.NewInFlight()
	r := bus.Receiver{
		Streams: q, Activity: Activity(q.Problems), Stream: q.Stream("runs"), Config: bus.ConsumerConfig("planner", q.Of("runs.>"), maxPlanned),
		Room:     lanes.room,
		InFlight: held.Count,
		Handle: func(ctx context.Context, msg jetstream.Msg) {
			if !held.Add(msg) {
				return // redelivered while in flight: the first delivery is acknowledged after planning
			}
			lanes.run(ctx, lane(msg, q.Subjects), func() {
				defer held.Remove(msg)
				if ctx.Err() != nil {
					_ = msg.Nak() // not planned: redelivered immediately, to any worker
					return
				}
				p.handle(ctx, msg, q.Subjects)
			})
		},
	}
	r.Run(ctx)
	lanes.wait()
}

// lane returns the lane of a request. Track and remap requests read much of the database, so they
// run in order by subject. All others are planned concurrently, so that one commit stores many runs.
func lane(msg jetstream.Msg, s bus.Subjects) string {
	if tokens := s.Tokens(msg.Subject()); len(tokens) == 3 {
		if kind := jobs.Kinds[tokens[2]]; kind.Follows || kind.Remaps {
			return msg.Subject()
		}
	}
	return msg.Subject() + "#" + strconv.FormatUint(bus.Sequence(msg), 10)
}

// handle plans one message. It acknowledges the message when the run is stored, terminates it
// when the request is invalid, and naks it when the run cannot be stored now.
func (p *Planner) handle(ctx context.Context, msg jetstream.Msg, s bus.Subjects) {
	request, err := decodeRequest(msg, s)
	var run jobs.Run
	if err != nil {
		now := time.Now()
		run = jobs.NewFailed(request, err, now)
		run, err = p.store(ctx, Plan{span: p.Trace.Planned(ctx, now, request.Traceparent, &run, err), Run: run, Invalid: err})
	} else {
		run, err = p.Start(ctx, request)
	}
	if run.ID == "" {
		p.Log.Error("failed to store a request, will retry", "err", err)
		_ = msg.NakWithDelay(2 * time.Second) // if the nak is lost, the message is redelivered after the ack wait
		return
	}
	if run.State == jobs.Failed {
		_ = msg.TermWithReason(reason(run)) // if this is lost, the redelivered request finds its run by key
		return
	}
	_ = msg.Ack() // likewise
}
