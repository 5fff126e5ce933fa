package authtest

import (
	"net/http"
	"slices"
	"sync"
)

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
