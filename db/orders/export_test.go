package orders // internal: gives external tests access to the queries

import (
	"time"

	"orderbeat/db/queryplan"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	list := []queryplan.Query{
		queryplan.Of("known", knownSQL, "p", "a", "[]"),
		queryplan.Of("same", sameSQL, "t", "p", "a", "{}", "t"),
		queryplan.Of("seen", seenSQL, "t", "t", "p", "a", "[]"),
		queryplan.Of("delete responses", deleteResponsesSQL, "p", "a", "t"),
		queryplan.Of("not found", notFoundSQL, "t", "p", "a", "[]", "t"),
		queryplan.Of("document", documentSQL, "p", "a", "o"),
		queryplan.Of("newly late", newlyLateSQL, "p", "a", "d"),
		queryplan.Of("late", lateSQL, "p", "a", "[]", "d"),
		queryplan.Of("today", todaySQL, "p", "a"),
		queryplan.Of("delete despatches", deleteDespatchesSQL, "p", "a", "o"),
		queryplan.Of("history", historySQL, "p", "a", "o", 0, 1),
		queryplan.Of("open orders to track", openOrdersSQL, "p", "a"),
		queryplan.Of("revision", revisionSQL, "p", "a", "o", 1),
		queryplan.Of("stored revision", storedRevisionSQL, "p", "a", "o"),
		queryplan.Of("vanished", vanishedSQL, "t", "p", "a", "o", "t"),
		queryplan.Of("remove events", removeEventsSQL, "p", "a", "o", 1),
		queryplan.Of("event document", eventDocumentSQL, "p", "a", "o", 1),
		queryplan.Of("delete order", deleteOrderSQL, "p", "a", "o"),
		queryplan.Of("order", orderSQL, "p", "a", "o"),
		queryplan.Of("order text", orderTextSQL, "p", "a", "o"),
	}
	for name, f := range map[string]OrderFilter{
		"orders": {}, "orders of a provider": {Provider: "p"}, "orders of an account": {Provider: "p", Account: "a"},
		"orders by id": {OrderID: "o"}, "orders of a provider by id": {Provider: "p", OrderID: "o"},
		"orders by prefix": {Prefix: "SO1"}, "orders by reference prefix": {ReferencePrefix: "PO-1"},
		"orders by reference": {Reference: "r"}, "orders of a provider by reference": {Provider: "p", Reference: "r"},
		"orders by reference changed since": {Provider: "p", Account: "a", Reference: "r", ChangedSince: time.Unix(0, 0)},
		"open orders":                       {Open: true}, "late orders": {Late: true},
		"open orders of an account": {Provider: "p", Account: "a", Open: true},
		"orders by open status":     {Status: "backordered"}, "orders by ended status": {Status: "shipped"},
		"orders of an account by ended status": {Provider: "p", Account: "a", Status: "delivered"},
		"orders changed since":                 {ChangedSince: time.Unix(0, 0)},
		"orders of an account changed since":   {Provider: "p", Account: "a", ChangedSince: time.Unix(0, 0)},
	} {
		query, args, err := f.query()
		if err != nil {
			panic(err)
		}
		list = append(list, queryplan.Of(name, query, args...))
	}
	return list
}
