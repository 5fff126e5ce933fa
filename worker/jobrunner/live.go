package jobrunner

import (
	"context"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// Live performs the only job of a new run within the deadline of ctx. It makes one attempt, and
// commits the outcome like any other. It returns the job's error unless the job succeeded or is
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
	out, err := r.store(context.WithoutCancel(ctx), out) // even if the caller is gone
	switch {
	case err != nil:
		return err
	case out.State == jobs.Succeeded || out.State == jobs.Partial:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return out.Err
	}
}

// once makes the only attempt at a job, in this process or by a fetcher.
func (r *Runner) once(ctx context.Context, job jobs.Job) (out jobs.Outcome) {
	var failure *clients.Error
	var err error
	if r.StoreOnly {
		out, err = r.Fetchers.Perform(ctx, job)
		out.Job, failure = job, clients.AsError(err)
	} else if out, err = r.call(ctx, job, true); err != nil {
		failure = &clients.Error{Code: clients.CodeUnavailable, Message: "the worker stopped before the provider responded"}
	}
	if failure != nil {
		failure.Provider, failure.Op = job.Provider, "request"
		now := time.Now()
		out = jobs.Outcome{Job: job, AskedAt: now, FinishedAt: now, Err: failure}
	}
	if out.State != jobs.Succeeded && out.State != jobs.Partial {
		out.State, out.NextAt = jobs.Failed, time.Time{}
	}
	return out
}
