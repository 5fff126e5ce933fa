package auth_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
)

// revocable is a source with tokens in hand, a user's where the dialect has it so. Its
// revocation endpoint gives these answers, in order.
func revocable(t *testing.T, d endpoint.Dialect, answers ...reply) (*wire, *tokenServer, *auth.Source) {
	t.Helper()
	w := tap(t, answers...)
	e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
		return respond(200, granting("access", `, "refresh_token": "refresh", "expires_in": 3600`)), nil
	}}
	c := of(d, roundTripper(func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "/revoke") {
			return http.DefaultTransport.RoundTrip(req)
		}
		return e.RoundTrip(req)
	}))
	c.RevocationURL, c.UserAgent, c.Store = w.url.String()+"/revoke", "orderbeat/1", auth.NewMemory()
	s := open(t, c)
	if d.UserGrants {
		consent(t, s)
	}
	mustToken(t, s)
	return w, e, s
}

func TestRevocationRequestsByteForByte(t *testing.T) {
	const (
		path    = "/revoke"
		access  = "token=access&token_type_hint=access_token"
		refresh = "token=refresh&token_type_hint=refresh_token"
		client  = "client_id=canary-client-id&client_secret=canary-client-secret&"
	)
	asBasic, users := basic(clientID+":"+clientSecret), endpoint.RFC6749()
	users.UserGrants = true
	for name, tt := range map[string]struct {
		dialect endpoint.Dialect
		want    string
	}{
		"a client has an access token alone":            {endpoint.RFC6749(), posted(path, "", formType, client+access)},
		"and proves itself as it does for a token":      {endpoint.PTV(), posted(path, asBasic, formType, access)},
		"a user's refresh token goes first":             {users, posted(path, "", formType, client+refresh) + posted(path, "", formType, client+access)},
		"a user's refresh token goes first, with Basic": {endpoint.Mazda(), posted(path, asBasic, formType, refresh) + posted(path, asBasic, formType, access)},
		"a form, also where token requests are JSON":    {endpoint.Microbilt(), posted(path, "", formType, client+access)},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, s := revocable(t, tt.dialect, reply{200, ""}, reply{200, ""})
			if revoked, err := s.Logout(t.Context()); !revoked || err != nil {
				t.Errorf("got %v, %v want revoked", revoked, err)
			}
			if diff := cmp.Diff(tt.want, w.raw()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever the authorization server says, the tokens are dropped here, and each was
// sent once.
func TestRevocationResponses(t *testing.T) {
	const rfc = "RFC 7009 section 2.2"
	yes := reply{200, ""}
	for _, tt := range []struct {
		document, name   string
		refresh, access  reply
		revoked          bool
		statusOfTheError int
	}{
		{rfc, "a 200", yes, yes, true, 0},
		{rfc, "a 200 for a token that is not known", yes, reply{200, `{"error":"invalid_token"}`}, true, 0},
		{rfc, "a 200 in HTML", reply{200, "<html>"}, yes, true, 0},
		{rfc, "one of them is refused", reply{400, `{"error":"invalid_request"}`}, yes, false, 400},
		{rfc, "the other one is refused", yes, reply{400, `{"error":"invalid_request"}`}, false, 400},
		{rfc + ".1", "a type that is not supported is not tried again", yes, reply{400, `{"error":"unsupported_token_type"}`}, false, 400},
		{rfc + ".1", "a 503: the token lives on", reply{503, ""}, yes, false, 503},
		{rfc + ".1", "a client that is refused", reply{401, `{"error":"invalid_client"}`}, reply{401, ""}, false, 401},
	} {
		t.Run(tt.document+": "+tt.name, func(t *testing.T) {
			w, e, s := revocable(t, endpoint.Mazda(), tt.refresh, tt.access)
			before := s.Status()
			revoked, err := s.Logout(t.Context())
			if revoked != tt.revoked {
				t.Errorf("revoked: got %v want %v", revoked, tt.revoked)
			}
			if got, ok := errors.AsType[*endpoint.Error](err); (err == nil) != tt.revoked || err != nil && (!ok || got.Status != tt.statusOfTheError || !strings.Contains(got.Hint, "stays valid")) {
				t.Errorf("got %v want status %d, and that it lives on", err, tt.statusOfTheError)
			}
			if got := strings.Count(w.raw(), "POST"); got != 2 {
				t.Errorf("got %d requests want each token sent once", got)
			}
			mustConsent(t, s, "user was logged out")
			e.got(t, 1)
			if after := s.Status(); after.Refusals != before.Refusals || after.LifeLeft != 0 {
				t.Errorf("got %+v want nothing to be held against the credentials, and no token", after)
			}
			consent(t, s)
			mustToken(t, s)
		})
	}
}

func TestRevocationRetries(t *testing.T) {
	c := config(roundTripper(func(req *http.Request) (*http.Response, error) {
		if !strings.HasSuffix(req.URL.Path, "/revoke") {
			return grant("a"), nil
		}
		resp := respond(503, "")
		resp.Header.Set("Retry-After", "30")
		return resp, nil
	}))
	c.RevocationURL = "https://api.example/revoke"
	s := open(t, c)
	mustToken(t, s)
	_, err := s.Logout(t.Context())
	if e, ok := errors.AsType[*endpoint.Error](err); !ok || e.After != 30*time.Second {
		t.Errorf("got %v want a wait of 30s", err)
	}
}

func TestLogoutWithoutAResponseDropsTheTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{}
		c := config(roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/revoke") {
				return hanging(nil).RoundTrip(req)
			}
			return e.RoundTrip(req)
		}))
		c.RevocationURL, c.Store = "https://api.example/revoke", auth.NewMemory()
		s := open(t, c)
		mustToken(t, s)
		began := time.Now()
		revoked, err := s.Logout(t.Context())
		if revoked || err == nil || !strings.Contains(err.Error(), "revocation endpoint") || time.Since(began) != 30*time.Second {
			t.Errorf("after %v: got %v, %v want a failure after 30s", time.Since(began), revoked, err)
		}
		if row, err := c.Store.Load(t.Context(), s.Status().Key); err != nil || !row.Token.Empty() {
			t.Errorf("got %+v, %v want no token in the store", row, err)
		}
		mustToken(t, s) // a client logs in again
		e.got(t, 2)
	})
}

