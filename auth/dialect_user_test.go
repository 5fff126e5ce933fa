package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/seal"
)

// "Can not be used as authorization for calling Mazda web services", says Mazda's page
// of the refresh token. It goes to the token endpoint, whatever happens.
func TestRefreshTokenIsNotSentToTheAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _, s := granted(t)
		answer := 200
		client := signing(s, roundTripper(func(req *http.Request) (*http.Response, error) {
			dump, err := httputil.DumpRequest(req, true)
			if err != nil {
				return nil, err
			}
			if strings.Contains(string(dump), "refresh") || strings.Count(string(dump), "access-") != 1 {
				t.Errorf("the API was sent %q", dump)
			}
			return respond(answer, ""), nil
		}))
		try := func() {
			resp, err := client.Post(orders, "application/json", strings.NewReader("{}"))
			if err == nil {
				resp.Body.Close()
			}
		}
		for _, answer = range []int{200, 401, 200, 403, 401, 401} {
			try()
			time.Sleep(31 * time.Minute) // by turns the token lives and has ended
		}
		server.current = "revoked by somebody"
		time.Sleep(time.Hour)
		for _, answer = range []int{200, 401} {
			try()
		}
		mustConsent(t, s, "rejected the refresh token")
		consent(t, s)
		answer = 200
		try()
		server.mu.Lock()
		defer server.mu.Unlock()
		between(t, "token requests", len(server.sent), 6, 10)
	})
}

// A signing key is revoked, says Mazda's page: the API answers 401, and the token
// endpoint 400 invalid_request to the refresh token.
func TestAllTokensOfAUserAreRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store, s := granted(t)
		server.current = "signed with another key"
		a := &api{accepts: func(string) bool { return false }}
		for range 100 {
			_, err := signing(s, a).Get(orders)
			if e, ok := errors.AsType[*endpoint.Error](err); !ok || e.Class != endpoint.ClassConsent {
				t.Errorf("got %v want class consent", err)
			}
			time.Sleep(time.Minute)
		}
		server.got(t, "refresh_token")
		if got := a.calls.Load(); got != 1 {
			t.Errorf("calls: got %d want 1", got)
		}
		mustConsent(t, open(t, userConfig(server, store)), "rejected the refresh token")
		server.got(t)
	})
}

// Mazda's page gives 1024 characters as the most; more is no reason to fail.
func TestLongTokensAreStoredWhole(t *testing.T) {
	for _, length := range []int{1024, 1025, 100_000} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			access, refresh := strings.Repeat("a", length), strings.Repeat("r", length)
			e := &tokenServer{answer: func(_ int64, req *http.Request) (*http.Response, error) {
				if body := bodyOf(t, req); strings.Contains(body, "grant_type=refresh_token") && !strings.Contains(body, "refresh_token="+refresh) {
					t.Errorf("a refresh token of %d characters was sent in a body of %d", length, len(body))
				}
				return respond(200, granting(access, fmt.Sprintf(`, "refresh_token": %q, "expires_in": 3600`, refresh))), nil
			}}
			keys, err := seal.LoadKeyring(filepath.Join(t.TempDir(), "keys", "key"), true)
			if err != nil {
				t.Fatal(err)
			}
			c := of(endpoint.Mazda(), e)
			c.Store = seal.New(auth.NewMemory(), keys)
			consent(t, open(t, c))
			s := open(t, c) // another process
			token := mustToken(t, s)
			if status, _ := call(t, signing(s, &api{accepts: only(access)}), nil); status != 200 {
				t.Errorf("got %d want the whole token to be sent", status)
			}
			e.got(t, 1)
			s.Reject(token.Generation)
			mustToken(t, s)
			e.got(t, 2)
		})
	}
}
