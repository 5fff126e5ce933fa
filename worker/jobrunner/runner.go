package jobrunner

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/clients"
	"orderbeat/clients/memory"
	"orderbeat/db"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
	"orderbeat/worker/metrics"
	"orderbeat/worker/problems"
	"orderbeat/worker/settings"
	"orderbeat/worker/slots"
	"orderbeat/worker/telemetry"
	"orderbeat/worker/wait"
)

const (
	// storeRetry is the delay before releasing a job whose outcome could not be committed;
	// claimRetry is the delay after a failed claim.
	storeRetry = 5 * time.Second
	claimRetry = time.Second
	// maxClaimed limits the jobs of one claim.
	maxClaimed = 64
	// maxSleep limits the time between two checks of the queue, because the wall clock may be changed.
	maxSleep = 5 * time.Second
)

// Config has a runner's dependencies.
type Config struct {
	DB       *db.DB
	Settings *settings.Live
	// RunEnded is called with every run that ended with its last job.
	RunEnded func(context.Context, jobs.Run)
	Memory   *memory.Pool // shared by all attempts
	Lease    Leadership
	Fetchers Fetchers
	// StoreOnly leaves all attempts to fetchers.
	StoreOnly bool
	Slots     *slots.Slots  // shared by the whole process, one for each concurrent job
	LostEvery time.Duration // how often to look for lost messages; 0 is 20s
	Trace     *telemetry.Tracer
	Log       *slog.Logger
}

// Leadership reports whether this process leads.
type Leadership interface {
	// WaitLeader waits until no other process can be the leader. It returns false if ctx ended first.
	WaitLeader(ctx context.Context) bool
}

// Runner claims the jobs of all providers and performs them. It is safe for concurrent use.
type Runner struct {
	Config
	attempts  *attempts
	sent      *sent
	unread    *prometheus.CounterVec
	durations *prometheus.HistogramVec
	working   sync.WaitGroup // the jobs in flight
	changed   wait.Signal    // the settings were replaced
}

// New returns a runner.
func New(c Config) *Runner {
	c.LostEvery = cmp.Or(c.LostEvery, lostEvery)
	return &Runner{
		Config: c, attempts: newAttempts(), sent: newSent(), changed: wait.NewSignal(),
		unread:    metrics.NewCounter("unread_orders_total", "Orders in provider responses that could not be mapped; the other orders of the response were stored.", "provider", c.Settings.Now().ProviderNames()),
		durations: metrics.NewHistogram("job_duration_seconds", "Duration of attempts at jobs, by the state of the job after the attempt.", "provider", "kind", "state"),
	}
}

// Counters returns the runner's metrics.
func (r *Runner) Counters() []prometheus.Collector {
	return []prometheus.Collector{r.unread, r.durations}
}

// Wait waits until no claimed job is in flight.
func (r *Runner) Wait() { r.working.Wait() }

// InFlight lists the jobs in flight.
func (r *Runner) InFlight() []jobs.Job { return r.attempts.jobs() }

// Changed applies new settings and a new number of concurrent jobs. Jobs in flight end with
// the settings that they started with.
func (r *Runner) Changed(concurrency int) {
	r.Slots.Resize(concurrency)
	r.changed.Set()
}

// Cancel cancels the attempts in flight at the jobs. The jobs have already ended in the database, so
// the outcomes are discarded.
func (r *Runner) Cancel(jobIDs []string) {
	r.attempts.cancel(jobIDs)
	for _, id := range r.sent.ofJobs(jobIDs) {
		if job, ok := r.sent.remove(id); ok {
			r.Fetchers.Cancel(job)
		}
	}
}

// Activity returns the activity of claiming a provider's jobs.
func Activity(set *problems.Set, provider string) *problems.Activity {
	return set.Activity("claim jobs " + outbox.Token(provider))
}

// sleep waits until jobs of the provider are queued, or the next retry is due.
func (r *Runner) sleep(ctx context.Context, provider string, queued <-chan struct{}) {
	rest := maxSleep
	if due, ok, err := r.DB.NextAttempt(ctx, provider); err == nil && ok {
		rest = min(rest, max(time.Until(due), time.Millisecond))
	}
	wait.Until(ctx, queued, rest)
}

// handle performs a claimed job. If its outcome cannot be committed, the job is released as soon as
// the database is writable again.
func (r *Runner) handle(ctx context.Context, job jobs.Job) {
	ctx, span := r.Trace.Job(ctx, job)
	err := r.perform(ctx, job)
	span.End(err)
	if err == nil || errors.Is(err, context.Canceled) {
		return // cancelled: the job has ended in the database, or the next start queues it again
	}
	r.Log.ErrorContext(ctx, "failed to store a job's outcome, the job is retried", "job_id", job.ID, "provider", job.Provider, "account", job.Account, "err", err)
	for wait.For(ctx, storeRetry) {
		if r.DB.Release(ctx, job, time.Now()) == nil {
			return
		}
	}
}

