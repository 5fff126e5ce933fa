package authtest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/authtest"
)

func TestDocumentedErrors(t *testing.T) {
	grant := func(kind string) url.Values { return url.Values{"grant_type": {kind}} }
	wrong := func(kind string) string { return grant(kind).Encode() + "&client_id=x&client_secret=y" }
	for name, c := range map[string]struct {
		dialect   authtest.Dialect
		uri, body string
		status    int
		want      string
	}{
		"Michelin: unsupported grant type, blanks and all": {
			authtest.Michelin, "/idp/v2/b2b/oauth2/token", asClient(grant("password")), http.StatusBadRequest,
			`{"error":" unsupported_grant_type ","error_description":"grant type not supported"}` + "\n",
		},
		"Michelin: a missing grant type is the same": {
			authtest.Michelin, "/idp/v2/b2b/oauth2/token", asClient(url.Values{}), http.StatusBadRequest,
			`{"error":" unsupported_grant_type ","error_description":"grant type not supported"}` + "\n",
		},
		"Michelin: invalid client is 400": {
			authtest.Michelin, "/idp/v2/b2b/oauth2/token", wrong("client_credentials"), http.StatusBadRequest,
			`{"error":"invalid_client","error_description":"invalid client credentials"}` + "\n",
		},
		"Shell: Example 1": {
			authtest.Shell, "/v2/oauth/token", asClient(grant("client_credential")), http.StatusBadRequest,
			"{\n\"ErrorCode\": \"invalid_request\",\n\"Error\": \"Unsupported grant type : client_credential\"\n}",
		},
		"Shell: Example 2": {
			authtest.Shell, "/v2/oauth/token", wrong("client_credentials"), http.StatusUnauthorized,
			"{\n\"ErrorCode\": \"invalid_client\",\n\"Error\": \"ClientId is Invalid\"\n}",
		},
		"Shell: missing parameters": {
			authtest.Shell, "/v2/oauth/token", asClient(url.Values{}), http.StatusBadRequest,
			"{\n\"ErrorCode\": \"invalid_request\",\n\"Error\": \"Missing or incorrect parameters or header values\"\n}",
		},
		"Microbilt: like its gateway's others": {
			authtest.Microbilt, "/OAuth/GetAccessToken?grant_type=client_credentials", "client_id=x&client_secret=y", http.StatusUnauthorized,
			`{"ErrorCode" : "invalid_client", "Error" : "ClientId is Invalid"}`,
		},
		"PTV: like RFC 6749": {
			authtest.PTV, "/ptv/oauth2/token", wrong("client_credentials"), http.StatusUnauthorized,
			`{"error":"invalid_client","error_description":"the client is unknown, or uses the wrong authentication method"}` + "\n",
		},
		"RFC 6749, 5.2": {
			authtest.RFC6749, "/token", asClient(grant("password")), http.StatusBadRequest,
			"{\n  \"error\":\"unsupported_grant_type\",\n  \"error_description\":\"grant type not supported\"\n}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, authtest.Options{Dialect: c.dialect})
			a := b.send(t, http.MethodPost, c.uri, c.body, asForm)
			if diff := cmp.Diff(c.want, a.body); a.status != c.status || diff != "" {
				t.Errorf("status %d want %d (-want +got):\n%s", a.status, c.status, diff)
			}
			if got, want := b.Stats(), (authtest.Stats{TokenRequests: 1, Refused: 1}); got != want {
				t.Errorf("counted %+v want %+v", got, want)
			}
		})
	}
}

func TestMazdaRejections(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.Mazda})
	got := b.granted(t, "user-1")
	b.RevokeRefresh("user-1")
	if e := b.ask(t, renew(got.Refresh)).read(t, http.StatusBadRequest); e.Error != "invalid_request" {
		t.Errorf("a revoked refresh token: got %q want invalid_request, as the page says", e.Error)
	}
	if e := b.ask(t, exchange("unknown")).read(t, http.StatusBadRequest); e.Error != "invalid_grant" {
		t.Errorf("an unknown code: got %q want invalid_grant", e.Error)
	}
	if e := b.ask(t, url.Values{"grant_type": {"client_credentials"}}).read(t, http.StatusBadRequest); e.Error != "unsupported_grant_type" {
		t.Errorf("another grant: got %q", e.Error)
	}
	a := b.send(t, http.MethodPost, b.Paths().Token, renew(got.Refresh).Encode(), asForm, basic(authtest.ClientID, "wrong"))
	if a.status != http.StatusUnauthorized || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("a wrong secret: %d %v", a.status, a.header)
	}
	if !b.lives(t, got.Access, "user-1") {
		t.Error("the access token ended with the refresh token")
	}
}

func TestPTVAllowsFiftyRequestsPerSecond(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.PTV})
	for range 50 {
		b.ask(t, url.Values{"grant_type": {"client_credentials"}}).read(t, http.StatusOK)
	}
	if a := b.ask(t, url.Values{"grant_type": {"client_credentials"}}); a.status != http.StatusTooManyRequests {
		t.Errorf("request 51: status %d want 429", a.status)
	}
	b.advance(1e9)
	b.ask(t, url.Values{"grant_type": {"client_credentials"}}).read(t, http.StatusOK)
}

func TestCallsWithoutAValidToken(t *testing.T) {
	for dialect, want := range map[authtest.Dialect]answer{
		authtest.Michelin:  {body: ""},
		authtest.PTV:       {body: "Authentication required"},
		authtest.Shell:     {body: "{\n\"ErrorCode\": \"invalid_token\",\n\"Error\": \"Access Token is Invalid\"\n}"},
		authtest.Microbilt: {body: `{"fault":{"faultstring":"Invalid Access Token","detail":{"errorcode":"keymanagement.service.invalid_access_token"}}}`},
		authtest.Mazda:     {body: "", header: http.Header{"Www-Authenticate": {`Bearer realm="api", error="invalid_token"`}}},
		authtest.RFC6749:   {body: "", header: http.Header{"Www-Authenticate": {`Bearer realm="api", error="invalid_token"`}}},
	} {
		_, a := call(t, authtest.New(authtest.Options{Dialect: dialect}), header("Authorization", "Bearer unknown"))
		if a.status != http.StatusUnauthorized || a.body != want.body || a.header.Get("WWW-Authenticate") != want.header.Get("WWW-Authenticate") {
			t.Errorf("%s: got %+v", dialect, a)
		}
	}
}
