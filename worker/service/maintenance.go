package service

import (
	"context"
	"errors"
	"time"

	"orderbeat/worker/api"
)

// pruneTimeout is how long one request prunes; the caller repeats it until done.
const pruneTimeout = 5 * time.Second

// pruneDatabase deletes what is older than the request's retention, or the configured one if the
// request has none. It replies after a while, done or not.
func (s *Service) pruneDatabase(ctx context.Context, _ *request, q api.Prune) (any, error) {
	keep := s.Retention()
	if err := keep.Override(q.Exchanges, q.Jobs, q.Events); err != nil {
		return nil, invalid(err.Error(), `Write it like "90d".`)
	}
	ctx, cancel := context.WithTimeout(ctx, pruneTimeout)
	defer cancel()
	pruned, err := s.Prune(ctx, keep)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	return api.Pruned{Removed: pruned, Done: err == nil}, nil
}

// configuration returns the state of the configuration, and of its last reload.
func (s *Service) configuration(context.Context, *request, struct{}) (any, error) {
	return s.Loaded(), nil
}

// reloadConfiguration reads the configuration again and applies it.
func (s *Service) reloadConfiguration(ctx context.Context, _ *request, _ struct{}) (any, error) {
	reloaded, err := s.Reload(ctx)
	if err != nil {
		return nil, err
	}
	return reloaded, nil
}
