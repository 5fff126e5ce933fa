package sandbox_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients/sandbox"
	"orderbeat/clients/sandbox/michelin"
)

func TestTokenMatchesThePortalsSample(t *testing.T) {
	b := newBench(t)
	a := b.send(t, http.MethodPost, tokenPath, credentials().Encode(), asForm)
	got := decode(t, a.body)
	members := slices.Sorted(maps.Keys(got))
	want := []string{"access_token", "id", "instance_url", "issued_at", "scope", "signature", "token_type"}
	if diff := cmp.Diff(want, members); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	if !regexp.MustCompile(`^00D\w+!\w{40,}$`).MatchString(got["access_token"].(string)) {
		t.Error("the access token has another form")
	}
	if got["token_type"] != "Bearer" || got["issued_at"] != "1795194000000" {
		t.Errorf("token_type %v, issued_at %v", got["token_type"], got["issued_at"])
	}
}

func TestTokenRejections(t *testing.T) {
	with := func(key, value string) string {
		v := credentials()
		v.Set(key, value)
		return v.Encode()
	}
	without := func(key string) string {
		v := credentials()
		v.Del(key)
		return v.Encode()
	}
	for name, c := range map[string]struct {
		body string
		set  func(*http.Request)
		code string
	}{
		"a JSON body":       {`{"grant_type":"client_credentials"}`, asJSON, " unsupported_grant_type "},
		"no content type":   {credentials().Encode(), func(*http.Request) {}, " unsupported_grant_type "},
		"no grant type":     {without("grant_type"), asForm, " unsupported_grant_type "},
		"another grant":     {with("grant_type", "password"), asForm, " unsupported_grant_type "},
		"a broken form":     {"grant_type=client_credentials&client_id=%zz", asForm, " unsupported_grant_type "},
		"a wrong secret":    {with("client_secret", "wrong"), asForm, "invalid_client"},
		"no client":         {without("client_id"), asForm, "invalid_client"},
		"an unescaped plus": {"grant_type=client_credentials&client_id=" + sandbox.ClientID + "&client_secret=" + sandbox.ClientSecret, asForm, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			a := b.send(t, http.MethodPost, tokenPath, c.body, c.set)
			got := decode(t, a.body)
			if a.status != http.StatusBadRequest || got["error"] != c.code || got["error_description"] == nil {
				t.Errorf("got status %d, %s; want 400 and %q", a.status, a.body, c.code)
			}
			if s := b.Stats(); s.TokenRequests != 1 || s.TokensIssued != 0 {
				t.Errorf("counted %+v", s)
			}
		})
	}
}

func TestTokensAreValidUntilTheyExpire(t *testing.T) {
	b := newBench(t)
	works := func(token string) bool {
		a := b.send(t, http.MethodPost, statusPath, portal(byDate("2026-11-20", "2026-11-20")), asJSON, bearer(token))
		if a.status == http.StatusUnauthorized && a.body != "" {
			t.Errorf("a 401 has the body %q, want none", a.body)
		}
		return a.status == http.StatusOK
	}
	expect := func(when, token string, want bool) {
		t.Helper()
		if got := works(token); got != want {
			t.Errorf("%s: works %v, want %v", when, got, want)
		}
	}
	first := b.token(t)
	b.advance(time.Hour)
	second := b.token(t)
	expect("first, with another beside it", first, true)
	expect("second", second, true)
	b.advance(time.Hour - time.Second)
	expect("first, a second before its 120 minutes are over", first, true)
	b.advance(time.Second)
	expect("first, after 120 minutes", first, false)
	expect("second, after 60 minutes", second, true)
	b.Revoke(sandbox.Revocation{})
	expect("second, revoked", second, false)
	expect("one that was never issued", "00DSB0000000001!AQEAQ", false)
	expect("none", "", false)
	expect("one issued after the revocation", b.token(t), true)
}

func TestOlderCredentialsAreAcceptedTogetherOnly(t *testing.T) {
	basic := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	none := func(*http.Request) {}
	for name, c := range map[string]struct {
		basic, key func(*http.Request)
		want       int
	}{
		"both":             {basic(michelin.Username, michelin.Password), header("apikey", michelin.APIKey), http.StatusOK},
		"no key":           {basic(michelin.Username, michelin.Password), none, http.StatusUnauthorized},
		"key alone":        {none, header("apikey", michelin.APIKey), http.StatusUnauthorized},
		"wrong password":   {basic(michelin.Username, "wrong"), header("apikey", michelin.APIKey), http.StatusUnauthorized},
		"a wrong key":      {basic(michelin.Username, michelin.Password), header("apikey", "wrong"), http.StatusUnauthorized},
		"an unknown token": {bearer("unknown"), header("apikey", michelin.APIKey), http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			a := b.send(t, http.MethodPost, statusPath, portal(byDate("2026-11-20", "2026-11-20")), asJSON, c.basic, c.key)
			if a.status != c.want {
				t.Errorf("got status %d, want %d", a.status, c.want)
			}
		})
	}
}

func TestIntrospection(t *testing.T) {
	b := newBench(t)
	token := b.token(t)
	form := url.Values{"token": {token}, "client_id": {sandbox.ClientID}, "client_secret": {sandbox.ClientSecret}}

	a := b.send(t, http.MethodPost, introPath, form.Encode(), asForm)
	got := decode(t, a.body)
	delete(got, "username")
	delete(got, "sub")
	want := map[string]any{
		"active": true, "scope": "api openid", "client_id": sandbox.ClientID + " ", "token_type": "access_token",
		"exp": 1795201200.0, "iat": 1795194000.0, "nbf": 1795194000.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for name := range form {
		if err := m.WriteField(name, form.Get(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if p := b.send(t, http.MethodPost, introPath, body.String(), header("Content-Type", m.FormDataContentType())); p.body != a.body {
		t.Errorf("multipart answers %s", p.body)
	}

	b.Revoke(sandbox.Revocation{})
	if a := b.send(t, http.MethodPost, introPath, form.Encode(), asForm); a.body != "{\"active\":false}\n" {
		t.Errorf("a revoked token: %s", a.body)
	}
	form.Set("client_secret", "wrong")
	if a := b.send(t, http.MethodPost, introPath, form.Encode(), asForm); a.status != http.StatusBadRequest || decode(t, a.body)["error"] != "invalid_client" {
		t.Errorf("a wrong secret: %d %s", a.status, a.body)
	}
	encoded, _ := json.Marshal(form)
	if a := b.send(t, http.MethodPost, introPath, string(encoded), asJSON); a.status != http.StatusBadRequest {
		t.Errorf("no form: status %d, want 400", a.status)
	}
}
