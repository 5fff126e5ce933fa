package db // internal: gives external tests access to the queries

import (
	"orderbeat/db/queryplan"
)

// AlertQueries returns the queries of the package on growing tables.
func AlertQueries() []queryplan.Query {
	return []queryplan.Query{
		queryplan.Of("raise", raiseSQL, make([]any, 11)...),
		queryplan.Of("reword", rewordSQL, make([]any, 6)...),
		queryplan.Of("resolve", resolveSQL, "t", "p", "a", "", "[]", ""),
		queryplan.Of("alerts", allAlertsSQL, 1),
		queryplan.Of("raised alerts", raisedAlertsSQL),
		queryplan.Of("raised alerts counted", countAlertsSQL),
		queryplan.Of("alerted", alertedSQL, "[]"),
	}
}
