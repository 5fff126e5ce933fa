package authtest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/authtest"
)

func TestConsentPageRedirectsWithACode(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.Mazda, ClientID: "<MACS7>", ClientSecret: "s", User: "user-1"})
	uri := b.authorizeURI(url.Values{"client_id": {"<MACS7>"}})
	page := b.send(t, http.MethodGet, uri, "")
	for _, want := range []string{
		`Dear <input name="user" value="user-1"`, "do you want to grant application '&lt;MACS7&gt;' access to the Mazda DMS web services?",
		`value="grant">Grant<`, `value="access_denied">Deny<`, `<form method="post">`,
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s:\n%s", want, page.body)
		}
	}
	if page.status != http.StatusOK || page.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("got %d %v", page.status, page.header)
	}
	got := b.send(t, http.MethodPost, uri, url.Values{"user": {"user-2"}, "answer": {"grant"}}.Encode(), asForm).sentBack(t)
	if got.Get("state") != "st/ate&=+ 1" || len(got.Get("code")) != 32 || len(got) != 2 {
		t.Errorf("sent back with %v", got)
	}
}

func TestDocumentedErrorsAreRedirected(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.Mazda})
	documented := strings.Fields("invalid_request unauthorized_client access_denied unsupported_response_type invalid_scope server_error temporary_unavailable")
	page := b.send(t, http.MethodGet, b.authorizeURI(nil), "")
	for _, code := range documented {
		want := url.Values{"error": {code}, "state": {"st/ate&=+ 1"}}
		if diff := cmp.Diff(want, b.consent(t, "", code, nil)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !strings.Contains(page.body, `name="answer" value="`+code+`"`) {
			t.Errorf("the page has no button for %s", code)
		}
	}
}

func TestInvalidAuthorizationRequestsAreRedirectedWithAnError(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	for want, queries := range map[string][]url.Values{
		"invalid_request": {
			{"response_type": {""}},
			{"state": {"1", "2"}},
			{"code_challenge": {challenge}, "code_challenge_method": {"plain"}},
			{"code_challenge": {challenge}},
			{"code_challenge": {"short"}, "code_challenge_method": {"S256"}},
			{"code_challenge_method": {"S256"}},
		},
		"unsupported_response_type": {{"response_type": {"token"}}},
		"invalid_scope":             {{"scope": {`read "all"`}}, {"scope": {"read  write"}}},
	} {
		for _, query := range queries {
			b := open(t, authtest.Options{})
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				a := b.send(t, method, b.authorizeURI(query), "user=user-1&answer=grant", asForm)
				if got := a.sentBack(t); got.Get("error") != want || got.Has("code") {
					t.Errorf("%s %v: sent back with %v want %s", method, query, got, want)
				}
			}
		}
	}
}

func TestUnregisteredRedirectURIIsNotFollowed(t *testing.T) {
	for name, c := range map[string]struct {
		registered []string
		query      url.Values
		want       int
	}{
		"another client":           {nil, url.Values{"client_id": {"other"}}, 400},
		"two clients":              {nil, url.Values{"client_id": {authtest.ClientID, authtest.ClientID}}, 400},
		"no redirect URI":          {nil, url.Values{"redirect_uri": {""}}, 400},
		"two redirect URIs":        {nil, url.Values{"redirect_uri": {redirectURI, redirectURI}}, 400},
		"the client's secret":      {nil, url.Values{"client_secret": {authtest.ClientSecret}}, 400},
		"a host elsewhere":         {nil, url.Values{"redirect_uri": {"https://app.example/code"}}, 400},
		"loopback as a user name":  {nil, url.Values{"redirect_uri": {"http://127.0.0.1@app.example/code"}}, 400},
		"another scheme":           {nil, url.Values{"redirect_uri": {"app://127.0.0.1/code"}}, 400},
		"a fragment":               {nil, url.Values{"redirect_uri": {"http://127.0.0.1/code#x"}}, 400},
		"no URI":                   {nil, url.Values{"redirect_uri": {"http://[::1"}}, 400},
		"IPv6 loopback":            {nil, url.Values{"redirect_uri": {"http://[::1]:8080/code"}}, 200},
		"localhost":                {nil, url.Values{"redirect_uri": {"http://localhost/code"}}, 200},
		"a registered one":         {[]string{"https://app.example/code"}, url.Values{"redirect_uri": {"https://app.example/code"}}, 200},
		"almost a registered one":  {[]string{"https://app.example/code"}, url.Values{"redirect_uri": {"https://app.example/code/"}}, 400},
		"loopback, not registered": {[]string{"https://app.example/code"}, nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, authtest.Options{RedirectURIs: c.registered})
			a := b.send(t, http.MethodGet, b.authorizeURI(c.query), "")
			if a.status != c.want || a.header.Get("Location") != "" {
				t.Errorf("got %d to %q want %d", a.status, a.header.Get("Location"), c.want)
			}
			if c.want == http.StatusBadRequest {
				a = b.send(t, http.MethodPost, b.authorizeURI(c.query), "user=user-1&answer=grant", asForm)
				if a.status != c.want || a.header.Get("Location") != "" {
					t.Errorf("POST: got %d to %q", a.status, a.header.Get("Location"))
				}
			}
		})
	}
}

