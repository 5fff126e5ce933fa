package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderbeat/db"
	"orderbeat/jobs"
)

// pruneTurn is how long a request prunes: whoever wants more asks again.
const pruneTurn = 5 * time.Second

// pruneDatabase removes what is over for longer than the request says that it is kept, or
// the configuration where it says nothing. It answers after a while, done or not.
func (s *service) pruneDatabase(ctx context.Context, r *request) (any, error) {
	var q struct {
		Exchanges string `json:"exchanges"`
		Jobs      string `json:"jobs"`
		Events    string `json:"events"`
	}
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	keep := s.keep
	for _, member := range []struct {
		name, text string
		into       *time.Duration
	}{{"exchanges", q.Exchanges, &keep.Exchanges}, {"jobs", q.Jobs, &keep.Jobs}, {"events", q.Events, &keep.Events}} {
		if member.text == "" {
			continue
		}
		d, err := jobs.ParseDuration(member.text)
		if err == nil {
			err = db.CheckRetention(d)
		}
		if err != nil {
			return nil, invalid(fmt.Sprintf("%s: %v", member.name, err), `write it like "90d"`)
		}
		*member.into = d
	}
	ctx, cancel := context.WithTimeout(ctx, pruneTurn)
	defer cancel()
	pruned, err := s.db.Prune(ctx, keep, time.Now())
	if pruned.Rows() > 0 {
		logPruned(s.log, pruned)
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	return map[string]any{"removed": pruned, "done": err == nil}, nil
}
