package notifications // internal: gives external tests access to the queries

import "orderbeat/db/queryplan"

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	return []queryplan.Query{
		queryplan.Of("enqueue", enqueueSQL, "t", 1),
		queryplan.Of("oldest", oldestSQL, "t"),
		queryplan.Of("group", groupSQL, "t", "c", "raised", "t", "c", "raised", 1),
		queryplan.Of("delete", deleteSQL, "[]"),
		queryplan.Of("trim", trimSQL, "t", "t", 1),
	}
}
