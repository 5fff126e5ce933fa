package authtest

import "sync/atomic"

// Stats counts what a [Server] was asked since [New]. A request that a [Fault] answered
// instead is counted as a request and in Faults, and nowhere else.
type Stats struct {
	TokenRequests int64 `json:"token_requests"`
	// TokensIssued is how many of TokenRequests were granted, Refreshes how many of
	// these with a refresh token.
	TokensIssued int64 `json:"tokens_issued"`
	Refreshes    int64 `json:"refreshes"`
	// Authorizations is how often the consent page was asked for or answered.
	Authorizations int64 `json:"authorizations"`
	Introspections int64 `json:"introspections"`
	Revocations    int64 `json:"revocations"`
	// Refused are those of all these requests that were answered with an error. One
	// that a browser is sent back with is none.
	Refused int64 `json:"refused"`
	// CallsAuthorized and CallsRefused are the API's answers, see [Server.Check].
	CallsAuthorized int64 `json:"calls_authorized"`
	CallsRefused    int64 `json:"calls_refused"`
	// Faults is how often a fault struck.
	Faults int64 `json:"faults"`
}

type counts struct {
	tokenRequests, tokensIssued, refreshes, authorizations, introspections, revocations atomic.Int64
	refused, callsAuthorized, callsRefused, faults                                      atomic.Int64
}

// Stats returns the counters as they are now.
func (s *Server) Stats() Stats {
	c := &s.counts
	return Stats{
		TokenRequests:   c.tokenRequests.Load(),
		TokensIssued:    c.tokensIssued.Load(),
		Refreshes:       c.refreshes.Load(),
		Authorizations:  c.authorizations.Load(),
		Introspections:  c.introspections.Load(),
		Revocations:     c.revocations.Load(),
		Refused:         c.refused.Load(),
		CallsAuthorized: c.callsAuthorized.Load(),
		CallsRefused:    c.callsRefused.Load(),
		Faults:          c.faults.Load(),
	}
}
