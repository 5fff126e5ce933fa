package settings

import (
	"slices"
	"time"

	"orderbeat/auth"
	"orderbeat/clients"
)

// Provider is one configured provider.
type Provider struct {
	clients.Provider
	Name        string
	Kind        string
	Environment string
	Accounts    []clients.Account
	Concurrency int // maximum number of concurrent jobs in the whole fleet
	Rate        clients.Rate
	Retry       clients.Retry
	FreshFor    time.Duration // maximum time since an account's last success, 0 for no limit
	Uses        *Uses         // counts the jobs that use it; nil if it is never replaced
}

// ByName returns a map of the providers by name.
func ByName(providers []Provider) map[string]Provider {
	m := make(map[string]Provider, len(providers))
	for _, p := range providers {
		m[p.Name] = p
	}
	return m
}

// Account finds an account by name; the zero Provider has none.
func (p Provider) Account(name string) (clients.Account, bool) {
	i := slices.IndexFunc(p.Accounts, func(a clients.Account) bool { return a.Name == name })
	if i < 0 {
		return clients.Account{}, false
	}
	return p.Accounts[i], true
}

// Sources returns the sources of the provider's tokens.
func (p Provider) Sources() []*auth.Source {
	if holder, ok := p.Provider.(clients.CredentialHolder); ok {
		return holder.Credentials()
	}
	return nil
}

// Latched reports whether the provider has credentials, and all of them are latched after
// rejections.
func (p Provider) Latched() bool {
	sources := p.Sources()
	for _, source := range sources {
		if source.Status().State != auth.StateRejected {
			return false
		}
	}
	return len(sources) > 0
}

// Stats returns the statistics of calls to the provider, false if it has none. The error reports a panic of
// the provider.
func (p Provider) Stats() (t clients.Stats, ok bool, err error) {
	reporter, ok := p.Provider.(clients.StatsReporter)
	if !ok {
		return t, false, nil
	}
	err = clients.Recover("statistics", func() error { t = reporter.Stats(); return nil })
	return t, err == nil, err
}

// RedirectURIs returns, by provider name, the redirect URI that the provider itself configures, "" if none.
func RedirectURIs(providers []Provider) map[string]string {
	uris := make(map[string]string, len(providers))
	for _, p := range providers {
		uris[p.Name] = ""
		if own, ok := p.Provider.(clients.RedirectURIProvider); ok {
			uris[p.Name] = own.RedirectURI()
		}
	}
	return uris
}
