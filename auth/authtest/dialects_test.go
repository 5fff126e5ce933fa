package authtest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/authtest"
)

// as sets everything about a documented request but its body.
func as(set ...func(*http.Request)) []func(*http.Request) { return set }

// The requests are the documents' samples, with our credentials where theirs are
// masked. The answers are the samples' bytes, with the random values in braces.
func TestDocumentedRequestsAndResponses(t *testing.T) {
	const (
		id, secret = "A0A10300-SAMPLE", "sample/+secret=%41"
		encoded    = "sample%2F%2Bsecret%3D%2541"
	)
	michelin := `{  "access_token": "{access_token}",  "signature": "{signature}",  "scope": "openid api",  ` +
		`"instance_url": "https://sandbox.invalid",  "id": "https://sandbox.invalid/id/00DSB0000000001EAC/005SB0000000001AAW",  ` +
		`"token_type": "Bearer",  "issued_at": "1727983572407"}`
	microbilt := `{ "issued_at" : "1727983572407", "expires_in" : "3599", "token_type" : "BearerToken", "access_token" : "{access_token}", "status" : "approved" }`
	ptv := "{\"access_token\":\"{access_token}\",\"token_type\":\"Bearer\",\"expires_in\":3600}\n"
	for name, c := range map[string]struct {
		dialect   authtest.Dialect
		uri, body string
		set       []func(*http.Request)
		want      string
	}{
		"Michelin: token request": {
			authtest.Michelin, "/idp/v2/b2b/oauth2/token",
			"grant_type=client_credentials&client_id=" + id + "&client_secret=" + encoded, as(asForm), michelin,
		},
		"PTV: Basic auth header": {
			authtest.PTV, "/ptv/oauth2/token", "grant_type=client_credentials", as(asForm, basic(id, secret)), ptv,
		},
		"PTV: Basic auth header, as curl sends the sample": {
			authtest.PTV, "/ptv/oauth2/token",
			"--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n--x--\r\n",
			as(header("Content-Type", "multipart/form-data; boundary=x"), basic(id, secret)), ptv,
		},
		"PTV: credentials in the body": {
			authtest.PTV, "/ptv/oauth2/token",
			"grant_type=client_credentials&client_id=" + id + "&client_secret=" + encoded, as(asForm), ptv,
		},
		"Shell: request access token": {
			authtest.Shell, "/v2/oauth/token",
			"client_id=" + id + "&client_secret=" + encoded + "&grant_type=client_credentials", as(asForm),
			"{\n\"access_token\": \"{access_token}\",\n\"expires_in\": \"899\",\n\"token_type\": \"Bearer\"\n}",
		},
		"Microbilt: JSON": {
			authtest.Microbilt, "/OAuth/GetAccessToken",
			`{ "client_id": "` + id + `","client_secret": "` + secret + `" , "grant_type" : "client_credentials" }`,
			as(header("Content-Type", "application/json")), microbilt,
		},
		"Microbilt: form, its content type with the sample's blank": {
			authtest.Microbilt, "/OAuth/GetAccessToken?grant_type=client_credentials",
			"client_id=" + id + "&client_secret=" + encoded, as(header("Content-Type", form+" ")), microbilt,
		},
		"RFC 6749, 4.4.2: Basic over encoded values": {
			authtest.RFC6749, "/token", "grant_type=client_credentials", as(asForm, basic(id, encoded)),
			"{\n  \"access_token\":\"{access_token}\",\n  \"token_type\":\"Bearer\",\n  \"expires_in\":3600\n}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, authtest.Options{Dialect: c.dialect, ClientID: id, ClientSecret: secret})
			a := b.send(t, http.MethodPost, c.uri, c.body, c.set...)
			if diff := cmp.Diff(c.want, masked(t, a)); a.status != http.StatusOK || diff != "" {
				t.Errorf("status %d (-want +got):\n%s", a.status, diff)
			}
			if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json;charset=UTF-8" {
				t.Errorf("got %v", a.header)
			}
			if token := a.read(t, http.StatusOK).Access; !b.lives(t, token, "") {
				t.Error("the token does not live")
			}
			if got, want := b.Stats(), (authtest.Stats{TokenRequests: 1, TokensIssued: 1, CallsAuthorized: 1}); got != want {
				t.Errorf("counted %+v want %+v", got, want)
			}
		})
	}
}

// masked replaces the random values of an answer by their names.
func masked(t *testing.T, a answer) string {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	text := a.body
	for _, name := range []string{"access_token", "refresh_token", "signature"} {
		if value, _ := got[name].(string); value != "" {
			text = strings.ReplaceAll(text, `"`+value+`"`, `"{`+name+`}"`)
		}
	}
	return text
}

