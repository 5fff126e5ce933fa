package service

import (
	"context"
	"errors"
	"time"

	"orderbeat/worker/api"
)

// pruneTurn is how long a request prunes: whoever wants more asks again.
const pruneTurn = 5 * time.Second

// pruneDatabase removes what is over for longer than the request says that it is kept, or
// the configuration where it says nothing. It answers after a while, done or not.
func (s *Service) pruneDatabase(ctx context.Context, _ *request, q api.Prune) (any, error) {
	keep := s.Retention
	if err := keep.Override(q.Exchanges, q.Jobs, q.Events); err != nil {
		return nil, invalid(err.Error(), `write it like "90d"`)
	}
	ctx, cancel := context.WithTimeout(ctx, pruneTurn)
	defer cancel()
	pruned, err := s.Prune(ctx, keep)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	return api.Pruned{Removed: pruned, Done: err == nil}, nil
}
