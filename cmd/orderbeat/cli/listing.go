package cli

import (
	"fmt"
	"slices"
)

// Listing formats a list.
type Listing[T any] struct {
	Noun string // "run"
	Head []string
	Row  func(T) []string
	// Provider and Account are the values of the filter, for [App.CheckFound].
	Provider, Account string
}

// Print prints at most limit rows of a list as a table, or as JSON. Pass one row more than limit
// if there are more: this is how Print notices it.
func (l Listing[T]) Print(a *App, list []T, limit int, asJSON bool) error {
	if err := a.CheckFound(len(list), l.Provider, l.Account); err != nil {
		return err
	}
	if len(list) > limit {
		list = list[:limit]
		fmt.Fprintf(a.Stderr, "first %s shown; there are more, see --limit\n", Count(limit, l.Noun))
	}
	if asJSON {
		return PrintJSON(a.Stdout, map[string]any{l.Noun + "s": list})
	}
	if len(list) == 0 {
		fmt.Fprintf(a.Stderr, "no %ss match\n", l.Noun)
		return nil
	}
	rows := make([][]string, len(list))
	for i, v := range list {
		rows[i] = l.Row(v)
	}
	return PrintTable(a.Stdout, l.Head, rows)
}

// CheckFound returns a usage error if nothing was found because the provider or the account of a
// filter is not configured.
func (a *App) CheckFound(found int, provider, account string) error {
	if found > 0 || provider == "" && account == "" {
		return nil
	}
	conf, err := a.LoadWithoutSecrets()
	if err != nil {
		return err
	}
	var accounts []string
	for _, p := range conf.Providers {
		if provider == "" || provider == p.Name {
			accounts = append(accounts, p.AccountNames()...)
		}
	}
	switch providers := conf.ProviderNames(); {
	case provider != "" && !slices.Contains(providers, provider):
		return Misuse("--provider: %q is not configured; configured: %s", provider, Words(providers))
	case account != "" && !slices.Contains(accounts, account):
		return Misuse("--account: %q is not configured; configured: %s", account, Words(accounts))
	}
	return nil
}
