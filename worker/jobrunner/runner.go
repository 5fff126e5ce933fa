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

// storeRetry is the redelivery delay of a message whose outcome could not be committed.
const storeRetry = 5 * time.Second

// Config has a runner's dependencies.
type Config struct {
	DB          *db.DB
	Providers   []settings.Provider
	Concurrency int // concurrent jobs in this process
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
	slots     *slots // one for each concurrent job
	suspects  *suspects
	messages  *bus.InFlight
	attempts  *attempts
	foreign   *prometheus.CounterVec
	unread    *prometheus.CounterVec
	memory    *memory.Pool
	log       *slog.Logger

	working sync.WaitGroup // the jobs in flight
}

// New returns a runner.
func New(c Config) *Runner {
	providers := settings.ByName(c.Providers)
	names := slices.Sorted(maps.Keys(providers))
	return &Runner{
		db: c.DB, providers: providers, runEnded: c.RunEnded,
		slots: newSlots(c.Concurrency), suspects: newSuspects(), messages: bus.NewInFlight(), attempts: newAttempts(),
		foreign: metrics.NewCounter("foreign_jobs_total", "Jobs that this process received and terminated because they belong to another database.", "provider", names),
		unread:  metrics.NewCounter("unread_orders_total", "Orders in provider responses that could not be mapped; the other orders of the response were stored.", "provider", names),
		memory:  c.Memory, log: c.Log,
	}
}

// Counters are the runner's metrics.
func (r *Runner) Counters() []prometheus.Collector {
	return []prometheus.Collector{r.foreign, r.unread}
}

// Heartbeat extends the ack deadlines of messages in flight until ctx ends.
func (r *Runner) Heartbeat(ctx context.Context) { r.messages.Heartbeat(ctx) }

// Wait waits until no job of the stream is in flight.
func (r *Runner) Wait() { r.working.Wait() }

// InFlight lists the jobs in flight.
func (r *Runner) InFlight() []jobs.Job { return r.attempts.jobs() }

// Cancel cancels those of the jobs that are in flight. They have ended in the database before, so
// their outcome is discarded.
func (r *Runner) Cancel(jobIDs []string) { r.attempts.cancel(jobIDs) }

// Activity is the activity of receiving a provider's jobs.
func Activity(set *problems.Set, provider string) *problems.Activity {
	return set.Activity("receive jobs " + db.Token(provider))
}

// Consume receives the jobs of one provider until ctx ends, at most the provider's concurrency
// over the whole fleet, and only while this process has a free slot. work is the context of the
// jobs: it outlives ctx, so that jobs in flight can finish.
func (r *Runner) Consume(ctx, work context.Context, q *bus.Streams, p settings.Provider) {
	token := db.Token(p.Name)
	receiver := bus.Receiver{
		Streams: q, Activity: Activity(q.Problems, p.Name), Stream: q.Stream("jobs"), Config: bus.ConsumerConfig(token, q.Of("jobs."+token+".>"), p.Concurrency),
		Room:     r.freeSlots,
		InFlight: func() int { return r.messages.Count(q.Of("jobs." + token + ".")) },
		Handle:   func(ctx context.Context, msg jetstream.Msg) { r.take(ctx, work, msg) },
	}
	receiver.Run(ctx)
}

// freeSlots waits for a free slot and returns how many are free. It reserves none: while this
// provider has no job, another one may use them.
func (r *Runner) freeSlots(ctx context.Context) int {
	if !r.slots.acquire(ctx) {
		return 0
	}
	r.slots.release()
	return r.slots.free()
}

// take starts a message's job in a goroutine with a slot.
func (r *Runner) take(ctx, work context.Context, msg jetstream.Msg) {
	if !r.messages.Add(msg) {
		return // redelivered after a NATS outage while in flight: acknowledged with the first delivery
	}
	if !r.slots.acquire(ctx) {
		r.messages.Remove(msg)
		_ = msg.Nak() // not started: redelivered at once, to any worker
		return
	}
	r.working.Go(func() {
		defer r.slots.release()
		defer r.messages.Remove(msg)
		r.handle(work, msg)
	})
}

// handle performs one job: call, commit, acknowledge. Nothing is acknowledged before it is
// committed. A job whose outcome is committed already is acknowledged without another call.
func (r *Runner) handle(ctx context.Context, msg jetstream.Msg) {
	var job jobs.Job
	if err := json.Unmarshal(msg.Data(), &job); err != nil {
		r.log.Error("invalid message on the jobs stream", "subject", msg.Subject(), "err", err)
		_ = msg.TermWithReason("not a job")
		return
	}
	switch err := r.perform(ctx, job); {
	case errors.Is(err, context.Canceled):
		_ = msg.Nak() // shutdown: this is not a failed attempt
	case errors.Is(err, db.ErrUnknown):
		// In the stream it would be redelivered forever and block other jobs.
		r.log.Error("job belongs to another database: terminated here, it continues when a worker with that database leads",
			"job_id", job.ID, "run_id", job.RunID, "provider", job.Provider, "account", job.Account)
		r.foreign.WithLabelValues(job.Provider).Inc()
		_ = msg.TermWithReason("it belongs to another database")
	case err != nil:
		r.log.Error("failed to store a job's outcome, the job is redelivered", "job_id", job.ID, "provider", job.Provider, "account", job.Account, "err", err)
		_ = msg.NakWithDelay(storeRetry)
	default:
		_ = msg.Ack() // if this is lost, the redelivered job is found done
	}
}

// perform makes one attempt at a job and commits its outcome.
func (r *Runner) perform(ctx context.Context, job jobs.Job) error {
	attemptCtx, end, ok := r.attempts.begin(ctx, job)
	if !ok {
		return nil // published twice: the first message has its outcome
	}
	defer end()
	if r.suspects.has(job.ID) {
		defer r.slots.alone(attemptCtx)()
	}
	attemptCtx, release := r.memory.Budget(attemptCtx, job.Provider)
	defer release() // the orders are in memory until they are committed
	begun, err := r.db.BeginJob(ctx, job)
	if err != nil || !begun {
		return err
	}
	out, err := r.call(attemptCtx, job)
	if err != nil {
		return err
	}
	// The outcome is committed even during a shutdown.
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

// Prepare fails the jobs of removed providers, and reads which jobs must run alone.
func (r *Runner) Prepare(ctx context.Context) error {
	if err := r.failOrphanedJobs(ctx); err != nil {
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

// failOrphanedJobs fails the jobs of providers that are no longer configured: no consumer
// receives them, and their runs would never end.
func (r *Runner) failOrphanedJobs(ctx context.Context) error {
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

// unknown is the outcome of a job whose account is not configured.
func unknown(job jobs.Job) jobs.Outcome {
	now := time.Now()
	return jobs.Outcome{
		Job: job, State: jobs.Failed, AskedAt: now, FinishedAt: now,
		Err: jobs.Invalid("the account is no longer configured", "Add it to the configuration again, or start the run without it."),
	}
}

// unstorable is the outcome of an attempt whose own outcome the database rejects.
func unstorable(o jobs.Outcome, err error) jobs.Outcome {
	return jobs.Outcome{
		Job: o.Job, State: jobs.Failed, AskedAt: o.AskedAt, FinishedAt: o.FinishedAt, Exchanges: o.Exchanges,
		Err: &clients.Error{Provider: o.Provider, Op: "store", Code: clients.CodeInternal, Message: err.Error()},
	}
}

// call performs the job, or fails it if its account is no longer configured.
func (r *Runner) call(ctx context.Context, job jobs.Job) (jobs.Outcome, error) {
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
