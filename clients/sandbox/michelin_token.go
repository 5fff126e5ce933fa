package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// tokens are the access tokens that live. Several may at once: Michelin issues a new
// one whenever it is asked. The mutex guards the map.
type tokens struct {
	mu    sync.Mutex
	alive map[string]lifetime
}

// lifetime is when a token was issued, and when it ends.
type lifetime struct{ issued, expires time.Time }

// issue makes a token that looks like the portal's sample, exclamation mark included.
func (t *tokens) issue(l lifetime) string {
	token := "00DSB0000000001!AQEAQ" + rand.Text() + rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.alive == nil {
		t.alive = map[string]lifetime{}
	}
	maps.DeleteFunc(t.alive, func(_ string, old lifetime) bool { return !l.issued.Before(old.expires) })
	t.alive[token] = l
	return token
}

func (t *tokens) find(token string, now time.Time) (l lifetime, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok = t.alive[token]
	return l, ok && now.Before(l.expires)
}

func (t *tokens) revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.alive)
}

// tokenAnswer follows the sample of Michelin's developer portal page of 1 April 2025.
// There is no expires_in.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	Signature   string `json:"signature"`
	Scope       string `json:"scope"`
	InstanceURL string `json:"instance_url"`
	ID          string `json:"id"`
	TokenType   string `json:"token_type"`
	IssuedAt    string `json:"issued_at"` // Unix milliseconds
}

type tokenError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// The blanks inside the first code are the portal's.
var (
	errGrantType = tokenError{" unsupported_grant_type ", "grant type not supported"}
	errClient    = tokenError{"invalid_client", "invalid client credentials"}
	errForm      = tokenError{"invalid_request", "the body is not a form"}
)

// grant answers the token endpoint. The portal gives unsupported_grant_type for
// whatever is wrong with the request itself, its content type included: ParseForm
// reads nothing of a body that is not declared as a form.
func (s *Sandbox) grant(w http.ResponseWriter, r *http.Request, _ Fault) {
	if r.ParseForm() != nil || r.PostForm.Get("grant_type") != "client_credentials" {
		answerJSON(w, http.StatusBadRequest, errGrantType)
		return
	}
	if !knownClient(r) {
		answerJSON(w, http.StatusBadRequest, errClient)
		return
	}
	now := s.options.Now()
	signature := make([]byte, 32)
	_, _ = rand.Read(signature) // never fails
	s.counts.tokensIssued.Add(1)
	answerJSON(w, http.StatusOK, tokenAnswer{
		AccessToken: s.tokens.issue(lifetime{issued: now, expires: now.Add(s.options.TokenTTL)}),
		Signature:   base64.StdEncoding.EncodeToString(signature),
		Scope:       "openid api",
		InstanceURL: "https://sandbox.invalid", // the API is not there: nobody should ask it
		ID:          "https://sandbox.invalid/id/00DSB0000000001EAC/005SB0000000001AAW",
		TokenType:   "Bearer",
		IssuedAt:    strconv.FormatInt(now.UnixMilli(), 10),
	})
}

// introspection follows the same page's sample: times in Unix seconds, a token type
// that is no HTTP scheme, and a blank behind the client's id.
type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	Username  string `json:"username,omitempty"`
	Subject   string `json:"sub,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	Expires   int64  `json:"exp,omitempty"`
	Issued    int64  `json:"iat,omitempty"`
	NotBefore int64  `json:"nbf,omitempty"`
}

// introspect answers the introspection endpoint, to a form of either encoding: the
// page declares multipart and shows both.
func (s *Sandbox) introspect(w http.ResponseWriter, r *http.Request, _ Fault) {
	var err error
	switch contentType(r) {
	case "multipart/form-data":
		err = r.ParseMultipartForm(maxBodyBytes)
	case "application/x-www-form-urlencoded":
		err = r.ParseForm()
	default:
		err = http.ErrNotMultipart
	}
	if err != nil {
		answerJSON(w, http.StatusBadRequest, errForm)
		return
	}
	if !knownClient(r) {
		answerJSON(w, http.StatusBadRequest, errClient)
		return
	}
	l, ok := s.tokens.find(r.PostForm.Get("token"), s.options.Now())
	if !ok {
		answerJSON(w, http.StatusOK, introspection{}) // RFC 7662, section 2.2: nothing else is told
		return
	}
	answerJSON(w, http.StatusOK, introspection{
		Active: true, Scope: "api openid", ClientID: ClientID + " ",
		Username: "orderbeat@sandbox.invalid", Subject: "https://sandbox.invalid/id/00DSB0000000001EAC/005SB0",
		TokenType: "access_token",
		Expires:   l.expires.Unix(), Issued: l.issued.Unix(), NotBefore: l.issued.Unix(),
	})
}

// knownClient reports whether the form that was parsed carries the client's credentials.
func knownClient(r *http.Request) bool {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	return same(id, ClientID) && same(secret, ClientSecret)
}

// contentType is the request's media type without its parameters, "" when it has none
// or a broken one.
func contentType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}
