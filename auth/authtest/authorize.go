package authtest

import (
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// authorize answers the authorization endpoint (RFC 6749 section 4.1.1): a GET with the
// question to the user, a POST with a redirect that carries the user's answer. A browser
// is never sent to an address that is not the client's (section 4.1.2.1).
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, f Fault) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		s.stop(w, http.StatusMethodNotAllowed, "This page is for a browser.")
		return
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["client_id"]) != 1 || len(q["redirect_uri"]) != 1 || q.Has("client_secret") {
		s.stop(w, http.StatusBadRequest, "The application's request cannot be understood.")
		return
	}
	if !same(q.Get("client_id"), s.options.ClientID) || !s.registered(q.Get("redirect_uri")) {
		s.stop(w, http.StatusBadRequest, "This application, or the address that it wants to be answered at, is not known.")
		return
	}
	if wrong := s.wrong(q, f); wrong != "" {
		s.sendBack(w, r, q, "error", wrong)
		return
	}
	if r.Method == http.MethodPost {
		s.decide(w, r, q)
		return
	}
	s.ask(w)
}

// registered reports whether the client may be answered at this address.
func (s *Server) registered(redirectURI string) bool {
	if len(s.options.RedirectURIs) > 0 {
		return slices.Contains(s.options.RedirectURIs, redirectURI)
	}
	u, err := url.Parse(redirectURI)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || strings.Contains(redirectURI, "#") {
		return false // RFC 6749 section 3.1.2: absolute, and without a fragment
	}
	return u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}

// scopeForm is that of RFC 6749 section 3.3.
var scopeForm = regexp.MustCompile(`^[!#-\[\]-~]+( [!#-\[\]-~]+)*$`)

// wrong returns the error that the request is sent back with, "" when there is none.
func (s *Server) wrong(q url.Values, f Fault) string {
	challenge, method := q.Get("code_challenge"), q.Get("code_challenge_method")
	switch {
	case slices.ContainsFunc(slices.Collect(maps.Values(q)), func(v []string) bool { return len(v) > 1 }):
		return "invalid_request"
	case f.RefuseClient:
		return "unauthorized_client"
	case q.Get("response_type") == "":
		return "invalid_request"
	case q.Get("response_type") != "code":
		return "unsupported_response_type"
	case q.Get("scope") != "" && !scopeForm.MatchString(q.Get("scope")):
		return "invalid_scope"
	case challenge+method != "" && (method != "S256" || !challengeForm.MatchString(challenge)):
		return "invalid_request" // RFC 7636 section 4.4.1; plain proves nothing
	}
	return ""
}

// decide reads the user's answer: the name, and "grant" or one of the errors that the
// dialect documents.
func (s *Server) decide(w http.ResponseWriter, r *http.Request, q url.Values) {
	if err := r.ParseForm(); err != nil {
		s.stop(w, http.StatusBadRequest, "The form cannot be read.")
		return
	}
	user, answer := strings.TrimSpace(r.PostForm.Get("user")), r.PostForm.Get("answer")
	switch {
	case slices.Contains(s.dialect.redirectErrors, answer):
		s.sendBack(w, r, q, "error", answer)
	case answer != "grant" || user == "":
		s.stop(w, http.StatusBadRequest, "A name and an answer are needed.")
	default:
		text := s.dialect.code.text()
		s.tokens.addCode(text, &code{
			grant:       &grant{user: user, scope: q.Get("scope")},
			redirectURI: q.Get("redirect_uri"), challenge: q.Get("code_challenge"),
			expires: s.options.Now().Add(codeLife),
		})
		s.sendBack(w, r, q, "code", text)
	}
}

// sendBack sends the browser to the client with one result, and with what the client
// wants to know it by.
func (s *Server) sendBack(w http.ResponseWriter, r *http.Request, q url.Values, name, value string) {
	answer := url.Values{name: {value}}
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	if s.options.Issuer != "" {
		answer.Set("iss", s.options.Issuer)
	}
	to, mark := q.Get("redirect_uri"), "?"
	if strings.Contains(to, "?") {
		mark = "&" // RFC 6749 section 3.1.2: what is there stays
	}
	protect(w)
	http.Redirect(w, r, to+mark+answer.Encode(), http.StatusFound)
}
