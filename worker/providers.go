package worker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/jobs"
)

func byName(providers []Provider) map[string]Provider {
	m := make(map[string]Provider, len(providers))
	for _, p := range providers {
		m[p.Name] = p
	}
	return m
}

// accountOf finds an account by name; the zero Provider has none.
func accountOf(p Provider, name string) (clients.Account, bool) {
	i := slices.IndexFunc(p.Accounts, func(a clients.Account) bool { return a.Name == name })
	if i < 0 {
		return clients.Account{}, false
	}
	return p.Accounts[i], true
}

// checkNames refuses a provider or an account that is not configured; "" is any.
func (s *service) checkNames(provider, account string) error {
	if _, ok := s.providers[provider]; provider != "" && !ok {
		return invalid(fmt.Sprintf("unknown provider %.80q", provider), "providers.list has the names")
	}
	for name, p := range s.providers {
		if _, ok := accountOf(p, account); ok && (provider == "" || provider == name) {
			return nil
		}
	}
	if account != "" {
		return invalid(fmt.Sprintf("unknown account %.80q", account), "providers.list has the names")
	}
	return nil
}

// providerReply is one provider as providers.list tells it.
type providerReply struct {
	Provider    string `json:"provider"`
	Kind        string `json:"kind"`
	Environment string `json:"environment"`
	Concurrency int    `json:"concurrency"`
	Rate        string `json:"rate"`
	// RateNow is less than Rate after a 429, until it has grown back.
	RateNow     string                 `json:"rate_now,omitempty"`
	Breaker     *clients.BreakerStatus `json:"breaker,omitempty"`
	FreshFor    string                 `json:"fresh_for,omitempty"` // "" is any time
	Auth        *auth.Status           `json:"auth,omitempty"`      // the first of Credentials
	Credentials []auth.Status          `json:"credentials"`
	Accounts    []accountReply         `json:"accounts"`
}

// accountReply is one account, and when its provider was last asked about it.
type accountReply struct {
	Account       string       `json:"account"`
	BillTo        string       `json:"bill_to,omitempty"`
	LastSuccessAt *time.Time   `json:"last_success_at"`
	LastFailureAt *time.Time   `json:"last_failure_at"`
	FailureCode   clients.Code `json:"failure_code,omitempty"`
}

// listProviders tells of each provider what it may do, the state of its tokens
// and when each account was last asked.
func (s *service) listProviders(ctx context.Context, r *request) (any, error) {
	if err := r.decode(&struct{}{}); err != nil {
		return nil, err
	}
	replies := make([]providerReply, 0, len(s.order))
	for _, name := range s.order {
		reply, err := s.provider(ctx, s.providers[name])
		if err != nil {
			return nil, err
		}
		replies = append(replies, reply)
	}
	return map[string]any{"providers": replies}, nil
}

func (s *service) provider(ctx context.Context, p Provider) (providerReply, error) {
	reply := providerReply{
		Provider: p.Name, Kind: p.Kind, Environment: p.Environment, Concurrency: p.Concurrency, Rate: p.Rate.String(),
		Credentials: statuses(s.credentials.of(p.Name, "")), Accounts: make([]accountReply, len(p.Accounts)),
	}
	if len(reply.Credentials) > 0 {
		reply.Auth = &reply.Credentials[0]
	}
	if t, ok := trafficOf(p); ok {
		reply.RateNow, reply.Breaker = t.Rate, &t.Breaker
	}
	if p.FreshFor > 0 {
		reply.FreshFor = jobs.FormatDuration(p.FreshFor)
	}
	fresh, err := s.db.Freshness(ctx, p.Name)
	if err != nil {
		return reply, err
	}
	for i, a := range p.Accounts {
		reply.Accounts[i] = accountReply{Account: a.Name, BillTo: a.BillTo}
		for _, f := range fresh {
			if f.Account == a.Name {
				reply.Accounts[i].LastSuccessAt, reply.Accounts[i].LastFailureAt = f.LastSuccessAt, f.LastFailureAt
				reply.Accounts[i].FailureCode = f.FailureCode
			}
		}
	}
	return reply, nil
}