func TestTokensLookLikeTheSamples(t *testing.T) {
	for dialect, c := range map[authtest.Dialect]struct {
		prefix string
		length int
	}{
		authtest.Michelin:  {"00DSB0000000001!AQEAQ", 73},
		authtest.Shell:     {"", 28},
		authtest.Microbilt: {"", 28},
		authtest.PTV:       {"", 40},
		authtest.RFC6749:   {"", 40},
	} {
		b := open(t, authtest.Options{Dialect: dialect})
		uri := b.Paths().Token
		body := login()
		if dialect == authtest.Microbilt {
			uri, body = uri+"?grant_type=client_credentials", asClient(url.Values{})
		}
		one := b.send(t, http.MethodPost, uri, body, asForm).read(t, http.StatusOK).Access
		two := b.send(t, http.MethodPost, uri, body, asForm).read(t, http.StatusOK).Access
		if one == two || len(one) != c.length || !strings.HasPrefix(one, c.prefix) {
			t.Errorf("%s: got %q and %q", dialect, one, two)
		}
	}
	b := open(t, authtest.Options{Dialect: authtest.Mazda})
	code := b.consent(t, "anybody", "grant", nil).Get("code")
	got := b.ask(t, exchange(code)).read(t, http.StatusOK)
	if len(code) != 32 || len(got.Access) != 1024 || len(got.Refresh) != 1024 || got.Access == got.Refresh || strings.Count(got.Access, ".") != 2 {
		t.Errorf("Mazda: code %q, tokens of %d and %d characters", code, len(got.Access), len(got.Refresh))
	}
}

// The lives are those of the documents, and end to the second.
func TestTokensExpireAsDocumented(t *testing.T) {
	for dialect, life := range map[authtest.Dialect]time.Duration{
		authtest.Michelin: 120 * time.Minute, authtest.Shell: 899 * time.Second, authtest.Mazda: 24 * time.Hour,
	} {
		b := open(t, authtest.Options{Dialect: dialect})
		user, token := "", ""
		if dialect == authtest.Mazda {
			user = authtest.User
			token = b.granted(t, user).Access
		} else {
			token = b.ask(t, url.Values{"grant_type": {"client_credentials"}}).read(t, http.StatusOK).Access
		}
		b.advance(life - time.Nanosecond)
		before := b.lives(t, token, user)
		b.advance(time.Nanosecond)
		if after := b.lives(t, token, user); !before || after {
			t.Errorf("%s: lives just before %s: %v, after: %v", dialect, life, before, after)
		}
	}
}

func TestMazdaExpiryHasThreeFormats(t *testing.T) {
	for expiry, want := range map[authtest.Expiry]any{
		"": 3600.0, authtest.ExpirySeconds: 3600.0, authtest.ExpiryText: "3600", authtest.ExpiryEpoch: 1727987172.0, authtest.ExpiryNone: nil,
	} {
		b := open(t, authtest.Options{Dialect: authtest.Mazda, Life: time.Hour, Expiry: expiry})
		if got := b.granted(t, "anybody").Expires; got != want {
			t.Errorf("%q: got %v want %v", expiry, got, want)
		}
	}
}

func TestMichelinIntrospection(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.Michelin})
	b.clock.Store(time.Unix(1727984953, 0).UnixNano()) // the sample's iat
	token := b.ask(t, url.Values{"grant_type": {"client_credentials"}}).read(t, http.StatusOK).Access
	inspect := func(token string) answer {
		return b.send(t, http.MethodPost, "/idp/v2/b2b/oauth2/introspect", asClient(url.Values{"token": {token}}), asForm)
	}
	want := `{    "active": true,    "scope": "api openid",    "client_id": "` + authtest.ClientID + ` ",    "username": "orderbeat@sandbox.invalid",    ` +
		`"sub": "https://sandbox.invalid/id/00DSB0000000001EAC/005SB0",    "token_type": "access_token",    ` +
		`"exp": 1727992153,    "iat": 1727984953,    "nbf": 1727984953}`
	if diff := cmp.Diff(want, inspect(token).body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Revoke(token)
	for _, dead := range []string{token, "unknown"} {
		if a := inspect(dead); a.status != http.StatusOK || a.body != "{\"active\":false}\n" {
			t.Errorf("a dead token: %d %s", a.status, a.body)
		}
	}
	// The page's list names the token URL for introspection, which does no such thing.
	if a := b.send(t, http.MethodPost, "/idp/v2/b2b/oauth2/token", asClient(url.Values{"token": {token}}), asForm); a.status != http.StatusBadRequest {
		t.Errorf("introspection at the token URL: %d %s", a.status, a.body)
	}
}

func TestIntrospectionAndRevocation(t *testing.T) {
	b := open(t, authtest.Options{})
	got := b.granted(t, "user-1")
	about := func(path, token string) answer {
		return b.send(t, http.MethodPost, path, asClient(url.Values{"token": {token}, "token_type_hint": {"refresh_token"}}), asForm)
	}
	want := `{"active":true,"client_id":"` + authtest.ClientID + `","username":"user-1","token_type":"Bearer","exp":1727987172,"iat":1727983572}` + "\n"
	if diff := cmp.Diff(want, about("/introspect", got.Access).body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a := about("/revoke", "unknown"); a.status != http.StatusOK || a.body != "" {
		t.Errorf("an unknown token: %d %s", a.status, a.body)
	}
	if !b.lives(t, got.Access, "user-1") {
		t.Error("the token was revoked with another one")
	}
	for _, path := range []string{"/introspect", "/revoke"} {
		if a := b.send(t, http.MethodPost, path, asClient(url.Values{"token": {""}}), asForm); a.status != http.StatusBadRequest {
			t.Errorf("%s without a token: status %d", path, a.status)
		}
		if a := b.send(t, http.MethodPost, path, url.Values{"token": {got.Access}}.Encode(), asForm); a.status != http.StatusUnauthorized {
			t.Errorf("%s without a client: status %d", path, a.status)
		}
	}
	about("/revoke", got.Refresh)
	if b.lives(t, got.Access, "user-1") || b.ask(t, renew(got.Refresh)).status != http.StatusBadRequest {
		t.Error("revoking the refresh token left something alive (RFC 7009 section 2.1)")
	}
}
