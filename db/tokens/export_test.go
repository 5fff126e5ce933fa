package tokens // internal: gives external tests access to the queries

import (
	"orderbeat/db/queryplan"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	return []queryplan.Query{
		queryplan.Of("load token", loadTokenSQL, "k"),
		queryplan.Of("lease", leaseSQL, make([]any, 12)...),
		queryplan.Of("commit token", commitTokenSQL, make([]any, 29)...),
		queryplan.Of("delete token", deleteTokenSQL, make([]any, 2)...),
		queryplan.Of("reseal", resealSQL, make([]any, 3)...),
	}
}
