package worker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
)

// planner turns requests into runs: the one place where a run begins, whoever asks.
type planner struct {
	db        *db.DB
	targets   map[string]jobs.Target
	schedules map[string]Schedule
	finished  *finished
	alerts    alerts
	log       *slog.Logger
}

func newPlanner(c Config, f *finished) *planner {
	p := &planner{db: c.DB, targets: map[string]jobs.Target{}, schedules: map[string]Schedule{}, finished: f, alerts: alerts{c.DB, c.Log}, log: c.Log}
	for _, provider := range c.Providers {
		traits, err := clients.TraitsOf(provider.Provider)
		if err != nil {
			c.Log.Error("the provider panicked: no run of it is started", "provider", provider.Name, "err", err)
		}
		p.targets[provider.Name] = jobs.Target{Traits: traits, Err: err, Accounts: provider.Accounts, LowPrioritySlots: provider.Concurrency / 2}
	}
	for _, schedule := range c.Schedules {
		p.schedules[schedule.Name] = schedule
	}
	return p
}

// start plans a request and stores the run with its jobs. A request that cannot
// be planned is stored as a failed run; the error tells why, as a *[clients.Error].
func (p *planner) start(ctx context.Context, r jobs.Request) (jobs.Run, error) {
	plan, err := p.plan(ctx, r)
	if err != nil {
		return jobs.Run{}, err
	}
	run, err := p.keep(ctx, plan)
	if err != nil {
		return jobs.Run{}, err
	}
	return run, plan.invalid
}

// startTick plans the run that a tick starts, and records both.
func (p *planner) startTick(ctx context.Context, tick db.Tick, r jobs.Request) (db.Started, error) {
	plan, err := p.plan(ctx, r)
	if err != nil {
		return db.Started{}, err
	}
	started, err := p.db.StartTick(ctx, tick, plan.run, plan.jobs)
	if err == nil && started.Run != nil {
		p.started(ctx, plan, *started.Run)
	}
	return started, err
}

// plan is a run that is not stored yet.
type plan struct {
	run     jobs.Run
	jobs    []jobs.Job
	invalid error // why the run failed already
	request jobs.Request
	target  jobs.Target
}

// plan turns a request into a run and its jobs, or into a failed run.
func (p *planner) plan(ctx context.Context, r jobs.Request) (plan, error) {
	targets, err := p.lookUp(ctx, r)
	if err != nil {
		return plan{}, err
	}
	var made plan
	made.run, made.jobs, made.invalid = jobs.Plan(r, targets, time.Now())
	if schedule, ok := jobs.ScheduleOf(r.Trigger); ok {
		made.run.Overlap = p.schedules[schedule].Overlap
	}
	made.request, made.target = r, targets[r.Provider]
	return made, nil
}

// keep stores a planned run.
func (p *planner) keep(ctx context.Context, made plan) (jobs.Run, error) {
	run, started, err := p.db.StartRun(ctx, made.run, made.jobs)
	if err != nil {
		return jobs.Run{}, err
	}
	if started {
		p.started(ctx, made, run)
	}
	return run, nil
}

// started notes what follows from a run that is stored.
func (p *planner) started(ctx context.Context, made plan, run jobs.Run) {
	if run.State.Ended() {
		p.finished.tell(ctx, run)
	}
	if made.invalid == nil && jobs.Kinds[run.Kind].Follows {
		if err := p.stopTracking(ctx, made.request, made.target); err != nil {
			p.log.Warn("could not update an alert; the next run tries again", "run_id", run.ID, "code", codeTrackingStopped, "err", err)
		}
	}
}

// maxPlanned bounds how many requests are in hand at once, and maxPlanning how many of
// these are planned at the same time.
const (
	maxPlanned  = 64
	maxPlanning = 8
)

// consume plans the messages of the runs stream until ctx ends.
func (p *planner) consume(ctx context.Context, q *bus.Streams) {
	lanes := newLanes(maxPlanned, maxPlanning)
	held := bus.NewInFlight()
	beating, stopBeating := context.WithCancel(context.WithoutCancel(ctx))
	var beat sync.WaitGroup
	beat.Go(func() { held.Heartbeat(beating) })
	r := bus.Receiver{
		Streams: q, Activity: receivingRuns(q.Problems), Stream: q.Stream("runs"), Config: bus.ConsumerConfig("planner", q.Of("runs.>"), maxPlanned),
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
func (p *planner) handle(ctx context.Context, msg jetstream.Msg, s bus.Subjects) {
	request, err := decodeRequest(msg, s)
	var run jobs.Run
	if err != nil {
		run = jobs.NewFailed(request, err, time.Now())
		run, err = p.keep(ctx, plan{run: run})
	} else {
		run, err = p.start(ctx, request)
	}
	if run.ID == "" {
		p.log.Error("a request could not be kept; it stays in the stream", "err", err)
		_ = msg.NakWithDelay(2 * time.Second) // a lost nak is a redelivery too
		return
	}
	if run.State == jobs.Failed {
		_ = msg.TermWithReason(reason(run)) // lost: it comes again, and its key finds the run
		return
	}
	_ = msg.Ack() // likewise
}

// decodeRequest reads a "please run" message. Even when it cannot, the request it returns
// says where it came from.
func decodeRequest(msg jetstream.Msg, s bus.Subjects) (jobs.Request, error) {
	header := msg.Headers()
	r := jobs.Request{
		Trigger: "nats", Key: header.Get(jetstream.MsgIDHeader),
		ReplyTo: header.Get(db.HeaderReplyTo), Traceparent: header.Get("traceparent"),
	}
	refused := ""
	if reserved(r.Key, s.Stream("runs")) {
		refused, r.Key = r.Key, ""
	}
	if meta, err := msg.Metadata(); err == nil && r.Key == "" {
		r.Key = fmt.Sprintf("%s:%d@%d", meta.Stream, meta.Sequence.Stream, meta.Timestamp.UnixNano())
	}
	tokens := s.Tokens(msg.Subject())
	if len(tokens) != 3 {
		return r, jobs.Invalid("the subject is not runs.<provider>.<kind>", "publish to "+s.Of("runs.<provider>.<kind>"))
	}
	r.Provider, r.Kind = tokens[1], tokens[2]
	if r.ReplyTo != "" && !s.Foreign(r.ReplyTo) {
		bad := r.ReplyTo
		r.ReplyTo = ""
		return r, jobs.Invalid(fmt.Sprintf("%s %.80q is not a subject to publish to", db.HeaderReplyTo, bad), s.ForeignHint())
	}
	if refused != "" {
		return r, jobs.Invalid(fmt.Sprintf("the Nats-Msg-Id %.80q is reserved for Orderbeat's own requests", refused),
			`Use another Nats-Msg-Id: one that does not end with "@" and a time.`)
	}
	return r, r.Decode(msg.Data())
}

// reserved reports whether a key is of the form that the keys of ticks, and of requests
// without a Nats-Msg-Id, have.
func reserved(key, stream string) bool {
	return jobs.IsTickKey(key) || strings.HasPrefix(key, stream+":")
}

// reason says on one line why a run failed.
func reason(run jobs.Run) string {
	if len(run.Errors) == 0 {
		return "failed"
	}
	return oneLine(run.Errors[0].Message)
}
