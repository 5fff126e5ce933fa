package worker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
)

// planner turns requests into runs: the one place where a run begins, whoever asks.
type planner struct {
	db        *db.DB
	targets   map[string]jobs.Target
	schedules map[string]Schedule
	finished  *finished
	stale     *staleness
	log       *slog.Logger
}

func newPlanner(c Config, f *finished, stale *staleness) *planner {
	p := &planner{db: c.DB, targets: map[string]jobs.Target{}, schedules: map[string]Schedule{}, finished: f, stale: stale, log: c.Log}
	for _, provider := range c.Providers {
		p.targets[provider.Name] = jobs.Target{Traits: provider.Traits(), Accounts: provider.Accounts, Lane: provider.Concurrency / 2}
	}
	for _, schedule := range c.Schedules {
		p.schedules[schedule.Name] = schedule
	}
	return p
}

// start plans a request and keeps the run with its jobs. A request that cannot
// be planned is kept as a failed run; the error tells why, as a *[clients.Error].
func (p *planner) start(ctx context.Context, r jobs.Request) (jobs.Run, error) {
	run, planned, invalid, err := p.plan(ctx, r)
	if err != nil {
		return jobs.Run{}, err
	}
	if run, err = p.keep(ctx, run, planned); err != nil {
		return jobs.Run{}, err
	}
	return run, invalid
}

// plan turns a request into a run and its jobs, or into a failed run; invalid tells why.
func (p *planner) plan(ctx context.Context, r jobs.Request) (run jobs.Run, planned []jobs.Job, invalid, err error) {
	targets, err := p.lookUp(ctx, r)
	if err != nil {
		return jobs.Run{}, nil, nil, err
	}
	run, planned, invalid = jobs.Plan(r, targets, time.Now())
	if invalid == nil && jobs.Kinds[r.Kind].Follows {
		p.giveUp(ctx, r, targets[r.Provider])
	}
	return run, planned, invalid, nil
}

func (p *planner) keep(ctx context.Context, run jobs.Run, planned []jobs.Job) (jobs.Run, error) {
	if name, ok := strings.CutPrefix(run.Trigger, "schedule:"); ok && len(planned) > 0 {
		overlap := p.schedules[name].Overlap
		run.LineUp = overlap == "queue_one"
		if overlap == "skip" {
			var err error
			if planned, err = p.withoutBusy(ctx, run.Trigger, planned); err != nil {
				return jobs.Run{}, err
			}
			if len(planned) == 0 {
				run.Note = "no jobs: every account still works at an earlier run of " + run.Trigger
			}
		}
	}
	run, started, err := p.db.StartRun(ctx, run, planned)
	if err != nil {
		return jobs.Run{}, err
	}
	if started && run.State.Ended() {
		p.finished.tell(ctx, run)
	}
	return run, nil
}

// consume plans the messages of the runs stream until ctx ends.
func (p *planner) consume(ctx context.Context, q *queues) {
	const atOnce = 16
	r := receiver{
		queues: q, activity: q.problems.Activity("receive runs"), stream: q.stream("runs"), config: consumerConfig("planner", q.of("runs.>"), atOnce),
		room: func(ctx context.Context) int {
			if ctx.Err() != nil {
				return 0
			}
			return atOnce
		},
		handle: func(ctx context.Context, msg jetstream.Msg) { p.handle(ctx, msg, q.subjects) },
	}
	r.run(ctx)
}

// handle plans one message. It is acknowledged when the run is kept, ended for
// good when it cannot be planned, and left to redelivery when it cannot be kept now.
func (p *planner) handle(ctx context.Context, msg jetstream.Msg, s subjects) {
	request, err := p.decode(msg, s)
	var run jobs.Run
	if err != nil {
		run = jobs.NewFailed(request, err, time.Now())
		run, err = p.keep(ctx, run, nil)
	} else {
		run, err = p.start(ctx, request)
	}
	if invalid := clients.AsError(err); err != nil && invalid.Code == clients.CodeInternal {
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

// decode reads a "please run" message. Even when it cannot, the request it returns
// says where it came from. A tick is known by its key, "<schedule>@<due time>".
func (p *planner) decode(msg jetstream.Msg, s subjects) (jobs.Request, error) {
	header := msg.Headers()
	r := jobs.Request{
		Trigger: "nats", Key: header.Get(jetstream.MsgIDHeader),
		ReplyTo: header.Get(db.HeaderReplyTo), Traceparent: header.Get("traceparent"),
	}
	if name, due, ok := cutLast(r.Key, "@"); ok {
		_, known := p.schedules[name]
		if _, err := time.Parse(time.RFC3339, due); err == nil && known {
			r.Trigger = "schedule:" + name
		}
	}
	if meta, err := msg.Metadata(); err == nil && r.Key == "" {
		r.Key = fmt.Sprintf("%s:%d@%d", meta.Stream, meta.Sequence.Stream, meta.Timestamp.UnixNano())
	}
	tokens := s.tokens(msg.Subject())
	if len(tokens) != 3 {
		return r, jobs.Invalid("the subject is not runs.<provider>.<kind>", "publish to "+s.of("runs.<provider>.<kind>"))
	}
	r.Provider, r.Kind = tokens[1], tokens[2]
	if r.ReplyTo != "" && !validSubject(r.ReplyTo) {
		bad := r.ReplyTo
		r.ReplyTo = ""
		return r, jobs.Invalid(fmt.Sprintf("%s %.80q is not a subject to publish to", db.HeaderReplyTo, bad),
			fmt.Sprintf("name one subject of at most %d bytes, without wildcards", maxSubject))
	}
	return r, r.Decode(msg.Data())
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func validSubject(s string) bool {
	return len(s) <= maxSubject && !strings.ContainsAny(s, " \t\r\n*>") && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") &&
		!strings.Contains(s, "..") && !strings.HasPrefix(s, "$")
}

// reason says on one line why a run failed.
func reason(run jobs.Run) string {
	if len(run.Errors) == 0 {
		return "failed"
	}
	return oneLine(run.Errors[0].Message)
}
