package exchanges // internal: gives external tests access to the queries

import (
	"orderbeat/db/queryplan"
	"orderbeat/jobs"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	list := []queryplan.Query{
		queryplan.Of("size of exchanges", UptoSQL),
		queryplan.Of("exchange", exchangeSQL, 1),
		queryplan.Of("kept job", keptJobSQL, "j"),
		queryplan.Of("kept", keptSQL, "j"),
	}
	for name, f := range map[string]ExchangeFilter{
		"exchanges": {Account: "a", Failed: true}, "exchanges of a provider": {Provider: "p", Account: "a"}, "exchanges of a run": {Provider: "p", RunID: "r"}, "exchanges of a job": {JobID: "j"},
	} {
		query, args := f.query(1, 1)
		list = append(list, queryplan.Of(name, query, args...))
		f.Before = 1
		query, args = f.edgeQuery()
		list = append(list, queryplan.Of(name+", edge", query, args...))
	}
	for name, r := range map[string]jobs.Remapping{"kept jobs": {}, "kept jobs of a run": {RunID: "r"}, "kept jobs of a job": {JobID: "j"}} {
		query, args := keptJobsQuery("p", "a", r)
		list = append(list, queryplan.Of(name, query, args...))
	}
	return list
}
