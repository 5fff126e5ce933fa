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
	"orderbeat/db/alerts"
	"orderbeat/worker/settings"
	"orderbeat/worker/wait"
)

// tendEvery is how often credentials are checked for renewal, so that tokens are renewed without calls too.
const tendEvery = time.Minute

// credential is one token source, with the accounts that it serves.
type credential struct {
	*auth.Source
	accounts []string    // names of the accounts that use the user's tokens
	known    atomic.Bool // the stored state has been read
}

// Credentials are the credentials of all providers, in the order of the configuration.
type Credentials struct {
	Config
	all     []*credential
	changes *statusQueue
}

// Config has the dependencies.
type Config struct {
	DB        *db.DB
	Providers []settings.Provider
	Alerts    Alerts
	// Shared means that other processes renew the same tokens, so that the stored states are read periodically.
	Shared bool
	// ConsentURL returns the URL where a user grants access, "" without a web listener.
	ConsentURL func(provider, user string) string
	Log        *slog.Logger
}

// Alerts raises and resolves alerts.
type Alerts interface {
	Raise(context.Context, alerts.Alert) error
	Resolve(context.Context, alerts.Alert) error
}

// New returns the credentials of all providers and subscribes to their status changes.
func New(c Config) *Credentials {
	s := &Credentials{Config: c, changes: newStatusQueue()}
	for _, p := range c.Providers {
		var sources []*auth.Source
		if err := clients.Recover("credentials", func() error { sources = p.Sources(); return nil }); err != nil {
			c.Log.Error("provider panicked, its credentials are not maintained", "provider", p.Name, "err", err)
		}
		for _, source := range sources {
			s.subscribe(&credential{Source: source, accounts: accountsOf(p, source.User())})
		}
	}
	return s
}

// subscribe adds a credential and subscribes to its changes. Changes are ignored until the stored
// state has been read.
func (s *Credentials) subscribe(c *credential) {
	s.all = append(s.all, c)
	c.SetNotify(func(st auth.Status) {
		if c.known.Load() {
			s.changes.add(c, func() auth.Status { return st })
		}
	})
}

// accountsOf lists the accounts that use a user's tokens.
func accountsOf(p settings.Provider, user string) (names []string) {
	for _, a := range p.Accounts {
		if a.User == user {
			names = append(names, a.Name)
		}
	}
	return names
}

// of returns the credentials of a provider and a user; "" matches all.
func (s *Credentials) of(provider, user string) (found []*credential) {
	for _, c := range s.all {
		if (provider == "" || c.Provider() == provider) && (user == "" || c.User() == user) {
			found = append(found, c)
		}
	}
	return found
}

// Sources returns the token sources of a provider and a user; "" matches all.
func (s *Credentials) Sources(provider, user string) (found []*auth.Source) {
	for _, c := range s.of(provider, user) {
		found = append(found, c.Source)
	}
	return found
}

// Prepare reads the stored state of all credentials that have not been read yet, without token
// requests.
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
		s.changes.add(c, c.Status)
	}
}

// RenewIdle renews tokens when they are due, even if no calls are made, until ctx ends.
func (s *Credentials) RenewIdle(ctx context.Context) {
	for wait.For(ctx, tendEvery) {
		s.Prepare(ctx)
		for _, c := range s.all {
			if s.Shared && c.Prepare(ctx) != nil {
				continue // reported by the store, and by the next call
			}
			c.RenewIdle() //nolint:contextcheck // a renewal outlives its caller
		}
	}
}

// label returns the credential's name for display.
func (c *credential) label() string {
	if c.User() == "" {
		return c.Provider()
	}
	return fmt.Sprintf("%s, user %s", c.Provider(), c.User())
}
