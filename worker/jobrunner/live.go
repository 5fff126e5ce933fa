package jobrunner

import (
	"context"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// Live performs the only job of a new run within the deadline of ctx. It is tried once, and
// stored like every other. The error is the job's, unless it is partial or succeeded.
func (r *Runner) Live(ctx context.Context, run jobs.Run, job jobs.Job) error {
	keep := context.WithoutCancel(ctx) // what was begun is ended, also when the caller left
	if err := r.db.StartInline(ctx, run, job); err != nil {
		return err
	}
	asking, release := r.memory.Budget(ctx, job.Provider)
	defer release() // what was reported is held until it is committed
	out := r.performOnce(asking, job)
	committed, err := r.db.Commit(keep, out)
	if err != nil {
		return err
	}
	if committed.Run != nil {
		r.runEnded(ctx, *committed.Run)
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

// performOnce does a job that nobody will try again.
func (r *Runner) performOnce(ctx context.Context, job jobs.Job) jobs.Outcome {
	p := r.providers[job.Provider]
	account, _ := p.Account(job.Account)
	out, err := jobs.Perform(ctx, p.Provider, account, job, clients.Retry{Attempts: 1})
	if err != nil {
		now := time.Now()
		out = jobs.Outcome{Job: job, AskedAt: now, FinishedAt: now, Err: &clients.Error{
			Provider: job.Provider, Op: "ask", Code: clients.CodeUnavailable, Message: "the worker stopped before the answer came",
		}}
	}
	if out.State != jobs.Succeeded && out.State != jobs.Partial {
		out.State, out.NextAt = jobs.Failed, time.Time{}
	}
	return out
}
