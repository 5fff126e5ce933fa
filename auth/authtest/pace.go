package authtest

import (
	"net"
	"net/http"
	"sync"
)

// pace counts the requests of each address in the current second. The mutex guards both.
type pace struct {
	mu     sync.Mutex
	second int64
	seen   map[string]int
}

// tooMany counts a request against the dialect's limit.
func (s *Server) tooMany(r *http.Request) bool {
	if s.dialect.perSecond == 0 {
		return false
	}
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	now := s.options.Now().Unix()
	p := &s.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.second != now || p.seen == nil {
		p.second, p.seen = now, map[string]int{}
	}
	p.seen[address]++
	return p.seen[address] > s.dialect.perSecond
}
