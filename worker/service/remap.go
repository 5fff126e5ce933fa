package service

import (
	"context"
	"encoding/json"

	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// remapExchanges starts a run that re-runs the mapping over recorded responses, without provider
// calls.
func (s *Service) remapExchanges(ctx context.Context, r *request, q api.Remap) (any, error) {
	if q.Provider == "" {
		return nil, invalid("provider is required", "providers.list lists the names.")
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
			return notFound("no recorded response matches",
				`With exchanges = "full", responses of successful jobs are recorded and retained as set in db.retention; "orderbeat exchanges" lists them.`)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "remap started", "run_id", run.ID, "provider", q.Provider, "account", q.Account, "jobs", planned)
	return api.Run{Run: run}, nil
}
