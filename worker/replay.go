package worker

import (
	"context"
	"fmt"
	"time"

	"orderbeat/db"
	"orderbeat/jobs"
)

// replayEvents tells events of the history again, asking no provider.
func (s *service) replayEvents(ctx context.Context, r *request) (any, error) {
	var q struct {
		Provider string `json:"provider"`
		Account  string `json:"account"`
		OrderID  string `json:"order_id"`
		Since    string `json:"since"`
		Until    string `json:"until"`
		Subject  string `json:"subject"`
		// Unpublishable has what was set aside published again, instead of the history.
		Unpublishable bool `json:"unpublishable"`
	}
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	if err := s.checkNames(q.Provider, q.Account); err != nil {
		return nil, err
	}
	if q.Unpublishable {
		return s.republish(ctx, q.Provider, q.Account+q.OrderID+q.Since+q.Until+q.Subject != "")
	}
	f := db.EventFilter{Provider: q.Provider, Account: q.Account, OrderID: q.OrderID}
	for _, bound := range []struct {
		name, text string
		into       *time.Time
	}{{"since", q.Since, &f.Since}, {"until", q.Until, &f.Until}} {
		if bound.text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, bound.text)
		if err != nil {
			return nil, invalid(fmt.Sprintf("%s %.40q is not a time", bound.name, bound.text), `write it like "2026-01-31T06:00:00Z"`)
		}
		*bound.into = t
	}
	if !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return nil, invalid("since is not before until", "exchange them")
	}
	if q.Subject != "" && !s.names.foreign(q.Subject) {
		return nil, invalid(fmt.Sprintf("subject %.80q cannot be published to", q.Subject), s.names.foreignHint()+" Leave it out for the events' own.")
	}
	id := jobs.NewID(time.Now())
	n, err := s.db.Replay(ctx, f, id, q.Subject)
	if err != nil && n > 0 {
		return nil, fmt.Errorf("%d events are told again as replay %s, and then: %w", n, id, err)
	}
	if err != nil {
		return nil, err
	}
	s.log.Info("events are told again", "replay_id", id, "events", n, "provider", q.Provider, "account", q.Account, "subject", q.Subject)
	return map[string]any{"replay_id": id, "events": n}, nil
}

// republish publishes the messages again that were set aside.
func (s *service) republish(ctx context.Context, provider string, filtered bool) (any, error) {
	if filtered {
		return nil, invalid("unpublishable goes with provider only", "Leave out account, order_id, since, until and subject.")
	}
	id := jobs.NewID(time.Now())
	n, err := s.db.Republish(ctx, provider, id)
	if err != nil {
		return nil, err
	}
	s.log.Info("messages set aside are republished", "replay_id", id, "events", n, "provider", provider)
	return map[string]any{"replay_id": id, "events": n}, nil
}
