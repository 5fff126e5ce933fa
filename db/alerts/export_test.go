package alerts // internal: gives external tests access to the queries

import (
	"orderbeat/db/queryplan"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	return []queryplan.Query{
		queryplan.Of("raise", raiseSQL, make([]any, 11)...),
		queryplan.Of("reword", rewordSQL, make([]any, 6)...),
		queryplan.Of("resolve", resolveSQL, "t", "p", "a", "", "[]", ""),
		queryplan.Of("alerts", allAlertsSQL, 1),
		queryplan.Of("raised alerts", raisedAlertsSQL),
		queryplan.Of("raised alerts counted", countAlertsSQL),
		queryplan.Of("alerted", alertedSQL, "[]"),
		queryplan.Of("set consent accounts", setConsentAccountsSQL, "[]", 1),
		queryplan.Of("consent granted", consentGrantedSQL, "p", "t", "t", "a"),
	}
}
