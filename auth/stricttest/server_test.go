package stricttest_test

import (
	"testing"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

// The sample client, as every server knows it. Its secret has characters that mean
// something else when they are form-encoded, and others that mean it when they are not.
const (
	clientID     = "sample-client"
	clientSecret = "s@mple/secret+%41:&= x"
	redirectURI  = "http://127.0.0.1:1/callback" // closed port: the browser stops before
	otherURI     = "http://127.0.0.1:1/other"    // is registered too
	user         = "johndoe"
	scope        = "orders"
)

// server is an authorization server that runs, with an API behind it that answers 200
// or 401 by asking the server whether the access token lives.
type server struct {
	// clientAuth is how it takes HTTP Basic.
	clientAuth endpoint.ClientAuth
	// issuer is what it says it is in redirects (RFC 9207), "" when it does not.
	issuer string
	// family says that a refresh token which is used twice ends the whole grant.
	family bool

	url string
	// The endpoints' paths, "" for one that it does not have.
	authorize, token, introspect, revoke string
}

func (s server) at(path string) string {
	if path == "" {
		return ""
	}
	return s.url + path
}

// config is a source's for the sample client.
func (s server) config() auth.Config {
	d := endpoint.RFC6749()
	d.ClientAuth = s.clientAuth
	return auth.Config{
		Dialect: d, Provider: "sample", Environment: "test",
		TokenURL: s.at(s.token), IntrospectionURL: s.at(s.introspect), RevocationURL: s.at(s.revoke),
		ClientID: secret.New(clientID), ClientSecret: secret.New(clientSecret),
		Timeout: 5 * time.Second,
	}
}

// userConfig is the same for johndoe's tokens.
func (s server) userConfig() auth.Config {
	c := s.config()
	c.Dialect.UserGrants = true
	c.User, c.Scope, c.AuthorizeURL, c.Issuer = user, scope, s.at(s.authorize), s.issuer
	return c
}

// start runs a server whose access tokens have this life, until the test ends.
type start func(t *testing.T, life time.Duration) server

// servers are all of them; panva with the flag -panva only.
var servers = map[string]start{"fosite": startFosite, "go-oauth2": startGoOAuth2, "panva": startPanva}
