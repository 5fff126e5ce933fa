package authtest

import "net/http"

// inactive is all that RFC 7662 section 2.2 tells of a token that does not live.
var inactive = compact.write(pair{"active", false})

// introspect answers the introspection endpoint (RFC 7662).
func (s *Server) introspect(w http.ResponseWriter, r *http.Request, f Fault) {
	p, refused := s.inspected(r, f)
	if refused != nil {
		s.refuse(w, refused)
		return
	}
	a, ok := s.tokens.find(p["token"], s.options.Now())
	if !ok {
		answer(w, http.StatusOK, inactive)
		return
	}
	answer(w, http.StatusOK, s.dialect.introspection.write(issued{options: &s.options, access: a}))
}

// revoke answers the revocation endpoint (RFC 7009). A token that is not known is as
// good as revoked (section 2.2).
func (s *Server) revoke(w http.ResponseWriter, r *http.Request, f Fault) {
	p, refused := s.inspected(r, f)
	if refused != nil {
		s.refuse(w, refused)
		return
	}
	s.tokens.revoke(p["token"])
}

// inspected reads a request that is about one token.
func (s *Server) inspected(r *http.Request, f Fault) (params, *problem) {
	p, refused := s.params(r, s.dialect.inspectBodies)
	if refused == nil {
		refused = s.authenticate(r, p, f)
	}
	if refused == nil && p["token"] == "" {
		refused = &problem{badRequest, "token is missing"}
	}
	return p, refused
}

// RevokeAccess ends all access tokens of a user, of everybody for "".
func (s *Server) RevokeAccess(user string) { s.tokens.revokeAccess(user) }

// RevokeRefresh ends all refresh tokens of a user, of everybody for "", and the codes
// that were not exchanged yet.
func (s *Server) RevokeRefresh(user string) { s.tokens.revokeRefresh(user) }

// Revoke ends one token, and reports whether it was there. A refresh token takes with
// it whatever came of the same grant.
func (s *Server) Revoke(token string) bool { return s.tokens.revoke(token) }
