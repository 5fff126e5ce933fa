package jobrunner

import (
	"context"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// Live performs the only job of a new run within the deadline of ctx. It makes one attempt, and
// commits the outcome like any other. The error is the job's, unless the job succeeded or is
// partial.
func (r *Runner) Live(ctx context.Context, run jobs.Run, job jobs.Job) error {
	if err := r.DB.StartInline(ctx, run, job); err != nil {
		return err
	}
	ctx, span := r.Trace.Job(ctx, job)
	defer span.End(nil)
	attemptCtx, release := r.Memory.Budget(ctx, job.Provider)
	defer release() // the orders are in memory until they are committed
	out := r.once(attemptCtx, job)
	committed, err := r.commit(context.WithoutCancel(ctx), out) // even if the caller has left
	if err != nil {
		return err
	}
	r.count(out)
	if committed.Run != nil {
		r.RunEnded(ctx, *committed.Run)
	}
	switch {
	case out.State == jobs.Succeeded || out.State == jobs.Partial:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return out.Err
	}
}

// once makes the only attempt at a job, in this process or by a fetcher.
func (r *Runner) once(ctx context.Context, job jobs.Job) jobs.Outcome {
	if !r.StoreOnly || r.Fetchers == nil {
		return r.performOnce(ctx, job)
	}
	out, err := r.Fetchers.Perform(ctx, job)
	if err != nil {
		failure := clients.AsError(err)
		failure.Provider, failure.Op = job.Provider, "request"
		now := time.Now()
		return jobs.Outcome{Job: job, State: jobs.Failed, AskedAt: now, FinishedAt: now, Err: failure}
	}
	out.Job = job
	if out.State != jobs.Succeeded && out.State != jobs.Partial {
		out.State, out.NextAt = jobs.Failed, time.Time{}
	}
	return out
}

// performOnce performs a job that is not retried.
func (r *Runner) performOnce(ctx context.Context, job jobs.Job) jobs.Outcome {
	p, release, ok := r.Settings.Hold(job.Provider)
	defer release()
	account, _ := p.Account(job.Account)
	if !ok {
		return unknown(job)
	}
	out, err := jobs.Perform(ctx, p.Provider, account, job, clients.Retry{Attempts: 1})
	if err != nil {
		now := time.Now()
		out = jobs.Outcome{Job: job, AskedAt: now, FinishedAt: now, Err: &clients.Error{
			Provider: job.Provider, Op: "request", Code: clients.CodeUnavailable, Message: "the worker stopped before the provider responded",
		}}
	}
	if out.State != jobs.Succeeded && out.State != jobs.Partial {
		out.State, out.NextAt = jobs.Failed, time.Time{}
	}
	return out
}
