package authtest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"orderbeat/auth/authtest"
)

// call sends a request to an API behind s and reports whether it arrived.
func call(t *testing.T, s *authtest.Server, set ...func(*http.Request)) (arrived bool, a answer) {
	t.Helper()
	api := s.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { arrived = true; _, _ = io.WriteString(w, "ok") }))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/orders", nil)
	for _, edit := range set {
		edit(r)
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return arrived, answer{w.Code, w.Header(), w.Body.String()}
}

func TestAPIRequiresAnAccessTokenInTheHeader(t *testing.T) {
	b := open(t, authtest.Options{})
	got := b.granted(t, "user-1")
	for name, c := range map[string]struct {
		set  func(*http.Request)
		want bool
	}{
		"the header":            {header("Authorization", "Bearer "+got.Access), true},
		"the scheme in capital": {header("Authorization", "BEARER "+got.Access), true},
		"another scheme":        {header("Authorization", "BearerToken "+got.Access), false},
		"no scheme":             {header("Authorization", got.Access), false},
		"two headers":           {header("Authorization", "Bearer "+got.Access, "Bearer "+got.Access), false},
		"a refresh token":       {header("Authorization", "Bearer "+got.Refresh), false},
		"the query":             {func(r *http.Request) { r.URL.RawQuery = url.Values{"access_token": {got.Access}}.Encode() }, false},
		"nothing":               {func(*http.Request) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			arrived, a := call(t, b.Server, c.set)
			if arrived != c.want || (a.status == http.StatusOK) != c.want {
				t.Errorf("arrived %v with status %d", arrived, a.status)
			}
		})
	}
	if s := b.Stats(); s.CallsAuthorized != 2 || s.CallsRefused != 6 {
		t.Errorf("counted %+v", s)
	}
}

func TestTokensAreRevokedOneByOneAndTogether(t *testing.T) {
	b := open(t, authtest.Options{})
	one, other := b.granted(t, "user-1"), b.granted(t, "user-1")
	second := b.granted(t, "user-2")
	own := b.ask(t, url.Values{"grant_type": {"client_credentials"}}).read(t, http.StatusOK)
	alive := func(when string, want ...bool) {
		t.Helper()
		got := []bool{b.lives(t, one.Access, "user-1"), b.lives(t, other.Access, "user-1"), b.lives(t, second.Access, "user-2"), b.lives(t, own.Access, "")}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: got %v want %v", when, got, want)
				return
			}
		}
	}
	alive("at first", true, true, true, true)
	if !b.Revoke(one.Access) || b.Revoke(one.Access) {
		t.Error("a token is revoked once")
	}
	alive("one revoked", false, true, true, true)
	b.RevokeAccess("user-1")
	alive("a user's revoked", false, false, true, true)
	if a := b.ask(t, renew(other.Refresh)); a.status != http.StatusOK {
		t.Errorf("the refresh token went too: %d", a.status)
	}
	b.RevokeAccess("")
	alive("all revoked", false, false, false, false)

	b.RevokeRefresh("user-1")
	if got, want := b.ask(t, renew(one.Refresh)).status, http.StatusBadRequest; got != want {
		t.Errorf("a revoked refresh token: status %d", got)
	}
	again := b.ask(t, renew(second.Refresh)).read(t, http.StatusOK)
	if !b.Revoke(again.Refresh) || b.lives(t, again.Access, "user-2") || b.Revoke(again.Refresh) {
		t.Error("a refresh token takes its grant along, once")
	}
}

func TestOneTokenOrTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		options          authtest.Options
		same, firstLives bool
		expires          any
	}{
		"several side by side":         {authtest.Options{}, false, true, 3600.0},
		"a single one":                 {authtest.Options{SingleToken: true}, false, false, 3600.0},
		"the same, its life shrinking": {authtest.Options{SameToken: authtest.SameShrinking}, true, true, 2600.0},
		"the same, its life constant":  {authtest.Options{SameToken: authtest.SameConstant}, true, true, 3600.0},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, c.options)
			first := b.send(t, http.MethodPost, "/token", login(), asForm).read(t, http.StatusOK)
			other := b.granted(t, "user-2")
			b.advance(1000e9)
			second := b.send(t, http.MethodPost, "/token", login(), asForm).read(t, http.StatusOK)
			if (first.Access == second.Access) != c.same || b.lives(t, first.Access, "") != c.firstLives || second.Expires != c.expires {
				t.Errorf("same %v, first lives %v, expires_in %v", first.Access == second.Access, b.lives(t, first.Access, ""), second.Expires)
			}
			if !b.lives(t, other.Access, "user-2") {
				t.Error("another user's token ended")
			}
			b.advance(2600e9)
			if b.lives(t, first.Access, "") {
				t.Error("the first one does not end")
			}
			if third := b.send(t, http.MethodPost, "/token", login(), asForm).read(t, http.StatusOK); third.Access == first.Access || third.Expires != 3600.0 {
				t.Errorf("after its end: the same %v, expires_in %v", third.Access == first.Access, third.Expires)
			}
		})
	}
}

func TestRevokedTokenIsNotReturnedAgain(t *testing.T) {
	b := open(t, authtest.Options{SameToken: authtest.SameConstant})
	first := b.send(t, http.MethodPost, "/token", login(), asForm).read(t, http.StatusOK)
	b.RevokeAccess("")
	if second := b.send(t, http.MethodPost, "/token", login(), asForm).read(t, http.StatusOK); second.Access == first.Access || !b.lives(t, second.Access, "") {
		t.Error("the token that was revoked came again")
	}
}
