package credentials

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/worker/settings"
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

// Credentials are those of all providers, in the order of the configuration.
type Credentials struct {
	Config
	all  []*credential
	news *news
}

// Config is what credentials are made of.
type Config struct {
	DB        *db.DB
	Providers []settings.Provider
	Alerts    Alerts
	// ConsentURL is where a user grants access, "" without a web listener.
	ConsentURL func(provider, user string) string
	Log        *slog.Logger
}

// Alerts raises and resolves alerts.
type Alerts interface {
	Raise(context.Context, db.Alert) error
	Resolve(context.Context, db.Alert) error
}

// New finds the credentials of all providers, and is notified from now on when their status
// changes.
func New(c Config) *Credentials {
	s := &Credentials{Config: c, news: newNews()}
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
func (s *Credentials) hear(c *credential) {
	s.all = append(s.all, c)
	c.SetNotify(func(st auth.Status) {
		if c.known.Load() {
			s.news.add(c, func() auth.Status { return st })
		}
	})
}

// accountsOf are the names of the accounts that a user's tokens serve.
func accountsOf(p settings.Provider, user string) (names []string) {
	for _, a := range p.Accounts {
		if a.User == user {
			names = append(names, a.Name)
		}
	}
	return names
}

// of are the credentials of a provider, of one of its users only where one is named.
func (s *Credentials) of(provider, user string) (found []*credential) {
	for _, c := range s.all {
		if (provider == "" || c.Provider() == provider) && (user == "" || c.User() == user) {
			found = append(found, c)
		}
	}
	return found
}

// Sources are the sources of a provider, of one of its users only where one is named; "" is all
// providers.
func (s *Credentials) Sources(provider, user string) (found []*auth.Source) {
	for _, c := range s.of(provider, user) {
		found = append(found, c.Source)
	}
	return found
}

// Prepare reads what an earlier process left of all credentials of which that is not
// known yet. It asks the database alone.
func (s *Credentials) Prepare(ctx context.Context) {
	for _, c := range s.all {
		if c.known.Load() {
			continue
		}
		if err := c.Prepare(ctx); err != nil {
			s.Log.Warn("failed to read a stored credential, will retry", "provider", c.Provider(), "user", c.User(), "err", err)
			continue
		}
		c.known.Store(true)
		s.news.add(c, c.Status)
	}
}

// Tend renews what is due until ctx ends, whether or not anybody asks.
func (s *Credentials) Tend(ctx context.Context) {
	for wait.For(ctx, tendEvery) {
		s.Prepare(ctx)
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
