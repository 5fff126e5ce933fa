package jobrunner

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/clients"
	"orderbeat/clients/memory"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/metrics"
	"orderbeat/worker/problems"
	"orderbeat/worker/settings"
)

// storeRetry is how long a message waits when the database could not take its outcome.
const storeRetry = 5 * time.Second

// Config is what a runner is made of.
type Config struct {
	DB          *db.DB
	Providers   []settings.Provider
	Concurrency int // jobs at once in this process
	// RunEnded is called with every run that ended with its last job.
	RunEnded func(context.Context, jobs.Run)
	Memory   *memory.Pool // shared by all attempts
	Log      *slog.Logger
}

// Runner receives the jobs of all providers and performs them. It is safe for concurrent use.
type Runner struct {
	db        *db.DB
	providers map[string]settings.Provider
	runEnded  func(context.Context, jobs.Run)
	slots     *slots // one for each job at once in this process
	suspects  *suspects
	messages  *bus.InFlight
	attempts  *attempts
	foreign   *prometheus.CounterVec
	unread    *prometheus.CounterVec
	memory    *memory.Pool
	log       *slog.Logger

	working sync.WaitGroup // one for each job in flight
}

// New makes a runner.
func New(c Config) *Runner {
	providers := settings.ByName(c.Providers)
	names := slices.Sorted(maps.Keys(providers))
	return &Runner{
		db: c.DB, providers: providers, runEnded: c.RunEnded,
		slots: newSlots(c.Concurrency), suspects: newSuspects(), messages: bus.NewInFlight(), attempts: newAttempts(),
		foreign: metrics.NewCounter("foreign_jobs_total", "Jobs that this process got, and ended, because another database knows them.", "provider", names),
		unread:  metrics.NewCounter("unread_orders_total", "Orders that stood in answers of a provider and could not be read; the others of the answer were stored.", "provider", names),
		memory:  c.Memory, log: c.Log,
	}
}

// Counters are what the runner counts.
func (r *Runner) Counters() []prometheus.Collector {
	return []prometheus.Collector{r.foreign, r.unread}
}

// Heartbeat extends the ack deadlines of the messages in flight until ctx ends.
func (r *Runner) Heartbeat(ctx context.Context) { r.messages.Heartbeat(ctx) }

// Wait waits until no job of the stream is in flight.
func (r *Runner) Wait() { r.working.Wait() }

// InFlight lists the jobs that are attempted now.
func (r *Runner) InFlight() []jobs.Job { return r.attempts.jobs() }

// Cancel stops those of the jobs that are in flight. What they request comes to nothing: they
// ended in the database before.
func (r *Runner) Cancel(jobIDs []string) { r.attempts.cancel(jobIDs) }

// Activity is the receiving of a provider's jobs.
func Activity(set *problems.Set, provider string) *problems.Activity {
	return set.Activity("receive jobs " + db.Token(provider))
}

// Consume takes the jobs of one provider until ctx ends, no more than the
// provider's concurrency over the whole fleet, and only while this process has a
// free slot. work is the context of the jobs themselves: it outlives ctx, so that
// jobs in hand can finish.
func (r *Runner) Consume(ctx, work context.Context, q *bus.Streams, p settings.Provider) {
	token := db.Token(p.Name)
	receiver := bus.Receiver{
		Streams: q, Activity: Activity(q.Problems, p.Name), Stream: q.Stream("jobs"), Config: bus.ConsumerConfig(token, q.Of("jobs."+token+".>"), p.Concurrency),
		Room:     r.room,
		InFlight: func() int { return r.messages.Count(q.Of("jobs." + token + ".")) },
		Handle:   func(ctx context.Context, msg jetstream.Msg) { r.take(ctx, work, msg) },
	}
	receiver.Run(ctx)
}

// room waits until there is a free slot and counts them, without keeping any:
// while there is no job here, another provider may have one.
func (r *Runner) room(ctx context.Context) int {
	if !r.slots.acquire(ctx) {
		return 0
	}
	r.slots.release()
	return r.slots.free()
}

// take hands a message to a goroutine with a slot.
func (r *Runner) take(ctx, work context.Context, msg jetstream.Msg) {
	if !r.messages.Add(msg) {
		return // NATS was away for longer than it waits: this is in hand already, and acknowledged with it
	}
	if !r.slots.acquire(ctx) {
		r.messages.Remove(msg)
		_ = msg.Nak() // not begun: another worker may have it at once
		return
	}
	r.working.Go(func() {
		defer r.slots.release()
		defer r.messages.Remove(msg)
		r.handle(work, msg)
	})
}

