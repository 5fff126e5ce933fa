package jobrunner

import (
	"context"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
	"orderbeat/worker/settings"
)

// remap re-runs the mapping over the recorded responses of a job. It fails permanently if they
// have been pruned.
func (r *Runner) remap(ctx context.Context, p settings.Provider, account clients.Account, job jobs.Job) (jobs.Outcome, error) {
	kept, answers, ok, err := r.DB.Kept(ctx, job.Remaps)
	if err != nil {
		return jobs.Outcome{}, err
	}
	if !ok {
		now := time.Now()
		return jobs.Outcome{
			Job: job, State: jobs.Failed, AskedAt: now, FinishedAt: now,
			Err: jobs.Invalid("the recorded responses of job "+job.Remaps+" were pruned", "They were older than db.retention."),
		}, nil
	}
	return jobs.Remap(ctx, p.Provider, account, job, kept, answers)
}
