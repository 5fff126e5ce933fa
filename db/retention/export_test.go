package retention // internal: gives external tests access to the queries

import (
	"orderbeat/db/queryplan"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	list := []queryplan.Query{
		queryplan.Of("schedules", schedulesSQL),
	}
	cuts := pruneCuts{exchanges: "t", jobs: "t", dead: "t", events: "t", upto: 1}
	for _, r := range cuts.rules([]string{"s"}, &Pruned{}, false) {
		query, args := r.rangeQuery(r.first)
		list = append(list, queryplan.Of("range of "+r.table, query, args...))
		query, args = r.deletion(r.first, r.first)
		list = append(list, queryplan.Of("prune "+r.table, query, args...))
	}
	return list
}
