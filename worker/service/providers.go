package service

import (
	"context"
	"fmt"

	"orderbeat/jobs"
	"orderbeat/worker/api"
	"orderbeat/worker/settings"
)

// checkNames rejects a provider or an account that is not configured; "" matches any.
func (s *Service) checkNames(provider, account string) error {
	now := s.Settings.Now()
	if _, ok := now.Provider(provider); provider != "" && !ok {
		return invalid(fmt.Sprintf("unknown provider %.80q", provider), "providers.list lists the names.")
	}
	for _, p := range now.Providers {
		if _, ok := p.Account(account); ok && (provider == "" || provider == p.Name) {
			return nil
		}
	}
	if account != "" {
		return invalid(fmt.Sprintf("unknown account %.80q", account), "providers.list lists the names.")
	}
	return nil
}

// listProviders lists the providers with their limits, the state of their tokens and the last result
// of each account.
func (s *Service) listProviders(ctx context.Context, _ *request, _ struct{}) (any, error) {
	providers := s.Settings.Providers()
	replies := make([]api.Provider, len(providers))
	for i, p := range providers {
		var err error
		if replies[i], err = s.provider(ctx, p); err != nil {
			return nil, err
		}
	}
	return api.Providers{Providers: replies}, nil
}

func (s *Service) provider(ctx context.Context, p settings.Provider) (api.Provider, error) {
	reply := api.Provider{
		Provider: p.Name, Kind: p.Kind, Environment: p.Environment, Concurrency: p.Concurrency, Rate: p.Rate.String(),
		Credentials: statuses(s.Sources(p.Name, "")),
	}
	if len(reply.Credentials) > 0 {
		reply.Auth = &reply.Credentials[0]
	}
	if t, ok, _ := p.Stats(); ok { // the error is a panic, which the metrics report
		reply.RateNow, reply.Breaker = t.Rate, &t.Breaker
	}
	if p.FreshFor > 0 {
		reply.FreshFor = jobs.FormatDuration(p.FreshFor)
	}
	fresh, err := s.DB.Freshness(ctx, p.Name)
	reply.Accounts = api.AccountsOf(p.Name, p.Accounts, fresh)
	return reply, err
}

// listFleet lists the processes that share the NATS prefix.
func (s *Service) listFleet(context.Context, *request, struct{}) (any, error) {
	return api.Fleet{Processes: s.Fleet()}, nil
}