func TestLogoutWithoutARevocationEndpointIsLocal(t *testing.T) {
	server, store, s := granted(t)
	if revoked, err := s.Logout(t.Context()); revoked || err != nil {
		t.Errorf("got %v, %v want it dropped here alone", revoked, err)
	}
	mustConsent(t, s, "user was logged out")
	mustConsent(t, open(t, userConfig(server, store)), "user was logged out") // and after a restart
	row, err := store.Load(t.Context(), s.Status().Key)
	if err != nil || !row.Token.Empty() || !row.Refresh.Empty() {
		t.Errorf("got %+v, %v want no tokens in the store", row, err)
	}
	server.got(t)
}

func TestLogoutWithoutTokensSendsNothing(t *testing.T) {
	e := &tokenServer{}
	c := config(e)
	c.RevocationURL = "https://api.example/revoke"
	if _, err := open(t, c).Logout(t.Context()); err != nil {
		t.Error(err)
	}
	e.got(t, 0)
}

// A token that the store did not take is served all the same: a logout ends it too.
func TestLogoutRevokesATokenThatWasNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var is atomic.Bool
		is.Store(true)
		var revoked string
		e := &tokenServer{}
		c := config(roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/revoke") {
				revoked = bodyOf(t, req)
				return respond(200, ""), nil
			}
			return e.RoundTrip(req)
		}))
		c.Store, c.RevocationURL = full{auth.NewMemory(), &is}, "https://api.example/revoke"
		s := open(t, c)
		mustToken(t, s)
		is.Store(false)
		time.Sleep(time.Hour + time.Minute) // its lease ends
		if _, err := s.Logout(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(revoked, "token=token-1&") {
			t.Errorf("revoked %q want the token that was served", revoked)
		}
		if got := accessOf(t, s); got != "token-2" {
			t.Errorf("got %s want another token", got)
		}
	})
}

func TestLogoutRevokesAGrantThatWasNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var is atomic.Bool
		server, store, first := granted(t)
		first.Close()
		var revoked []string
		c := userConfig(server, full{store, &is})
		c.RevocationURL = "https://mapps.example/revoke"
		c.Base = roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/revoke") {
				revoked = append(revoked, bodyOf(t, req))
				return respond(200, ""), nil
			}
			return server.RoundTrip(req)
		})
		s := open(t, c)
		mustToken(t, s)
		time.Sleep(time.Hour)
		is.Store(true)
		if got := accessOf(t, s); got != "access-2" {
			t.Fatalf("got %s want the next one", got)
		}
		is.Store(false)
		time.Sleep(time.Minute) // its lease ends
		if _, err := s.Logout(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{"token=refresh-2&token_type_hint=refresh_token", "token=access-2&token_type_hint=access_token"}
		if diff := cmp.Diff(want, revoked); diff != "" {
			t.Errorf("revoked (-want +got):\n%s", diff)
		}
		mustConsent(t, s, "user was logged out")
		s.RenewIdle()
		synctest.Wait()
		mustConsent(t, open(t, userConfig(server, store)), "user was logged out")
	})
}
