package authtest

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
)

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

// maxRecorded is how many requests are remembered.
const maxRecorded = 64

// Request is a request as it came, before anything was made of it.
type Request struct {
	Method string
	URI    string // path and query
	Header http.Header
	Body   string
}

// record are the last requests, oldest first. The mutex guards the list.
type record struct {
	mu   sync.Mutex
	list []Request
}

func (c *record) add(r *http.Request, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) == maxRecorded {
		c.list = slices.Delete(c.list, 0, 1)
	}
	c.list = append(c.list, Request{Method: r.Method, URI: r.URL.RequestURI(), Header: r.Header.Clone(), Body: string(body)})
}

// Requests returns the last 64 requests at the server's paths, oldest first, those that
// a fault struck included. There are none unless Options.Record was set.
func (s *Server) Requests() []Request {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return slices.Clone(s.record.list)
}
