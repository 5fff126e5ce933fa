package authtest

import (
	"io"
	"maps"
	"net/http"
	"strings"
)

// Check reports whether an access token lives, and whose it is: "" is the client's
// own. Refresh tokens are none. It counts as a call of the API.
func (s *Server) Check(token string) (user string, ok bool) {
	a, ok := s.tokens.find(token, s.options.Now())
	if !ok {
		s.counts.callsRefused.Add(1)
		return "", false
	}
	s.counts.callsAuthorized.Add(1)
	return a.grant.user, true
}

// Protect lets those calls of an API through that carry a living token in the header
// Authorization, and answers the others as the dialect's API does. Faults for [OpCall]
// strike here, before the token is looked at.
func (s *Server) Protect(next http.Handler) http.Handler {
	door := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.Check(bearer(r)); !ok {
			s.dialect.unauthorized.write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, struck := s.faults.Take(func(f Fault) bool { return f.strikes(OpCall) })
		if !struck {
			door(w, r)
			return
		}
		s.counts.faults.Add(1)
		if _, err := keepBody(w, r); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		f.Strike(w, r, door)
	})
}

// bearer is the token in the header, the only place that is looked at (RFC 6750
// section 2.1), or "". The scheme's name may be written in any case.
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
