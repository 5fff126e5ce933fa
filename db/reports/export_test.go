package reports // internal: gives external tests access to the queries

import (
	"time"

	"orderbeat/db/queryplan"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	list := []queryplan.Query{
		queryplan.Of("search", searchSQL, "a", "b", "a", "b", 1),
		queryplan.Of("timeline", timelineSQL, "p", "a", "o", 1, 1),
		queryplan.Of("promises", promisesSQL, "p", "a", "o", 1),
		queryplan.Of("exchanges of jobs", jobExchangesSQL, "[]", 1),
		queryplan.Of("open orders", openOrdersSQL, 1),
		queryplan.Of("late orders counted", lateOrdersSQL, 1),
		queryplan.Of("outbox counted", outboxSQL, 1),
		queryplan.Of("outbox", oldestSQL),
		queryplan.Of("jobs by state", countJobsSQL, "failed", "0", 1),
		queryplan.Of("order_events", recentSQL, 1),
		queryplan.Of("ticks", ticksSQL, "s", "t", 1),
		queryplan.Of("alerts", resolvedSQL, 1),
		queryplan.Of("new events", newEventsSQL, 1, 1),
		queryplan.Of("new exchanges", newExchangesSQL, 1, 1),
		queryplan.Of("promised", promisedSQL, "p", "a", "o", "l"),
		queryplan.Of("activity", pastActivitySQL, "a", "b"),
		queryplan.Of("open orders by status", openCountsSQL),
		queryplan.Of("late orders by provider", lateCountsSQL, 1),
		queryplan.Of("oldest message", oldestMessageSQL, "orders"),
		queryplan.Of("jobs of a day", pastJobsSQL, "0", 1),
	}
	for name, f := range map[string]OrderFilter{
		"orders":                  {},
		"orders of an account":    {Provider: "p", Account: "a"},
		"orders by state":         {Status: "shipped"},
		"orders changed since":    {ChangedSince: time.Unix(0, 0)},
		"orders by number":        {Sort: SortOrder},
		"orders by number of one": {Sort: SortOrder, Provider: "p", Account: "a", ChangedSince: time.Unix(0, 0)},
		"orders by promise":       {Sort: SortPromise, Provider: "p"},
		"late orders":             {Late: true, Account: "a"},
	} {
		w := f.walk()
		key := make([]any, len(w.key))
		w.after(key)
		w.upto(key)
		query, args := w.page(1)
		list = append(list, queryplan.Of(name, query, args...))
		w = f.walk()
		list = append(list, queryplan.Of(name+", edge", w.edgeQuery(), append(w.within.Args, 1)...))
	}
	for _, by := range Groups {
		query, args, _ := SupplierFilter{By: by, From: "a", Provider: "p"}.query()
		list = append(list, queryplan.Of("suppliers by "+by, query, args...))
		query, args, _ = SupplierFilter{By: by, From: "a", Account: "a"}.query()
		list = append(list, queryplan.Of("suppliers by "+by, query, args...))
	}
	return list
}
