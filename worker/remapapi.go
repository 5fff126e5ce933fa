package worker

import (
	"context"
	"encoding/json"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// remap maps the kept answers of a job again. It fails for good where they are gone since.
func remap(ctx context.Context, d *db.DB, p Provider, account clients.Account, job jobs.Job) (jobs.Outcome, error) {
	kept, answers, ok, err := d.Kept(ctx, job.Remaps)
	if err != nil {
		return jobs.Outcome{}, err
	}
	if !ok {
		now := time.Now()
		return jobs.Outcome{
			Job: job, State: jobs.Failed, AskedAt: now, FinishedAt: now,
			Err: jobs.Invalid("the answers of job "+job.Remaps+" are no longer kept", "they are older than db.retention keeps them"),
		}, nil
	}
	return jobs.Remap(ctx, p.Provider, account, job, kept, answers)
}

// remapExchanges starts a run that maps kept answers again, asking no provider.
func (s *service) remapExchanges(ctx context.Context, r *request, q api.Remap) (any, error) {
	if q.Provider == "" {
		return nil, invalid("give a provider", "providers.list has the names")
	}
	body, err := json.Marshal(api.Remap{Since: q.Since, Until: q.Until, RunID: q.RunID, JobID: q.JobID})
	if err != nil {
		return nil, err
	}
	request := jobs.Request{Provider: q.Provider, Kind: "remap", Params: body, Trigger: "api", Traceparent: r.Header.Get("traceparent")}
	if q.Account != "" {
		request.Accounts = []string{q.Account}
	}
	plan, err := s.planner.Plan(ctx, request)
	switch {
	case err != nil:
		return nil, err
	case plan.Invalid != nil:
		return nil, plan.Invalid
	case len(plan.Jobs) == 0:
		return nil, notFound("no answer is kept that could be mapped again",
			`those of jobs that succeeded are, where the provider has exchanges = "full", for as long as db.retention says; orderbeat exchanges lists them`)
	}
	run, err := s.planner.Store(ctx, plan)
	if err != nil {
		return nil, err
	}
	s.log.Info("kept answers are mapped again", "run_id", run.ID, "provider", q.Provider, "account", q.Account, "jobs", len(plan.Jobs))
	return api.Run{Run: run}, nil
}
