package sandbox

import (
	"sync/atomic"

	"orderbeat/auth/authtest"
)

// Stats counts the requests to Michelin's simulator since [New]. A request that gets the response of a
// [Fault] is counted as a request and in Faults only.
type Stats struct {
	TokenRequests int64 `json:"token_requests"`
	// TokensIssued is the number of TokenRequests that were granted.
	TokensIssued   int64 `json:"tokens_issued"`
	Introspections int64 `json:"introspections"`
	OrderStatus    int64 `json:"order_status_requests"`
	// Unauthorized and Forbidden count the requests for Michelin's documents with the response 401 and 403.
	Unauthorized int64 `json:"unauthorized"`
	Forbidden    int64 `json:"forbidden"`
	// Refused counts such requests with the response 400 or 415, or with an error code in a 200.
	Refused int64 `json:"refused"`
	// Faults is how often a fault applied, at any provider.
	Faults int64 `json:"faults"`
}

type counts struct {
	requests map[Op]*atomic.Int64 // of every operation; does not change after New
	faults   atomic.Int64
}

// Requests returns the number of requests to an operation since [New]. It panics for an unknown operation.
func (s *Sandbox) Requests(op Op) int64 { return s.counts.requests[op].Load() }

// Stats returns the current counters.
func (s *Sandbox) Stats() Stats {
	m, tokens := &s.michelin.Counts, s.ProviderStats(authtest.Michelin)
	return Stats{
		TokenRequests:  tokens.TokenRequests,
		TokensIssued:   tokens.TokensIssued,
		Introspections: tokens.Introspections,
		OrderStatus:    s.Requests(OpOrderStatus),
		Unauthorized:   m.Unauthorized.Load(),
		Forbidden:      m.Forbidden.Load(),
		Refused:        m.Refused.Load(),
		Faults:         s.counts.faults.Load(),
	}
}

// ProviderStats returns the counters of a provider's authorization server and of its API calls.
// It panics for an unknown provider.
func (s *Sandbox) ProviderStats(provider authtest.Dialect) authtest.Stats {
	return s.issuers[provider].Stats()
}
