package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"orderbeat/auth/endpoint"
)

// The same answers mean something else where a refresh token was sent, or a code. Mazda's Access
// keys for DMS (OAuth2) has invalid_request for a refresh token that was revoked.
func TestRejectionsAreClassified(t *testing.T) {
	mazda, rfc := endpoint.Mazda(), endpoint.RFC6749()
	rfc.UserGrants = true
	const inClear = "the code has expired"
	for _, tt := range []struct {
		document, name   string
		dialect          endpoint.Dialect
		status           int
		code             string
		refresh          endpoint.Class
		exchange         endpoint.Class
		hintForExchanges string
	}{
		{mazdaPage, "a revoked refresh token", mazda, 400, "invalid_request", endpoint.ClassConsent, endpoint.ClassRequest, "token URL"},
		{mazdaPage, "what every other server says", mazda, 400, "invalid_grant", endpoint.ClassConsent, endpoint.ClassConsent, inClear},
		{mazdaPage, "a client that is refused", mazda, 401, "invalid_client", endpoint.ClassCredential, endpoint.ClassCredential, "client id"},
		{"RFC 6749 section 5.2", "a refresh token that is not good", rfc, 400, "invalid_grant", endpoint.ClassConsent, endpoint.ClassConsent, inClear},
		{"RFC 6749 section 5.2", "a refresh token that is not good, in a 401", rfc, 401, "invalid_grant", endpoint.ClassConsent, endpoint.ClassConsent, inClear},
		{"RFC 6749 section 5.2", "a request that is wrong", rfc, 400, "invalid_request", endpoint.ClassRequest, endpoint.ClassRequest, "token URL"},
		{"RFC 6749 section 5.2", "a client that may not", rfc, 400, "unauthorized_client", endpoint.ClassCredential, endpoint.ClassCredential, "allow this grant for this client"},
	} {
		t.Run(tt.document+": "+tt.name, func(t *testing.T) {
			refuse := false
			e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
				if refuse {
					return respond(tt.status, fmt.Sprintf(`{"error": %q}`, tt.code)), nil
				}
				return respond(200, granting("a", `, "refresh_token": "r", "expires_in": 3600`)), nil
			}}
			c := of(tt.dialect, e)
			s := open(t, c)
			consent(t, s)
			s.Reject(mustToken(t, s).Generation)
			refuse = true
			if got := fails(t, s); got.Class != tt.refresh {
				t.Errorf("a refresh: got %+v want class %s", got, tt.refresh)
			}
			e.got(t, 2)

			s = open(t, c)
			_, begun, err := s.Authorize(redirectOfMazda)
			if err != nil {
				t.Fatal(err)
			}
			err = s.Exchange(t.Context(), begun, "code")
			got, ok := errors.AsType[*endpoint.Error](err)
			if !ok || got.Class != tt.exchange || got.Code != tt.code || got.Status != tt.status || !strings.Contains(got.Hint, tt.hintForExchanges) {
				t.Errorf("an exchange: got %+v want class %s, and a hint of %s", err, tt.exchange, tt.hintForExchanges)
			}
			e.got(t, 3)
		})
	}
}
