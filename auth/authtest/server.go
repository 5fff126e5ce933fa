package authtest

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
)

const maxBodyBytes = 1 << 20

// Server simulates the authorization server of one provider, an [http.Handler] for the dialect's [Paths]. It
// is safe for concurrent use and starts no goroutine.
type Server struct {
	options   Options
	dialect   dialect
	endpoints map[string]endpoint // by path
	tokens    tokens
	faults    Faults[Fault]
	counts    counts
	record    record
	pace      pace
}

// endpoint is one operation; f is the part of a fault that it implements.
type endpoint struct {
	op     Op
	count  *int64 // in the server's counts
	answer func(w http.ResponseWriter, r *http.Request, f Fault)
}

// New makes a server. It panics for an unknown dialect.
func New(o Options) *Server {
	o = o.complete()
	s := &Server{options: o, dialect: o.Dialect.data(), tokens: newTokens()}
	p := s.dialect.paths
	s.endpoints = map[string]endpoint{
		p.Token:      {OpToken, &s.counts.TokenRequests, s.token},
		p.Authorize:  {OpAuthorize, &s.counts.Authorizations, s.authorize},
		p.Introspect: {OpIntrospect, &s.counts.Introspections, s.introspect},
		p.Revoke:     {OpRevoke, &s.counts.Revocations, s.revoke},
	}
	delete(s.endpoints, "") // endpoints that the dialect lacks
	return s
}

// Paths returns the paths of the server's endpoints.
func (s *Server) Paths() Paths { return s.dialect.paths }

// ServeHTTP responds as the provider would, or as a [Fault] says. Paths other than the dialect's are
// 404.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := s.endpoints[r.URL.Path].op
	f, struck := s.faults.Take(func(f Fault) bool { return op != "" && f.applies(op) })
	if struck {
		s.ServeFault(w, r, f)
		return
	}
	s.serve(w, r, Fault{})
}

// ServeFault responds to one request as f says and ignores its Op and Times. It is for callers with
// one list of faults for several servers.
func (s *Server) ServeFault(w http.ResponseWriter, r *http.Request, f Fault) {
	s.counts.add(&s.counts.Faults)
	s.serve(w, r, f)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, f Fault) {
	e, ok := s.endpoints[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	s.counts.add(e.count)
	body, err := keepBody(w, r)
	if s.options.Record {
		s.record.add(r, body)
	}
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	f.Inject(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.tooMany(r) {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		e.answer(w, r, f)
	}))
}

// keepBody reads the request's body and restores it. net/http notices a disconnect only after the
// body has been read.
func keepBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

// refuse writes a problem in the dialect's format. RFC 6749 section 5.2 requires a challenge with a
// 401 where Basic is accepted.
func (s *Server) refuse(w http.ResponseWriter, p *problem) {
	s.counts.add(&s.counts.Refused)
	response, ok := s.dialect.refusals[p.reason]
	if !ok {
		response = s.dialect.refusals[badRequest]
	}
	if p.reason == badMethod {
		response.status = http.StatusMethodNotAllowed
		w.Header().Set("Allow", http.MethodPost)
	}
	if response.status == http.StatusUnauthorized && s.dialect.takesBasic() {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
	}
	e := s.dialect.errors
	text := strings.ReplaceAll(response.text, "{}", p.what)
	answer(w, response.status, e.layout.write(pair{e.code, response.code}, pair{e.text, text}))
}

// answer writes a response that must not be cached (RFC 6749 section 5.1). A write error is ignored:
// the client has disconnected.
func answer(w http.ResponseWriter, status int, document []byte) {
	maps.Copy(w.Header(), jsonHeader)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(document)
}

// Check reports whether an access token is valid, and its user, "" for the client's own. Refresh tokens are
// not accepted. It is counted as an API call.
func (s *Server) Check(token string) (user string, ok bool) {
	a, ok := s.tokens.find(token, s.options.Now())
	if !ok {
		s.counts.add(&s.counts.CallsRefused)
		return "", false
	}
	s.counts.add(&s.counts.CallsAuthorized)
	return a.grant.user, true
}

// Protect passes API calls with a valid token in the Authorization header to next, and responds
// to the others as the dialect's API does. Faults for [OpCall] apply here, before the token is
// checked.
func (s *Server) Protect(next http.Handler) http.Handler {
	door := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.Check(bearer(r)); !ok {
			s.dialect.unauthorized.write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, struck := s.faults.Take(func(f Fault) bool { return f.applies(OpCall) })
		if !struck {
			door(w, r)
			return
		}
		s.counts.add(&s.counts.Faults)
		if _, err := keepBody(w, r); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		f.Inject(w, r, door)
	})
}

// bearer returns the token in the header (RFC 6750 section 2.1), or "". The scheme's name is
// case-insensitive.
func bearer(r *http.Request) string {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

func (r reply) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	w.WriteHeader(r.status)
	_, _ = io.WriteString(w, r.body)
}

// pace counts the requests of each address in the current second. The mutex guards both.
type pace struct {
	mu     sync.Mutex
	second int64
	seen   map[string]int
}

// tooMany counts a request and reports whether it exceeds the dialect's limit.
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
