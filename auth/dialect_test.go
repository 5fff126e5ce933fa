package auth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
)

func TestConfigurationErrorsAreReportedTogether(t *testing.T) {
	_, err := auth.NewSource(auth.Config{TokenURL: "http://api.example/token"})
	want := "auth: dialect is missing\nauth: provider is missing\nauth: client id is missing\nauth: client secret is missing\n" +
		"auth: token lifetime, in the dialect or as TTL is missing\nauth: the token URL must be https, or http on a loopback address"
	if err == nil || err.Error() != want {
		t.Errorf("got %v want %v", err, want)
	}
}

func TestRequiredConfiguration(t *testing.T) {
	for _, tt := range []struct {
		name   string
		of     endpoint.Dialect
		change func(*auth.Config)
		want   string // "" is no mistake
	}{
		{"a client's", endpoint.Michelin(), func(*auth.Config) {}, ""},
		{"a user's", endpoint.Mazda(), func(*auth.Config) {}, ""},
		{"tokens of users are somebody's", endpoint.Mazda(), func(c *auth.Config) { c.User = "" }, "user is missing"},
		{"a user for tokens of the client", endpoint.Shell(), func(c *auth.Config) { c.User = user }, "the dialect's tokens belong to the client"},
		{"users grant access somewhere", endpoint.Mazda(), func(c *auth.Config) { c.AuthorizeURL = "" }, "the authorization URL must be https"},
		{"over TLS", endpoint.Mazda(), func(c *auth.Config) { c.AuthorizeURL = "http://mapps.example/oauth/authorize" }, "the authorization URL must be https"},
		{"a token comes over TLS", endpoint.PTV(), func(c *auth.Config) { c.TokenURL = "http://api.example/token" }, "the token URL must be https"},
		{"or from this machine", endpoint.PTV(), func(c *auth.Config) { c.TokenURL = "http://127.0.0.1:8322/token" }, ""},
		{"or from this machine, by IPv6", endpoint.PTV(), func(c *auth.Config) { c.TokenURL = "http://[::1]:8322/token" }, ""},
		{"not from one that is named like it", endpoint.PTV(), func(c *auth.Config) { c.TokenURL = "http://127.0.0.1.example/token" }, "the token URL must be https"},
		{"by no other scheme", endpoint.PTV(), func(c *auth.Config) { c.TokenURL = "ftp://127.0.0.1/token" }, "the token URL must be https"},
		{"introspection over TLS", endpoint.Michelin(), func(c *auth.Config) { c.IntrospectionURL = "http://api.example/introspect" }, "the introspection URL must be https"},
		{"revocation over TLS", endpoint.Michelin(), func(c *auth.Config) { c.RevocationURL = "http://api.example/revoke" }, "the revocation URL must be https"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := of(tt.of, nil)
			tt.change(&c)
			s, err := auth.NewSource(c)
			switch {
			case err == nil:
				s.Close()
				if tt.want != "" {
					t.Errorf("got no mistake want %q", tt.want)
				}
			case tt.want == "" || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n"):
				t.Errorf("got %v want %q alone", err, tt.want)
			}
		})
	}
}

// Whatever comes, in any dialect, it is a token that a header can carry, or an *endpoint.Error.
func FuzzResponse(f *testing.F) {
	f.Add(200, michelinAnswer)
	f.Add(200, shellAnswer)
	f.Add(200, microbiltAnswer)
	f.Add(200, `{"access_token":"a","expires_in":"899","token_type":"N_A"}`)
	f.Add(200, `{"access_token":"a.eyJleHAiOjE3OTUyMjk3MjV9.c","expires_in":1795229725}`)
	f.Add(400, `{"error": " unsupported_grant_type "}`)
	f.Add(401, `{"ErrorCode":"invalid_client","Error":"ClientId is Invalid"}`)
	f.Add(500, `{"fault":{"detail":{"errorcode":"x"}}}`)
	f.Add(200, `{"access_token":{},"error":[],"expires_in":-1e999}`)
	f.Add(302, ``)
	dialects := []endpoint.Dialect{endpoint.RFC6749(), endpoint.Michelin(), endpoint.PTV(), endpoint.Shell(), endpoint.Microbilt(), endpoint.Mazda()}
	f.Fuzz(func(t *testing.T, status int, body string) {
		for _, d := range dialects {
			d.UserGrants = false
			s := open(t, of(d, &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) { return respond(status, body), nil }}))
			token, err := s.Token(t.Context())
			if err == nil {
				if token.Access.Empty() || strings.ContainsAny(token.Access.Reveal(), "\r\n\x00 ") || !token.ExpiresAt.After(time.Now()) {
					t.Errorf("%s granted %q until %v", d.Name, token.Access.Reveal(), token.ExpiresAt)
				}
				continue
			}
			if _, ok := errors.AsType[*endpoint.Error](err); !ok || strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Errorf("%s: got %q want an *endpoint.Error in one line", d.Name, err)
			}
		}
	})
}
