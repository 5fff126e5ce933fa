package worker

import (
	"context"
	"encoding/json"

	"orderbeat/jobs"
	"orderbeat/worker/api"
)

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
