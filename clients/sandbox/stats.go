package sandbox

import (
	"sync/atomic"

	"orderbeat/auth/authtest"
)

// Stats counts what Michelin's stand-in was asked since [New]. A request that a [Fault]
// answered is counted as a request and in Faults, and nowhere else.
type Stats struct {
	TokenRequests int64 `json:"token_requests"`
	// TokensIssued is how many of TokenRequests were granted.
	TokensIssued   int64 `json:"tokens_issued"`
	Introspections int64 `json:"introspections"`
	OrderStatus    int64 `json:"order_status_requests"`
	// Unauthorized and Forbidden are requests for Michelin's documents answered 401 and 403.
	Unauthorized int64 `json:"unauthorized"`
	Forbidden    int64 `json:"forbidden"`
	// Refused are such requests answered 400 or 415, or with an error code in a 200.
	Refused int64 `json:"refused"`
	// Faults is how often a fault struck, at whichever provider.
	Faults int64 `json:"faults"`
}

type counts struct {
	requests            map[Op]*atomic.Int64 // one for each of ops; never changes
	orderStatus, faults atomic.Int64
}

func (c *counts) init() {
	c.requests = map[Op]*atomic.Int64{}
	for _, op := range ops {
		c.requests[op] = &atomic.Int64{}
	}
}

// Requests is how often an operation was asked since [New], with whatever success. It
// panics when there is no such operation.
func (s *Sandbox) Requests(op Op) int64 { return s.counts.requests[op].Load() }

// GetReports is how often Microbilt was asked for a new report, which would cost money
// and be an inquiry about a person. Nothing that runs by itself may ask.
func (s *Sandbox) GetReports() int64 { return s.Requests(OpMicrobiltGetReport) }

// Stats returns the counters as they are now.
func (s *Sandbox) Stats() Stats {
	c, m, tokens := &s.counts, &s.michelin.Counts, s.ProviderStats(authtest.Michelin)
	return Stats{
		TokenRequests:  tokens.TokenRequests,
		TokensIssued:   tokens.TokensIssued,
		Introspections: tokens.Introspections,
		OrderStatus:    c.orderStatus.Load(),
		Unauthorized:   m.Unauthorized.Load(),
		Forbidden:      m.Forbidden.Load(),
		Refused:        m.Refused.Load(),
		Faults:         c.faults.Load(),
	}
}

// ProviderStats are the counters of the side of a provider that issues tokens, and of
// the calls that brought one. It panics when the sandbox has no such provider.
func (s *Sandbox) ProviderStats(provider authtest.Dialect) authtest.Stats {
	return s.issuers[provider].Stats()
}
