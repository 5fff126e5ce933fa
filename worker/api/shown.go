package api

import (
	"slices"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/db/orders"
	"orderbeat/jobs"
)

// AccountsOf returns the accounts of a provider with their last success and failure.
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

// Quantities lists the quantities of a schedule line by state, "2 scheduled, 1 open"; "" if there are none.
func Quantities(a clients.Amounts) string {
	var parts []string
	for _, s := range []struct {
		quantity clients.Quantity
		state    string
	}{
		{a.Confirmed, "confirmed"},
		{a.Backordered, "backordered"},
		{a.Cancelled, "cancelled"},
		{a.Scheduled, "scheduled"},
		{a.Open, "open"},
		{a.Shipped, "shipped"},
	} {
		if s.quantity.Some() {
			parts = append(parts, s.quantity.String()+" "+s.state)
		}
	}
	return strings.Join(parts, ", ")
}
