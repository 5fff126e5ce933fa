package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"orderbeat/db/outbox"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// replayEvents republishes events of the history, without provider calls.
func (s *Service) replayEvents(ctx context.Context, _ *request, q api.ReplayEvents) (any, error) {
	if err := s.checkNames(q.Provider, q.Account); err != nil {
		return nil, err
	}
	id := jobs.NewID(time.Now())
	if q.Unpublishable {
		return s.republish(ctx, q, id)
	}
	since, err := timeOf("since", q.Since)
	if err != nil {
		return nil, err
	}
	until, err := timeOf("until", q.Until)
	if err != nil {
		return nil, err
	}
	if !until.IsZero() && !since.Before(until) {
		return nil, invalid("since must be before until", "Swap them.")
	}
	if q.Subject != "" && !s.Conn.IsCallerSubject(q.Subject) {
		return nil, invalid(fmt.Sprintf("subject %.80q cannot be published to", q.Subject), s.Conn.CallerSubjectHint()+" Omit it to use the events' own subjects.")
	}
	f := outbox.EventFilter{Provider: q.Provider, Account: q.Account, OrderID: q.OrderID, Since: since, Until: until}
	n, err := s.DB.Replay(ctx, f, id, q.Subject)
	if err != nil && n > 0 {
		return nil, fmt.Errorf("%d events republished as replay %s, then: %w", n, id, err)
	}
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "events republished", "replay_id", id, "events", n, "provider", q.Provider, "account", q.Account, "subject", q.Subject)
	return api.Replayed{ReplayID: id, Events: n}, nil
}

// republish publishes the messages that were set aside.
func (s *Service) republish(ctx context.Context, q api.ReplayEvents, id string) (any, error) {
	if q.Account+q.OrderID+q.Since+q.Until+q.Subject != "" {
		return nil, invalid("unpublishable can be combined with provider only", "Omit account, order_id, since, until and subject.")
	}
	n, err := s.DB.Republish(ctx, q.Provider, id)
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "unpublishable messages republished", "replay_id", id, "events", n, "provider", q.Provider)
	return api.Replayed{ReplayID: id, Events: n}, nil
}

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
