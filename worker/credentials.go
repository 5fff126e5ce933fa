package worker

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/worker/wait"
)

// tendEvery is how often credentials are looked after that nobody uses.
const tendEvery = time.Minute

// credential is one source of tokens, and whom it serves.
type credential struct {
	*auth.Source
	accounts []string    // the names of those that a user's tokens serve
	known    atomic.Bool // what an earlier process left was read
}

// credentials are those of all providers, in the order of the configuration.
type credentials struct {
	all  []*credential
	news *news
	log  *slog.Logger
}

// newCredentials finds them, and hears from now on of whatever happens to them.
func newCredentials(c Config) *credentials {
	s := &credentials{news: newNews(), log: c.Log}
	for _, p := range c.Providers {
		var sources []*auth.Source
		if err := clients.Recover("credentials", func() error { sources = p.Sources(); return nil }); err != nil {
			c.Log.Error("the provider panicked: its credentials are not looked after", "provider", p.Name, "err", err)
		}
		for _, source := range sources {
			s.hear(&credential{Source: source, accounts: accountsOf(p, source.User())})
		}
	}
	return s
}

// hear takes in a credential. Until it is known what an earlier process left, its source
// cannot tell what is wrong.
func (s *credentials) hear(c *credential) {
	s.all = append(s.all, c)
	c.SetNotify(func(st auth.Status) {
		if c.known.Load() {
			s.news.add(c, func() auth.Status { return st })
		}
	})
}

// accountsOf are the names of the accounts that a user's tokens serve.
func accountsOf(p Provider, user string) (names []string) {
	for _, a := range p.Accounts {
		if a.User == user {
			names = append(names, a.Name)
		}
	}
	return names
}

// of are the credentials of a provider, of one of its users only where one is named.
func (s *credentials) of(provider, user string) (found []*credential) {
	for _, c := range s.all {
		if (provider == "" || c.Provider() == provider) && (user == "" || c.User() == user) {
			found = append(found, c)
		}
	}
	return found
}

// sources are those of the credentials that of finds.
func (s *credentials) sources(provider, user string) (found []*auth.Source) {
	for _, c := range s.of(provider, user) {
		found = append(found, c.Source)
	}
	return found
}

// prepare reads what an earlier process left of all credentials of which that is not
// known yet. It asks the database alone.
func (s *credentials) prepare(ctx context.Context) {
	for _, c := range s.all {
		if c.known.Load() {
			continue
		}
		if err := c.Prepare(ctx); err != nil {
			s.log.Warn("what is kept of a credential cannot be read; it is tried again", "provider", c.Provider(), "user", c.User(), "err", err)
			continue
		}
		c.known.Store(true)
		s.news.add(c, c.Status)
	}
}

// tend renews what is due until ctx ends, whether or not anybody asks.
func (s *credentials) tend(ctx context.Context) {
	for wait.For(ctx, tendEvery) {
		s.prepare(ctx)
		for _, c := range s.all {
			c.Tend() //nolint:contextcheck // a renewal outlives whoever began it
		}
	}
}

// who names a credential to people.
func (c *credential) who() string {
	if c.User() == "" {
		return c.Provider()
	}
	return fmt.Sprintf("%s, user %s", c.Provider(), c.User())
}
