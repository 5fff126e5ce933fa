package unpublishable // internal: gives external tests access to the queries

import (
	"orderbeat/db/queryplan"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	return []queryplan.Query{
		queryplan.Of("postpone", postponeSQL, "t", "r", 1),
		queryplan.Of("set aside", setAsideSQL, "t", "r", 1),
		queryplan.Of("trim set aside", trimSetAsideSQL, 1),
		queryplan.Of("message", messageSQL, 1),
		queryplan.Of("rejected count", rejectedCountSQL, "s", "s"),
		queryplan.Of("republish", republishSQL, "i", "h", "[]"),
	}
}
