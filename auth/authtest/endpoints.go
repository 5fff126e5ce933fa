package authtest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

func (s *Server) token(w http.ResponseWriter, r *http.Request, f Fault) {
	p, refused := s.params(r, s.dialect.bodies)
	if refused == nil {
		refused = s.admit(r, p, f)
	}
	var i issued
	if refused == nil {
		i, refused = s.exchange(p, f)
	}
	if refused != nil {
		s.refuse(w, refused)
		return
	}
	s.counts.add(&s.counts.TokensIssued)
	answer(w, http.StatusOK, s.dialect.answer.write(i))
}

func (s *Server) admit(r *http.Request, p params, f Fault) *problem {
	kind := p["grant_type"]
	if kind == "" {
		return &problem{badRequest, "grant_type is missing"}
	}
	if !slices.Contains(s.dialect.grants, kind) {
		return &problem{badGrantType, kind}
	}
	return s.authenticate(r, p, f)
}

func (s *Server) exchange(p params, f Fault) (issued, *problem) {
	now := s.options.Now()
	g := &grant{scope: p["scope"]} // the client's own
	var refused *problem
	renewable := s.options.Refresh != RefreshAbsent
	switch p["grant_type"] {
	case grantClient:
		renewable = false // RFC 6749 section 4.4.3
	case grantCode:
		g, refused = s.tokens.redeem(p, now)
	case grantRefresh:
		renewable = s.options.Refresh == RefreshRotates
		g, refused = s.tokens.useRefreshToken(p, s.options, now)
		if refused == nil {
			s.counts.add(&s.counts.Refreshes)
		}
	}
	if refused != nil {
		return issued{}, refused
	}
	a := &accessToken{
		text: s.dialect.access.text(), scope: cmp.Or(p["scope"], g.scope),
		grant: g, issued: now, expires: now.Add(s.options.Life),
	}
	return s.issue(a, renewable, f), nil
}

// issue stores the access token, or reuses the last one if the server is to return it again, and adds a
// refresh token if renewable is true.
func (s *Server) issue(fresh *accessToken, renewable bool, f Fault) issued {
	now := fresh.issued
	i := issued{options: &s.options, now: now, life: s.options.Life}
	again := s.options.SameToken != SameNever || f.SameToken
	i.access = s.tokens.add(fresh, again, s.options.SingleToken)
	if i.access != fresh && s.options.SameToken != SameConstant {
		i.life = i.access.expires.Sub(now)
	}
	if renewable {
		i.refresh = s.dialect.refresh.text()
		s.tokens.addRefresh(i.refresh, &refreshToken{grant: fresh.grant, expires: now.Add(s.options.RefreshLife)})
	}
	return i
}

// within reports whether every requested scope was granted (RFC 6749 section 6).
func within(asked, granted string) bool {
	all := strings.Fields(granted)
	return !slices.ContainsFunc(strings.Fields(asked), func(one string) bool { return !slices.Contains(all, one) })
}

// inactive is the complete response for an invalid token (RFC 7662 section 2.2).
var inactive = compact.write(pair{"active", false})

// introspect serves the introspection endpoint (RFC 7662).
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

// revoke serves the revocation endpoint (RFC 7009). An unknown token counts as revoked (section 2.2).
func (s *Server) revoke(w http.ResponseWriter, r *http.Request, f Fault) {
	p, refused := s.inspected(r, f)
	if refused != nil {
		s.refuse(w, refused)
		return
	}
	s.tokens.revoke(p["token"])
}

// inspected parses a request about one token.
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

// RevokeAccess revokes all access tokens of a user, or of all users for "".
func (s *Server) RevokeAccess(user string) { s.tokens.revokeAccess(user) }

// RevokeRefresh revokes all refresh tokens and pending codes of a user, or of all users for "".
func (s *Server) RevokeRefresh(user string) { s.tokens.revokeRefresh(user) }

// Revoke revokes one token, and reports whether it existed. A refresh token revokes all tokens of its
// grant.
func (s *Server) Revoke(token string) bool { return s.tokens.revoke(token) }
