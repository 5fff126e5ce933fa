package authtest

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
)

// authenticate checks that the client proved itself in one of the dialect's ways, and
// in one only (RFC 6749 section 2.3). On the wire a wrong secret and the wrong way look
// alike.
func (s *Server) authenticate(r *http.Request, p params, f Fault) *problem {
	headers := r.Header.Values("Authorization")
	inForm := p["client_id"] != "" || p["client_secret"] != ""
	switch {
	case len(headers) > 1 || len(headers) == 1 && inForm:
		return &problem{badRequest, "the client proves itself in two ways"}
	case f.RefuseClient:
		return &problem{badClient, "the client is not known"}
	case len(headers) == 1 && s.knownHeader(r):
		return nil
	case inForm && s.dialect.takes(inBody) && s.known(p["client_id"], p["client_secret"]):
		return nil
	default:
		return &problem{badClient, "the client is not known, or proves itself in another way"}
	}
}

func (s *Server) knownHeader(r *http.Request) bool {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return false
	}
	if s.dialect.takes(basicRaw) && s.known(id, secret) {
		return true
	}
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	return s.dialect.takes(basicForm) && errID == nil && errSecret == nil && s.known(id, secret)
}

func (s *Server) known(id, secret string) bool {
	return same(id, s.options.ClientID) && same(secret, s.options.ClientSecret)
}

func (d dialect) takes(way clientAuth) bool { return slices.Contains(d.clientAuth, way) }

func (d dialect) takesBasic() bool { return d.takes(basicRaw) || d.takes(basicForm) }

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