// handle does one job: ask, commit, acknowledge. Nothing is acknowledged that is
// not committed, and what is committed already is acknowledged without asking again.
func (r *Runner) handle(ctx context.Context, msg jetstream.Msg) {
	var job jobs.Job
	if err := json.Unmarshal(msg.Data(), &job); err != nil {
		r.log.Error("invalid message on the jobs stream", "subject", msg.Subject(), "err", err)
		_ = msg.TermWithReason("not a job")
		return
	}
	switch err := r.perform(ctx, job); {
	case errors.Is(err, context.Canceled):
		_ = msg.Nak() // the program stops; the attempt did not happen
	case errors.Is(err, db.ErrUnknown):
		// Left in the stream it would come again for ever, and keep others from their turn.
		r.log.Error("job belongs to another database: terminated here, it continues when a worker with that database leads",
			"job_id", job.ID, "run_id", job.RunID, "provider", job.Provider, "account", job.Account)
		r.foreign.WithLabelValues(job.Provider).Inc()
		_ = msg.TermWithReason("it belongs to another database")
	case err != nil:
		r.log.Error("failed to store a job's outcome, the job is redelivered", "job_id", job.ID, "provider", job.Provider, "account", job.Account, "err", err)
		_ = msg.NakWithDelay(storeRetry)
	default:
		_ = msg.Ack() // lost: it comes again, and is found done
	}
}

func (r *Runner) perform(ctx context.Context, job jobs.Job) error {
	asking, end, free := r.attempts.begin(ctx, job)
	if !free {
		return nil // it was published twice; what comes of it is kept with the other message
	}
	defer end()
	if r.suspects.has(job.ID) {
		defer r.slots.alone(asking)()
	}
	asking, release := r.memory.Budget(asking, job.Provider)
	defer release() // what was reported is held until it is committed
	begun, err := r.db.BeginJob(ctx, job)
	if err != nil || !begun {
		return err
	}
	out, err := r.ask(asking, job)
	if err != nil {
		return err
	}
	// What the provider answered is kept even when the program is stopping.
	committed, err := r.db.Commit(context.WithoutCancel(ctx), out)
	if errors.Is(err, db.ErrOutcome) {
		out = unstorable(out, err)
		committed, err = r.db.Commit(context.WithoutCancel(ctx), out)
	}
	if err != nil {
		return err
	}
	if !committed.Repeated {
		r.unread.WithLabelValues(job.Provider).Add(float64(out.Unread))
	}
	if out.State.Ended() {
		r.suspects.remove(job.ID)
	}
	r.log.Debug("job", "job_id", job.ID, "provider", job.Provider, "account", job.Account, "attempt", job.Attempt,
		"state", out.State, "orders", committed.Tally.Seen, "changed", committed.Tally.Changed, "err", out.Err)
	if committed.Run != nil {
		r.runEnded(ctx, *committed.Run)
	}
	return nil
}

// Prepare ends the jobs of providers that are gone, and learns which are to run alone.
func (r *Runner) Prepare(ctx context.Context) error {
	if err := r.abandon(ctx); err != nil {
		return err
	}
	ids, err := r.db.Suspects(ctx)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		r.log.Warn("jobs run alone: the process crashed while they were running", "jobs", len(ids))
	}
	r.suspects.add(ids)
	return nil
}

// abandon ends the jobs of providers that are no longer configured: nobody will
// take them from the stream, and their runs would never end.
func (r *Runner) abandon(ctx context.Context) error {
	configured := slices.Collect(maps.Keys(r.providers))
	for {
		left, err := r.db.OpenJobsExcept(ctx, configured)
		if err != nil || len(left) == 0 {
			return err
		}
		r.log.Warn("jobs failed: provider no longer configured", "jobs", len(left))
		for _, job := range left {
			committed, err := r.db.Commit(ctx, unknown(job))
			if err != nil {
				return err
			}
			if committed.Run != nil {
				r.runEnded(ctx, *committed.Run)
			}
		}
	}
}

// unknown is the outcome of a job that the configuration does not know whom to ask.
func unknown(job jobs.Job) jobs.Outcome {
	now := time.Now()
	return jobs.Outcome{
		Job: job, State: jobs.Failed, AskedAt: now, FinishedAt: now,
		Err: jobs.Invalid("the account is no longer configured", "put it back into the configuration, or ask without it"),
	}
}

// unstorable is the outcome of an attempt whose own outcome the database refuses.
func unstorable(o jobs.Outcome, err error) jobs.Outcome {
	return jobs.Outcome{
		Job: o.Job, State: jobs.Failed, AskedAt: o.AskedAt, FinishedAt: o.FinishedAt, Exchanges: o.Exchanges,
		Err: &clients.Error{Provider: o.Provider, Op: "store", Code: clients.CodeInternal, Message: err.Error()},
	}
}

// ask performs the job, or fails it when the configuration no longer knows whom it asks.
func (r *Runner) ask(ctx context.Context, job jobs.Job) (jobs.Outcome, error) {
	p := r.providers[job.Provider]
	account, ok := p.Account(job.Account)
	if !ok {
		return unknown(job), nil
	}
	if jobs.Kinds[job.Kind].Remaps {
		return r.remap(ctx, p, account, job)
	}
	return jobs.Perform(ctx, p.Provider, account, job, p.Retry)
}
