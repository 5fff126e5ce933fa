package service

import (
	"context"
	"encoding/json"

	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// remapExchanges starts a run that maps kept answers again, asking no provider.
func (s *Service) remapExchanges(ctx context.Context, r *request, q api.Remap) (any, error) {
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
	planned := 0
	run, err := s.StartIf(ctx, request, func(_ jobs.Run, list []jobs.Job) error {
		if planned = len(list); planned == 0 {
			return notFound("no answer is kept that could be mapped again",
				`those of jobs that succeeded are, where the provider has exchanges = "full", for as long as db.retention says; orderbeat exchanges lists them`)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.Log.Info("remap started", "run_id", run.ID, "provider", q.Provider, "account", q.Account, "jobs", planned)
	return api.Run{Run: run}, nil
}
