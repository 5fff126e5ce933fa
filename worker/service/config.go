package service

import (
	"context"
)

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
