package authtest

import (
	"net/http"
	"slices"
	"sync"
)

// Stats counts the requests to a [Server] since [New]. A request that gets the response of a [Fault] is
// counted as a request and in Faults only.
type Stats struct {
	TokenRequests int64 `json:"token_requests"`
	// TokensIssued is the number of TokenRequests that were granted, Refreshes the number of those with a refresh
	// token.
	TokensIssued int64 `json:"tokens_issued"`
	Refreshes    int64 `json:"refreshes"`
	// Authorizations is the number of requests to the consent page.
	Authorizations int64 `json:"authorizations"`
	Introspections int64 `json:"introspections"`
	Revocations    int64 `json:"revocations"`
	// Refused is the number of the above requests with an error response. A redirect with an error is not
	// one.
	Refused int64 `json:"refused"`
	// CallsAuthorized and CallsRefused count the calls of the API, see [Server.Check].
	CallsAuthorized int64 `json:"calls_authorized"`
	CallsRefused    int64 `json:"calls_refused"`
	// Faults is how often a fault applied.
	Faults int64 `json:"faults"`
}

// counts are the current [Stats]. The mutex guards them.
type counts struct {
	mu sync.Mutex
	Stats
}

// add counts one more; n is a field of c.
func (c *counts) add(n *int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

// Stats returns the current counters.
func (s *Server) Stats() Stats {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	return s.counts.Stats
}

// maxRecorded is how many requests are stored.
const maxRecorded = 64

// Request is a request as received.
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

// Requests returns the last 64 requests at the server's paths, oldest first, including those with
// faults. There are none unless Options.Record was set.
func (s *Server) Requests() []Request {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return slices.Clone(s.record.list)
}
