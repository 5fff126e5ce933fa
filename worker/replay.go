package worker

import (
	"context"
	"fmt"
	"strings"
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
	}
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	if err := s.checkNames(q.Provider, q.Account); err != nil {
		return nil, err
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
	if q.Subject != "" && (!validSubject(q.Subject) || strings.HasPrefix(q.Subject, s.names.of(""))) {
		return nil, invalid(fmt.Sprintf("subject %.80q cannot be published to", q.Subject),
			fmt.Sprintf("name one subject of your own, without wildcards, that does not begin with %q; leave it out for the events' own", s.names.of("")))
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
