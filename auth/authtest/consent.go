package authtest

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// authorize serves the authorization endpoint (RFC 6749 section 4.1.1): a GET shows the consent page,
// a POST redirects with the user's decision. A browser is only redirected to a registered address
// (section 4.1.2.1).
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
		s.stop(w, http.StatusBadRequest, "This application, or its redirect address, is unknown.")
		return
	}
	if wrong := s.invalidReason(q, f); wrong != "" {
		s.redirect(w, r, q, "error", wrong)
		return
	}
	if r.Method == http.MethodPost {
		s.decide(w, r, q)
		return
	}
	s.ask(w)
}

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

// scopeForm is the syntax of RFC 6749 section 3.3.
var scopeForm = regexp.MustCompile(`^[!#-\[\]-~]+( [!#-\[\]-~]+)*$`)

// invalidReason returns the error code for the redirect, "" when there is none.
func (s *Server) invalidReason(q url.Values, f Fault) string {
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

// decide reads the user's decision: the name, and "grant" or one of the errors that the dialect
// documents.
func (s *Server) decide(w http.ResponseWriter, r *http.Request, q url.Values) {
	if err := r.ParseForm(); err != nil {
		s.stop(w, http.StatusBadRequest, "The form cannot be read.")
		return
	}
	user, answer := strings.TrimSpace(r.PostForm.Get("user")), r.PostForm.Get("answer")
	switch {
	case slices.Contains(s.dialect.redirectErrors, answer):
		s.redirect(w, r, q, "error", answer)
	case answer != "grant" || user == "":
		s.stop(w, http.StatusBadRequest, "A user name and a decision are required.")
	default:
		text := s.dialect.code.text()
		s.tokens.addCode(text, &code{
			grant:       &grant{user: user, scope: q.Get("scope")},
			redirectURI: q.Get("redirect_uri"), challenge: q.Get("code_challenge"),
			expires: s.options.Now().Add(codeLife),
		})
		s.redirect(w, r, q, "code", text)
	}
}

// redirect redirects the browser to the client with one result and the client's state.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request, q url.Values, name, value string) {
	answer := url.Values{name: {value}}
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	if s.options.Issuer != "" {
		answer.Set("iss", s.options.Issuer)
	}
	to, mark := q.Get("redirect_uri"), "?"
	if strings.Contains(to, "?") {
		mark = "&" // RFC 6749 section 3.1.2: the query is preserved
	}
	protect(w)
	http.Redirect(w, r, to+mark+answer.Encode(), http.StatusFound)
}

// consentPage shows what Mazda's Access keys for DMS (OAuth2) shows a user. Its form posts to its own
// URL with the query. The buttons below the two produce the other errors that the dialect documents.
var consentPage = template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Grant access</title>
<form method="post">
<p>Dear <input name="user" value="{{.User}}" aria-label="user" required>,
do you want to grant application '{{.Application}}' access to {{.Services}}?</p>
<p><button name="answer" value="grant">Grant</button>
<button name="answer" value="access_denied">Deny</button></p>
<details><summary>Other errors</summary>
<p>{{range .Errors}}<button name="answer" value="{{.}}">{{.}}</button>
{{end}}</p></details>
</form>
<p>This is a simulator: any name is accepted, without a password.</p>
</html>
`))

var stopPage = template.Must(template.New("stop").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>No access</title>
<p>{{.}}</p>
</html>
`))

func (s *Server) ask(w http.ResponseWriter) {
	show(w, http.StatusOK, consentPage, map[string]any{
		"User": s.options.User, "Application": s.options.ClientID,
		"Services": s.dialect.services, "Errors": s.dialect.redirectErrors,
	})
}

func (s *Server) stop(w http.ResponseWriter, status int, why string) {
	s.counts.add(&s.counts.Refused)
	show(w, status, stopPage, why)
}

func show(w http.ResponseWriter, status int, page *template.Template, data any) {
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	protect(w)
	w.WriteHeader(status)
	_ = page.Execute(w, data) // the client is gone if it cannot be written
}

// protect sets headers that prevent leaks of codes and states (RFC 9700 section 4.2.4).
func protect(w http.ResponseWriter) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
}

// codeLife is how long a code can be exchanged: "very short lived" in Mazda's Access keys for DMS
// (OAuth2); RFC 6749 section 4.1.2 recommends at most ten minutes.
const codeLife = time.Minute

// code is an authorization code of the one client.
type code struct {
	grant                  *grant
	redirectURI, challenge string
	expires                time.Time
	used                   bool
}

func (t *tokens) addCode(text string, c *code) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.codes[text] = c
}

// redeem exchanges a code once. A second exchange revokes the tokens of the first (RFC 6749 section
// 4.1.2).
func (t *tokens) redeem(p params, now time.Time) (*grant, *problem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.codes[p["code"]]
	switch {
	case p["code"] == "" || p["redirect_uri"] == "":
		return nil, &problem{badRequest, "code or redirect_uri is missing"}
	case !ok || !now.Before(c.expires):
		return nil, &problem{badCode, "the code is unknown or has expired"}
	case c.used:
		c.grant.ended = true
		return nil, &problem{badCode, "the code was used before; its tokens are revoked"}
	case p["redirect_uri"] != c.redirectURI:
		return nil, &problem{badCode, "the redirect_uri is not the one that the code was sent to"}
	case !verifierMatches(p["code_verifier"], c.challenge):
		return nil, &problem{badCode, "the code_verifier does not match the code_challenge"}
	}
	c.used = true
	return c.grant, nil
}

// verifierForm is the syntax of RFC 7636 section 4.1, challengeForm that of an S256 challenge.
var (
	verifierForm  = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)
	challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
)

// verifierMatches checks a PKCE verifier with the method S256 (RFC 7636 section 4.6). A verifier without a challenge
// is rejected: an attacker may have removed it (RFC 9700 section 4.8.2).
func verifierMatches(verifier, challenge string) bool {
	if challenge == "" {
		return verifier == ""
	}
	sum := sha256.Sum256([]byte(verifier))
	return verifierForm.MatchString(verifier) && same(base64.RawURLEncoding.EncodeToString(sum[:]), challenge)
}
