package outbox // internal: gives external tests access to the queries

import (
	"time"

	"orderbeat/db/queryplan"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	list := []queryplan.Query{
		queryplan.Of("publishable", publishableSQL, "alerts", "t", 1),
		queryplan.Of("publishable orders", publishableOrdersSQL, "t", "t", 1),
		queryplan.Of("publishable results", publishableResultsSQL, "results", "t", 1),
		queryplan.Of("backlog of a topic", topicBacklogSQL, "alerts", 1),
		queryplan.Of("last event", lastEventSQL),
		queryplan.Of("next due", nextDueSQL, "t"),
		queryplan.Of("shift messages", shiftMessagesSQL, "s", "t"),
		queryplan.Of("published", publishedSQL, "[]"),
		queryplan.Of("set sequence", setSequenceSQL, "s", 1),
		queryplan.Of("sequences", sequencesSQL, "[]"),
		queryplan.Of("event of a revision", eventOfSQL, "p", "a", "o", 1),
		queryplan.Of("had a revision", hadRevisionSQL, "p", "a", "o", 1),
	}
	for name, f := range map[string]EventFilter{
		"replay": {}, "replay of an account": {Provider: "p", Account: "a", Since: time.Unix(0, 0)}, "replay of an order": {Provider: "p", Account: "a", OrderID: "o"},
	} {
		query, args := f.query(1, 2)
		list = append(list, queryplan.Of(name, query, args...))
	}
	return list
}