// perform makes one attempt at a job and commits its outcome.
func (r *Runner) perform(ctx context.Context, job jobs.Job) error {
	attemptCtx, end := r.attempts.begin(ctx, job)
	defer end()
	attemptCtx, release := r.Memory.Budget(attemptCtx, job.Provider)
	defer release() // the orders are in memory until they are committed
	out, err := r.call(attemptCtx, job, false)
	if err != nil {
		return err
	}
	_, err = r.store(context.WithoutCancel(ctx), out) // even during a shutdown
	return err
}

// commit commits an outcome.
func (r *Runner) commit(ctx context.Context, out jobs.Outcome) (db.Committed, error) {
	ctx, span := r.Trace.Commit(ctx, &out)
	committed, err := r.DB.Commit(ctx, out)
	span.Committed(committed.Tally, err)
	return committed, err
}

// count counts an attempt.
func (r *Runner) count(o jobs.Outcome) {
	r.unread.WithLabelValues(o.Provider).Add(float64(o.Unread))
	r.durations.WithLabelValues(o.Provider, o.Kind, string(o.State)).Observe(o.FinishedAt.Sub(o.AskedAt).Seconds())
}

// RunSuspects performs the jobs that were running when the process crashed, one at a time with no other job running,
// until all have ended or ctx ends. A process that makes no attempts leaves them to fetchers.
func (r *Runner) RunSuspects(ctx, work context.Context) {
	for warned := false; !r.StoreOnly && r.Lease.WaitLeader(ctx); {
		n, due, err := r.DB.Suspects(ctx, time.Now())
		if err == nil && n == 0 {
			return
		}
		if n > 0 && !warned {
			warned = true
			r.Log.Warn("jobs run alone: the process crashed while they were running", "jobs", n)
		}
		if due > 0 && r.runSuspect(ctx, work) {
			continue
		}
		if !wait.For(ctx, claimRetry) {
			return
		}
	}
}

// runSuspect performs one suspect job. It returns false if none is due.
func (r *Runner) runSuspect(ctx, work context.Context) bool {
	defer r.Slots.AcquireAll(ctx)()
	job, ok, err := r.DB.ClaimSuspect(ctx, time.Now())
	if err != nil || !ok {
		return false
	}
	r.handle(work, job)
	return true
}

// FailOrphanedJobs fails the jobs of providers that are no longer configured, because nothing
// claims them and their runs would never end. Jobs in flight continue.
func (r *Runner) FailOrphanedJobs(ctx context.Context) error {
	for {
		left, err := r.DB.OpenJobsExcept(ctx, r.Settings.Now().ProviderNames())
		left = slices.DeleteFunc(left, r.attempts.has)
		if err != nil || len(left) == 0 {
			return err
		}
		r.Log.Warn("jobs failed: provider no longer configured", "jobs", len(left))
		for _, job := range left {
			committed, err := r.DB.Commit(ctx, unknown(job))
			if err != nil {
				return err
			}
			r.Cancel([]string{job.ID}) // a fetcher may have it
			if committed.Run != nil {
				r.RunEnded(ctx, *committed.Run)
			}
		}
	}
}

// unknown returns the outcome of a job whose account is not configured.
func unknown(job jobs.Job) jobs.Outcome {
	now := time.Now()
	return jobs.Outcome{
		Job: job, State: jobs.Failed, AskedAt: now, FinishedAt: now,
		Err: jobs.Invalid("the account is no longer configured", "Add it to the configuration again, or start the run without it."),
	}
}

// unstorable returns the outcome that replaces one that the database rejected.
func unstorable(o jobs.Outcome, err error) jobs.Outcome {
	return jobs.Outcome{
		Job: o.Job, State: jobs.Failed, AskedAt: o.AskedAt, FinishedAt: o.FinishedAt, Exchanges: o.Exchanges,
		Err: &clients.Error{Provider: o.Provider, Op: "store", Code: clients.CodeInternal, Message: err.Error()},
	}
}

// call performs the job, or fails it if its account is no longer configured. With once set, it makes a single
// attempt; otherwise the provider's retry settings apply.
func (r *Runner) call(ctx context.Context, job jobs.Job, once bool) (jobs.Outcome, error) {
	p, release, _ := r.Settings.Hold(job.Provider) // the current settings, which the job uses until it ends
	defer release()
	account, ok := p.Account(job.Account)
	if !ok {
		return unknown(job), nil
	}
	if jobs.Kinds[job.Kind].Remaps {
		return r.remap(ctx, p, account, job)
	}
	retry := p.Retry
	if once {
		retry = clients.Retry{Attempts: 1}
	}
	return jobs.Perform(ctx, p.Provider, account, job, retry)
}
