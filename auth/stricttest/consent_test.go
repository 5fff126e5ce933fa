package stricttest_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/authorization"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

func TestConsentLogoutAndConsentAgain(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := run(t, time.Minute)
			source := open(t, s.userConfig())
			consent(t, source)
			client := signing(t, s, source)
			if err := get(client, s.at("/api")); err != nil {
				t.Fatalf("after the grant: %v", err)
			}
			introspected(t, source)
			token, err := source.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}

			revoked, err := source.Logout(t.Context())
			if want := s.revoke != ""; revoked != want || err != nil {
				t.Errorf("logout: revoked %t, %v, want %t", revoked, err, want)
			}
			want := http.StatusUnauthorized
			if s.revoke == "" {
				want = http.StatusOK // there it lives until it ends
			}
			if got := status(t, s, token.Access); got != want {
				t.Errorf("the old token after the logout: status %d, want %d", got, want)
			}
			wantConsent(t, get(client, s.at("/api")))

			consent(t, source)
			if err := get(client, s.at("/api")); err != nil {
				t.Errorf("after the second grant: %v", err)
			}
		})
	}
}

// introspected checks what the server says of the token in hand, if it says anything.
func introspected(t *testing.T, source *auth.Source) {
	t.Helper()
	if !source.CanIntrospect() {
		return
	}
	got, err := source.Introspect(t.Context())
	if err != nil {
		t.Errorf("introspection: %v", err)
	}
	if left := time.Until(got.ExpiresAt); !got.Active || got.ClientID != clientID || got.Scope != scope || left <= 0 || left > time.Minute+time.Second {
		t.Errorf("introspection of a live token: got %+v", got)
	}
}

// Somebody revokes the refresh token at the provider, which ends the access token too.
func TestRevokedGrantIsNotRefreshedAgain(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		if name == "go-oauth2" {
			continue // it has no revocation endpoint
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := run(t, time.Minute)
			c := s.userConfig()
			c.Store = auth.NewMemory()
			source := open(t, c)
			consent(t, source)
			row, err := c.Store.Load(t.Context(), source.Status().Key)
			if err != nil {
				t.Fatal(err)
			}
			revoke(t, s, row.Refresh)
			client := signing(t, s, source)
			for range 3 {
				wantConsent(t, get(client, s.at("/api")))
			}
			if got := source.Status(); got.State != auth.StateConsent || got.Logins != 2 { // the exchange, and one that was refused
				t.Errorf("state %s after %d token requests, want %s after 2", got.State, got.Logins, auth.StateConsent)
			}
		})
	}
}

// revoke revokes a token in the client's name (RFC 7009).
func revoke(t *testing.T, s server, token secret.Secret) {
	t.Helper()
	form := url.Values{"token": {token.Reveal()}, "token_type_hint": {"refresh_token"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.at(s.revoke), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(clientSecret))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("revocation: status %d", resp.StatusCode)
	}
}

// consent lets johndoe grant access.
func consent(t *testing.T, s *auth.Source) {
	t.Helper()
	consents := authorization.NewPending()
	page, err := consents.Begin(s, redirectURI)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := browse(t, page)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := consents.Finish(t.Context(), s.Provider(), answer); err != nil {
		t.Fatal(err)
	}
}

// wantConsent checks that an error says that the user has to grant access.
func wantConsent(t *testing.T, err error) {
	t.Helper()
	if e, ok := errors.AsType[*endpoint.Error](err); !ok || e.Class != endpoint.ClassConsent {
		t.Errorf("got %v, want the class %s", err, endpoint.ClassConsent)
	}
}
