package api

import (
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db/orders"
	"orderbeat/jobs"
)

// AccountsOf are the accounts of a provider with their last success and failure.
func AccountsOf(provider string, accounts []clients.Account, fresh []orders.AccountFreshness) []Account {
	list := make([]Account, len(accounts))
	for i, a := range accounts {
		list[i] = Account{Account: a.Name, BillTo: a.BillTo}
		at := slices.IndexFunc(fresh, func(f orders.AccountFreshness) bool { return f.Provider == provider && f.Account == a.Name })
		if at >= 0 {
			f := fresh[at]
			list[i].LastSuccessAt, list[i].LastFailureAt, list[i].FailureCode = f.LastSuccessAt, f.LastFailureAt, f.FailureCode
		}
	}
	return list
}

// Freshness compares the last success of an account with fresh_for: "fresh", "stale" or "never".
func Freshness(p Provider, a Account, now time.Time) string {
	if a.LastSuccessAt == nil {
		return "never"
	}
	limit, err := jobs.ParseDuration(p.FreshFor)
	if p.FreshFor != "" && err == nil && now.Sub(*a.LastSuccessAt) > limit {
		return "stale"
	}
	return "fresh"
}
