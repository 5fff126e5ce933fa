package service

import (
	"context"
	"errors"
	"time"

	"orderbeat/worker/api"
)

// pruneTimeout bounds the time that one request prunes. The caller repeats the request until done is true.
const pruneTimeout = 5 * time.Second

// pruneDatabase deletes data older than the request's retention, or than the configured one if the
// request has none. It replies after pruneTimeout at the latest, even if it is not done.
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

// configuration returns the state of the configuration and of the last reload.
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
