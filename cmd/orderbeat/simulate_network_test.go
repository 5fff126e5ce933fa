package main // an inside test: a main package cannot be imported

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
)

// simNetwork disturbs connections, which are numbered from 1.
type simNetwork struct {
	// failed is called for a request without a response or with a 503, with its path prefix.
	failed func(begin string)

	mu      sync.Mutex // guards the rest
	made    int        // connections
	hung    int        // up to this one, no response
	drained int        // up to this one, status 503
	leaving int        // up to this one, the server sends GOAWAY
	refused []int      // status of the next CONNECTs
}

type simConnectionKey struct{}

// number is [http.Server.ConnContext].
func (n *simNetwork) number(ctx context.Context, _ net.Conn) context.Context {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.made++
	return context.WithValue(ctx, simConnectionKey{}, n.made)
}

// connect returns the status of the next CONNECT.
func (n *simNetwork) connect() (status int) {
	n.mu.Lock()
	status = http.StatusOK
	if len(n.refused) > 0 {
		status, n.refused = n.refused[0], n.refused[1:]
	}
	n.mu.Unlock()
	if status != http.StatusOK {
		n.failed("items")
	}
	return status
}

func (n *simNetwork) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection, _ := r.Context().Value(simConnectionKey{}).(int)
		n.mu.Lock()
		hung, drained, leaving := connection <= n.hung, connection <= n.drained, connection <= n.leaving
		n.mu.Unlock()
		if hung || drained {
			n.failed(strings.Split(r.URL.Path, "/")[1])
		}
		if hung {
			<-r.Context().Done()
			return
		}
		if drained {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if leaving {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// disturb disturbs the existing connections or the proxy. Dropping idle connections and GOAWAY
// make no job fail.
func (s *simulation) disturb(r *rand.Rand, idle bool) {
	kind := pick(r, "dropped", "dropped", "hung", "drained", "leaving", "proxy", "proxy")
	s.counted[kind]++
	n := &s.network
	n.mu.Lock()
	defer n.mu.Unlock()
	switch kind {
	case "dropped":
		s.relay.Drop()
		for p := range simProviders {
			if !idle { // the first call on a connection is not resent
				s.cause(p, "unavailable")
			}
		}
	case "hung":
		n.hung = n.made
	case "drained":
		n.drained = n.made
	case "leaving":
		n.leaving = n.made
	case "proxy":
		status := pick(r, http.StatusProxyAuthRequired, http.StatusForbidden, http.StatusBadGateway)
		for range 1 + r.IntN(4) {
			n.refused = append(n.refused, status)
		}
	}
}
