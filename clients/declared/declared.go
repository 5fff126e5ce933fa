// Package declared holds the providers that are told of by values rather than by code:
// PTV, Shell, Microbilt and Mazda. What is known of each is its preset: environments,
// how its token endpoint speaks, and whose its tokens are. None declares orders yet;
// their credentials can be checked.
//
// Start reading at the presets, then [Open].
package declared

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"orderbeat/auth"
	"orderbeat/clients"
)

// Client is a declared provider, as a [clients.Provider] and a [clients.Checker]. It
// is safe for concurrent use.
type Client struct {
	name, kind  string
	base        string
	ping        string // path of a call that proves a token, "" for none
	redirectURI string
	org         header
	byUser      map[string]*clients.HTTP // what signs with a user's tokens; "" is the client itself
	credentials []*auth.Source           // in the order of the accounts
}

// Open makes a client from its section of the configuration; it is a [clients.Open]
// for every kind that has a preset.
func Open(s clients.Section) (clients.Provider, error) {
	p, ok := presets[s.Kind]
	if !ok {
		return nil, &clients.ConfigError{Key: "kind", Message: "must be one of " + strings.Join(slices.Sorted(maps.Keys(presets)), ", ")}
	}
	set, dialect, err := configure(&s, p)
	if err != nil {
		return nil, err
	}
	origin, err := url.Parse(s.BaseURL)
	if err != nil {
		return nil, &clients.ConfigError{Key: "base_url", Message: "is not a URL"}
	}
	c := &Client{
		name: s.Name, kind: s.Kind, base: s.BaseURL, ping: set.Ping, redirectURI: set.RedirectURI, org: p.org,
		byUser: map[string]*clients.HTTP{},
	}
	unsigned := clients.NewHTTP(s)
	tokens := auth.Config{
		Dialect: dialect, Provider: s.Name, Environment: s.Environment, Scope: strings.Join(strings.Fields(set.Scope), " "),
		TokenURL: s.TokenURL, AuthorizeURL: set.AuthorizeURL, Issuer: set.Issuer,
		IntrospectionURL: set.IntrospectionURL, RevocationURL: set.RevocationURL, ClientID: s.ClientID, ClientSecret: s.ClientSecret,
		// Tokens have connections of their own: they must not wait for the calls that wait for them.
		Store: s.Tokens, Limiter: s.TokenRate.Limiter(), Base: clients.NewTransport(s.Config),
		Timeout: s.Timeout, UserAgent: s.UserAgent, Log: s.Log,
	}
	for _, a := range s.Accounts {
		if _, known := c.byUser[a.User]; known {
			continue
		}
		tokens.User = a.User
		source, err := auth.NewSource(tokens)
		if err != nil {
			return nil, &clients.ConfigError{Key: "token_url", Message: err.Error()}
		}
		c.credentials = append(c.credentials, source)
		c.byUser[a.User] = unsigned.Bearer(source, origin)
	}
	return c, nil
}

// Close waits for token requests under way. The client must not be used any more.
func (c *Client) Close() error {
	var closing sync.WaitGroup
	for _, source := range c.credentials {
		closing.Go(source.Close)
	}
	closing.Wait()
	return nil
}

// BaseURL is what the paths of every call hang on.
func (c *Client) BaseURL() string { return c.base }

// Credentials tell the state of the client's credentials, one for each user where
// tokens belong to users; never a token.
func (c *Client) Credentials() []*auth.Source { return c.credentials }

// RedirectURI is where users' browsers come back to with their consent, as the section
// has it; "" leaves it to the web listener.
func (c *Client) RedirectURI() string { return c.redirectURI }

// Traits implements [clients.Provider].
func (c *Client) Traits() clients.Traits { return clients.Traits{} }

// Orders implements [clients.Provider]: nothing is declared yet that could be asked.
func (c *Client) Orders(context.Context, clients.Query) (clients.Answer, error) {
	return clients.Answer{}, &clients.Error{
		Provider: c.name, Op: "orders", Code: clients.CodeInvalid, Message: "the " + c.kind + " preset declares no orders yet",
		Hint: `use kind = "check", which proves the credentials`,
	}
}
