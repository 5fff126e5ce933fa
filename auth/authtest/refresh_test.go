package authtest_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"orderbeat/auth/authtest"
)

func TestRefreshTokensRotate(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.Mazda})
	first := b.granted(t, "user-1")
	second := b.ask(t, renew(first.Refresh)).read(t, http.StatusOK)
	third := b.ask(t, renew(second.Refresh)).read(t, http.StatusOK)
	if first.Refresh == second.Refresh || second.Refresh == third.Refresh || first.Access == second.Access {
		t.Error("a token came twice")
	}
	for _, token := range []string{first.Access, second.Access, third.Access} {
		if !b.lives(t, token, "user-1") {
			t.Error("a refresh ends the access tokens before")
		}
	}
	if s := b.Stats(); s.TokensIssued != 3 || s.Refreshes != 2 {
		t.Errorf("counted %+v", s)
	}
}

func TestReusableRefreshToken(t *testing.T) {
	for reuse, c := range map[authtest.Reuse]struct {
		status int
		goesOn bool // the newest refresh token and the access tokens
	}{
		authtest.ReuseRevokes: {http.StatusBadRequest, false},
		authtest.ReuseRefused: {http.StatusBadRequest, true},
		authtest.ReuseAllowed: {http.StatusOK, true},
	} {
		t.Run("reuse "+string(reuse), func(t *testing.T) {
			b := open(t, authtest.Options{Reuse: reuse})
			first := b.granted(t, "user-1")
			other := b.granted(t, "user-1") // another grant of the same user
			second := b.ask(t, renew(first.Refresh)).read(t, http.StatusOK)
			b.ask(t, renew(first.Refresh)).read(t, c.status)
			if got := b.lives(t, second.Access, "user-1"); got != c.goesOn {
				t.Errorf("the access token lives: %v want %v", got, c.goesOn)
			}
			if got := b.ask(t, renew(second.Refresh)).status == http.StatusOK; got != c.goesOn {
				t.Errorf("the newest refresh token is good: %v want %v", got, c.goesOn)
			}
			if !b.lives(t, other.Access, "user-1") || b.ask(t, renew(other.Refresh)).status != http.StatusOK {
				t.Error("the user's other grant ended too")
			}
		})
	}
}

func TestRefreshTokensWithoutRotation(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.Mazda, Refresh: authtest.RefreshStays})
	first := b.granted(t, "user-1")
	for range 2 {
		if got := b.ask(t, renew(first.Refresh)).read(t, http.StatusOK); got.Refresh != "" || got.Access == "" {
			t.Error("a refresh brings a refresh token, or no access token")
		}
	}
	none := open(t, authtest.Options{Dialect: authtest.Mazda, Refresh: authtest.RefreshAbsent})
	if none.granted(t, "user-1").Refresh != "" {
		t.Error("a code brings a refresh token")
	}
}

func TestRefreshTokensExpire(t *testing.T) {
	b := open(t, authtest.Options{RefreshLife: time.Hour})
	first := b.granted(t, "user-1")
	b.advance(time.Hour - time.Nanosecond)
	second := b.ask(t, renew(first.Refresh)).read(t, http.StatusOK)
	b.advance(time.Hour)
	if e := b.ask(t, renew(second.Refresh)).read(t, http.StatusBadRequest); e.Error != "invalid_grant" {
		t.Errorf("got %q", e.Error)
	}
}

func TestInvalidRefreshTokensAreRejected(t *testing.T) {
	b := open(t, authtest.Options{})
	if got := b.ask(t, url.Values{"grant_type": {"client_credentials"}}).read(t, http.StatusOK); got.Refresh != "" {
		t.Error("client credentials bring a refresh token (RFC 6749 section 4.4.3)")
	}
	for name, v := range map[string]url.Values{
		"none":            {"grant_type": {"refresh_token"}},
		"unknown":         renew("unknown"),
		"an access token": renew(b.granted(t, "user-1").Access),
	} {
		if a := b.ask(t, v); a.status != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, a.status)
		}
	}
}

func TestScopeIsNotWidenedOnRefresh(t *testing.T) {
	b := open(t, authtest.Options{})
	code := b.consent(t, "user-1", "grant", url.Values{"scope": {"read write"}}).Get("code")
	got := b.ask(t, exchange(code)).read(t, http.StatusOK)
	wider, narrower := renew(got.Refresh), renew(got.Refresh)
	wider.Set("scope", "read admin")
	narrower.Set("scope", "read")
	if e := b.ask(t, wider).read(t, http.StatusBadRequest); e.Error != "invalid_scope" {
		t.Errorf("wider: got %q", e.Error)
	}
	if got := b.ask(t, narrower).read(t, http.StatusOK); got.Scope != "read" {
		t.Errorf("narrower: got scope %q", got.Scope)
	}
}
