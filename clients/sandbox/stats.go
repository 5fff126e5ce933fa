package sandbox

import "sync/atomic"

// Stats counts what the stand-ins were asked since [New]. A request that a [Fault]
// answered is counted as a request and in Faults, and nowhere else.
type Stats struct {
	TokenRequests int64 `json:"token_requests"`
	// TokensIssued is how many of TokenRequests were granted.
	TokensIssued   int64 `json:"tokens_issued"`
	Introspections int64 `json:"introspections"`
	OrderStatus    int64 `json:"order_status_requests"`
	// Unauthorized and Forbidden are order status requests answered 401 and 403.
	Unauthorized int64 `json:"unauthorized"`
	Forbidden    int64 `json:"forbidden"`
	// Refused are order status requests answered 400 or 415, or with an error code in a 200.
	Refused int64 `json:"refused"`
	// Faults is how often a fault struck.
	Faults int64 `json:"faults"`
}

type counts struct {
	tokenRequests, tokensIssued, introspections, orderStatus atomic.Int64
	unauthorized, forbidden, refused, faults                 atomic.Int64
}

// Stats returns the counters as they are now.
func (s *Sandbox) Stats() Stats {
	c := &s.counts
	return Stats{
		TokenRequests:  c.tokenRequests.Load(),
		TokensIssued:   c.tokensIssued.Load(),
		Introspections: c.introspections.Load(),
		OrderStatus:    c.orderStatus.Load(),
		Unauthorized:   c.unauthorized.Load(),
		Forbidden:      c.forbidden.Load(),
		Refused:        c.refused.Load(),
		Faults:         c.faults.Load(),
	}
}