func TestInvalidConsentForms(t *testing.T) {
	b := open(t, authtest.Options{})
	for _, body := range []string{"", "user=user-1", "user=&answer=grant", "user=user-1&answer=invented", "user=%zz&answer=grant"} {
		if a := b.send(t, http.MethodPost, b.authorizeURI(nil), body, asForm); a.status != http.StatusBadRequest {
			t.Errorf("%q: status %d", body, a.status)
		}
	}
	if a := b.send(t, http.MethodDelete, b.authorizeURI(nil), ""); a.status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: status %d", a.status)
	}
	if s := b.Stats(); s.Authorizations != 6 || s.Refused != 6 {
		t.Errorf("counted %+v", s)
	}
}

func TestRedirectHasTheIssuer(t *testing.T) {
	b := open(t, authtest.Options{Issuer: "https://issuer.example"})
	for _, decision := range []string{"grant", "access_denied"} {
		if got := b.consent(t, "user-1", decision, nil); got.Get("iss") != "https://issuer.example" {
			t.Errorf("%s: sent back with %v", decision, got)
		}
	}
}

func TestRedirectURIKeepsItsQuery(t *testing.T) {
	b := open(t, authtest.Options{})
	a := b.send(t, http.MethodPost, b.authorizeURI(url.Values{"redirect_uri": {redirectURI + "?dms=1"}, "state": nil}), "answer=access_denied", asForm)
	if got, want := a.header.Get("Location"), redirectURI+"?dms=1&error=access_denied"; got != want {
		t.Errorf("got %q want %q", got, want)
	}
}

func TestCodeIsValidOnceForAMinuteAndOneRedirectURI(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		edit  func(url.Values)
		want  string // error, "" for tokens
	}{
		"at once":                           {0, func(url.Values) {}, ""},
		"just before the end":               {time.Minute - time.Nanosecond, func(url.Values) {}, ""},
		"at the end":                        {time.Minute, func(url.Values) {}, "invalid_grant"},
		"no code":                           {0, func(v url.Values) { v.Del("code") }, "invalid_request"},
		"no redirect URI":                   {0, func(v url.Values) { v.Del("redirect_uri") }, "invalid_request"},
		"another redirect URI":              {0, func(v url.Values) { v.Set("redirect_uri", redirectURI+"/") }, "invalid_grant"},
		"a verifier without a challenge":    {0, func(v url.Values) { v.Set("code_verifier", strings.Repeat("v", 43)) }, "invalid_grant"},
		"a refresh token instead of a code": {0, func(v url.Values) { v.Set("grant_type", "refresh_token") }, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, authtest.Options{Dialect: authtest.Mazda})
			v := exchange(b.consent(t, "user-1", "grant", nil).Get("code"))
			c.edit(v)
			b.advance(c.after)
			status := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[c.want == ""]
			if got := b.ask(t, v).read(t, status); got.Error != c.want {
				t.Errorf("got %q want %q", got.Error, c.want)
			}
		})
	}
}

func TestReusedCodeRevokesItsTokens(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.Mazda})
	code := b.consent(t, "user-1", "grant", nil).Get("code")
	got := b.ask(t, exchange(code)).read(t, http.StatusOK)
	if e := b.ask(t, exchange(code)).read(t, http.StatusBadRequest); e.Error != "invalid_grant" {
		t.Errorf("got %q", e.Error)
	}
	if b.lives(t, got.Access, "user-1") || b.ask(t, renew(got.Refresh)).status != http.StatusBadRequest {
		t.Error("the tokens live on")
	}
}

func TestPKCE(t *testing.T) {
	// The sample of RFC 7636, Appendix B.
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	for name, c := range map[string]struct {
		verifier string
		status   int
	}{
		"the verifier":  {verifier, http.StatusOK},
		"another one":   {strings.Repeat("v", 43), http.StatusBadRequest},
		"none":          {"", http.StatusBadRequest},
		"the challenge": {challenge, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, authtest.Options{Dialect: authtest.Mazda})
			v := exchange(b.consent(t, "user-1", "grant", url.Values{"code_challenge": {challenge}, "code_challenge_method": {"S256"}}).Get("code"))
			v.Set("code_verifier", c.verifier)
			b.ask(t, v).read(t, c.status)
		})
	}
}

func TestRevokedCodes(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.Mazda})
	one, other := b.consent(t, "user-1", "grant", nil).Get("code"), b.consent(t, "user-2", "grant", nil).Get("code")
	b.RevokeRefresh("user-1")
	if got := b.ask(t, exchange(one)).status; got != http.StatusBadRequest {
		t.Errorf("a revoked user's code: status %d", got)
	}
	b.ask(t, exchange(other)).read(t, http.StatusOK)
}
