package authtest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/auth/authtest"
)

// began is when Michelin's developer portal page issued the token of its sample.
var began = time.UnixMilli(1727983572407)

const (
	redirectURI = "https://127.0.0.1:8080/myGreatDms/oauth/code"
	form        = "application/x-www-form-urlencoded"
)

// bench is a server that listens, with a clock that the test moves.
type bench struct {
	*authtest.Server
	dialect authtest.Dialect
	url     string
	clock   atomic.Int64 // Unix nanoseconds
}

func open(tb testing.TB, o authtest.Options) *bench {
	tb.Helper()
	b := &bench{dialect: o.Dialect}
	b.clock.Store(began.UnixNano())
	o.Now = b.now
	b.Server = authtest.New(o)
	server := httptest.NewServer(b)
	tb.Cleanup(server.Close)
	b.url = server.URL
	return b
}

func (b *bench) now() time.Time          { return time.Unix(0, b.clock.Load()) }
func (b *bench) advance(d time.Duration) { b.clock.Add(int64(d)) }

// browser follows no redirects.
var browser = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// try sends a request; set edits it first.
func (b *bench) try(t *testing.T, method, uri, body string, set ...func(*http.Request)) (answer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+uri, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range set {
		edit(r)
	}
	res, err := browser.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(got)}, err
}

func (b *bench) send(t *testing.T, method, uri, body string, set ...func(*http.Request)) answer {
	t.Helper()
	a, err := b.try(t, method, uri, body, set...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func header(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[name] = values }
}

var asForm = header("Content-Type", form)

// basic is HTTP Basic over the values as they are.
func basic(id, secret string) func(*http.Request) {
	return header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
}

// asClient proves the client in the body: for Michelin, Shell, PTV and RFC 6749.
func asClient(v url.Values) string {
	v.Set("client_id", authtest.ClientID)
	v.Set("client_secret", authtest.ClientSecret)
	return v.Encode()
}

func login() string { return asClient(url.Values{"grant_type": {"client_credentials"}}) }

// ask sends a form to the token endpoint, in the dialect's own way to prove the client.
func (b *bench) ask(t *testing.T, v url.Values) answer {
	t.Helper()
	if b.dialect == authtest.Mazda {
		return b.send(t, http.MethodPost, b.Paths().Token, v.Encode(), asForm, basic(authtest.ClientID, authtest.ClientSecret))
	}
	return b.send(t, http.MethodPost, b.Paths().Token, asClient(v), asForm)
}

// tokens are the members of an answer that tests use.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Expires any    `json:"expires_in"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
}

// read decodes an answer and checks its status.
func (a answer) read(t *testing.T, status int) (got tokens) {
	t.Helper()
	if a.status != status {
		t.Fatalf("got status %d, %s want %d", a.status, a.body, status)
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	return got
}

// consent walks the consent page and returns what the browser is sent back with.
func (b *bench) consent(t *testing.T, user, decision string, query url.Values) url.Values {
	t.Helper()
	a := b.send(t, http.MethodPost, b.authorizeURI(query), url.Values{"user": {user}, "answer": {decision}}.Encode(), asForm)
	return a.sentBack(t)
}

// authorizeURI is the consent page with what every request has, and query instead or
// on top.
func (b *bench) authorizeURI(query url.Values) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {authtest.ClientID}, "redirect_uri": {redirectURI}, "state": {"st/ate&=+ 1"},
	}
	maps.Copy(q, query)
	return b.Paths().Authorize + "?" + q.Encode()
}

func (a answer) sentBack(t *testing.T) url.Values {
	t.Helper()
	to, query, _ := strings.Cut(a.header.Get("Location"), "?")
	got, err := url.ParseQuery(query)
	if a.status != http.StatusFound || to != redirectURI || err != nil {
		t.Fatalf("got status %d to %q (%v) want 302 to %s", a.status, to, err, redirectURI)
	}
	return got
}

// granted is what a user's consent brings.
func (b *bench) granted(t *testing.T, user string) tokens {
	t.Helper()
	code := b.consent(t, user, "grant", nil).Get("code")
	return b.ask(t, exchange(code)).read(t, http.StatusOK)
}

func exchange(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}}
}

func renew(refreshToken string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}
}

// lives reports whether an access token does, and checks whose it is.
func (b *bench) lives(t *testing.T, token, user string) bool {
	t.Helper()
	whose, ok := b.Check(token)
	if ok && whose != user {
		t.Errorf("the token is %q's, want %q's", whose, user)
	}
	return ok
}
