package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth/endpoint"
	"orderbeat/auth/mask"
)

// Limiter spaces token requests; a *rate.Limiter is one.
type Limiter interface {
	// Wait waits until a request may be sent. It returns an error if ctx ends
	// first, or if its deadline is too early.
	Wait(ctx context.Context) error
}

// Config configures a [Source].
type Config struct {
	Dialect endpoint.Dialect
	// Provider and Environment name the credential. They are part of the row's key, with the grant, the user,
	// and hashes of the client id, the scope and TokenParams: another client has another row.
	Provider, Environment string
	// User is the owner of the tokens; required if the dialect has UserGrants, otherwise not allowed.
	User string
	// Scope is requested (RFC 6749 section 3.3); "" leaves it to the provider.
	Scope string
	// TokenURL is the token endpoint. It, and the other URLs, must be https, or
	// http on a loopback address.
	TokenURL string
	// AuthorizeURL is the authorization endpoint, where users grant access; needed
	// with UserGrants.
	AuthorizeURL string
	// Issuer is the authorization server's identifier; if set, a redirect must state it (RFC 9207
	// section 2.4).
	Issuer string
	// IntrospectionURL and RevocationURL are optional (RFC 7662, RFC 7009).
	IntrospectionURL, RevocationURL string
	ClientID                        secret.Secret
	ClientSecret                    secret.Secret
	// ClientSecretNext is used when the token endpoint rejects ClientSecret, so that a secret can be
	// rotated; empty means that there is none.
	ClientSecretNext secret.Secret
	// TokenParams and TokenHeaders are added to token requests (audience, resource, tenant),
	// AuthorizeParams to the authorization URL. They do not replace OAuth parameters.
	TokenParams, TokenHeaders, AuthorizeParams map[string]secret.Secret
	// TTL is the lifetime of a token if the response states none; 0 uses the dialect's.
	TTL time.Duration
	// Granter obtains tokens; nil sends requests to TokenURL.
	Granter Granter
	// Assertion signs JWT assertions (RFC 7523) for grants and client authentication; required with
	// [endpoint.Dialect.JWTBearer] and [endpoint.PrivateKeyJWT].
	Assertion *endpoint.Assertion
	// Client is shared by the sources of one client's users, so that rejected client credentials count
	// for all of them; nil shares nothing.
	Client *Client
	// Store stores the tokens; nil keeps them in memory.
	Store Store
	// Limiter spaces token requests; nil means no limit.
	Limiter Limiter
	// Base sends token requests; nil is [http.DefaultTransport].
	Base http.RoundTripper
	// Timeout bounds one token request, including its response; 0 is 30 s.
	Timeout   time.Duration
	UserAgent string
	// Mask receives the client secret and every token, so that they are masked wherever they appear; nil
	// masks nothing.
	Mask *mask.Set
	// Log receives failures that no caller waits for; nil discards them.
	Log *slog.Logger
}

// Endpoint is the configuration of the authorization server's endpoints.
func (c Config) Endpoint() endpoint.Config {
	return endpoint.Config{
		Dialect: c.Dialect, TokenURL: c.TokenURL, IntrospectionURL: c.IntrospectionURL, RevocationURL: c.RevocationURL,
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, Params: c.TokenParams, Headers: c.TokenHeaders, Assertion: c.Assertion,
		UserAgent: c.UserAgent, Mask: c.Mask, Owner: c.key(), Base: c.Base,
	}
}

func (c Config) check() error {
	var errs []error
	missing := func(what string, is bool) {
		if is {
			errs = append(errs, fmt.Errorf("auth: %s is missing", what))
		}
	}
	missing("dialect", c.Dialect.Name == "")
	missing("provider", c.Provider == "")
	signs := c.Dialect.JWTBearer || c.Dialect.ClientAuth == endpoint.PrivateKeyJWT
	missing("client id", c.ClientID.Empty())
	missing("client secret", c.ClientSecret.Empty() && !signs && c.Granter == nil)
	missing("assertion to sign with", signs && c.Assertion == nil)
	if !c.ClientSecretNext.Empty() && (c.Granter != nil || c.Dialect.ClientAuth == endpoint.PrivateKeyJWT || c.ClientSecret.Empty()) {
		errs = append(errs, errors.New("auth: a next client secret has no effect without a client secret"))
	}
	missing("token lifetime, in the dialect or as TTL", c.Dialect.Life <= 0 && c.TTL <= 0)
	missing("user", c.Dialect.UserGrants && c.User == "")
	if !c.Dialect.UserGrants && c.User != "" {
		errs = append(errs, errors.New("auth: a user is set, but the dialect's tokens belong to the client"))
	}
	for _, e := range []struct {
		name, url string
		needed    bool
	}{
		{"token URL", c.TokenURL, !c.Dialect.Static && c.Granter == nil},
		{"authorization URL", c.AuthorizeURL, c.Dialect.UserGrants},
		{"introspection URL", c.IntrospectionURL, false},
		{"revocation URL", c.RevocationURL, false},
	} {
		if e.url == "" && !e.needed {
			continue
		}
		if u, err := url.Parse(e.url); err != nil || u.Host == "" || !confidential(u) {
			errs = append(errs, fmt.Errorf("auth: the %s must be https, or http on a loopback address", e.name))
		}
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.TTL > 0 {
		c.Dialect.Life = c.TTL
	}
	if c.Client == nil {
		c.Client = NewClient()
	}
	if c.Store == nil {
		c.Store = NewMemory()
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// key is the row's key. Scopes are a set (RFC 6749 section 3.3): their order makes no difference.
func (c Config) key() string {
	grant := endpoint.ClientCredentials
	switch {
	case c.Dialect.UserGrants:
		grant = endpoint.AuthorizationCode
	case c.Dialect.Static:
		grant = "static"
	}
	key := c.Provider + "/" + c.Environment + "/" + grant + "/" + hash(c.ClientID.Reveal())[:16]
	if c.User != "" {
		key += "/" + url.PathEscape(c.User)
	}
	if scopes := strings.Fields(c.Scope); len(scopes) > 0 {
		slices.Sort(scopes)
		key += "/" + hash(slices.Compact(scopes)...)[:16]
	}
	if len(c.TokenParams) > 0 { // another audience needs another token
		key += "/" + hash(pairs(c.TokenParams)...)[:16]
	}
	return key
}

func pairs(values map[string]secret.Secret) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, name, values[name].Reveal())
	}
	return all
}

func hash(values ...string) string {
	h := sha256.New()
	for _, v := range values {
		fmt.Fprintf(h, "%d:%s", len(v), v)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Granter obtains access tokens. The token endpoint is one, [endpoint.Command] another. A [Source]
// calls it from one renewal at a time, under its lease, and sets the waits between attempts.
type Granter interface {
	// Grant requests one token. The error is an *[endpoint.Error], whose class determines the next
	// attempt.
	Grant(ctx context.Context, r endpoint.Request) (endpoint.Answer, error)
}
