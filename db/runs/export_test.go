package runs // internal: gives external tests access to the queries

import (
	"time"

	"orderbeat/db/queryplan"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	list := []queryplan.Query{
		queryplan.Of("run", runSQL, "r"),
		queryplan.Of("unpublished runs", unpublishedRunsSQL, "r"),
		queryplan.Of("planned jobs", plannedJobsSQL, "r"),
		queryplan.Of("run by key", runByKeySQL, "k"),
		queryplan.Of("jobs", jobsSQL, "r"),
		queryplan.Of("run errors", runErrorsSQL, "r", 1),
		queryplan.Of("job state", jobStateSQL, "j"),
		queryplan.Of("end attempt", endAttemptSQL, make([]any, 15)...),
		queryplan.Of("newer pending remaps", newerPendingSQL, "r", "a", "j"),
		queryplan.Of("count", countSQL, make([]any, 11)...),
		queryplan.Of("cancel run", cancelRunSQL, "t", "r"),
		queryplan.Of("cancel job", cancelJobSQL, "t", "j"),
		queryplan.Of("count cancelled", countCancelledSQL, 1, "t", "r"),
		queryplan.Of("job and its run", jobRunSQL, "j"),
		queryplan.Of("retried job", retriedJobSQL, "j"),
		queryplan.Of("retry job", retryJobSQL, "t", "pending_slot", "j"),
		queryplan.Of("reopen", reopenSQL, 0, 1, 0, "r"),
		queryplan.Of("end run", endRunSQL, make([]any, 5)...),
		queryplan.Of("run by hash", runByHashSQL, "a", "t"),
		queryplan.Of("requesters", requestersSQL, "r", "r"),
		queryplan.Of("subject registered", subjectRegisteredSQL, "k", "k", "k", "s", "k", "s", "k", "s"),
		queryplan.Of("repeat", repeatSQL, "k", "s", "r", "t", "k", "s", "k", 1),
		queryplan.Of("pace", paceSQL, "r"),
		queryplan.Of("pause run", pauseRunSQL, "t", "n", "r"),
		queryplan.Of("resume run", resumeRunSQL, "r"),
		queryplan.Of("live jobs", inlineSQL),
		queryplan.Of("open jobs", openJobsSQL, "[]"),
		queryplan.Of("missed", missedSQL, "p", "[]", "p", "u", "t"),
		queryplan.Of("succeeded after", succeededAfterSQL, "p", "[]", "j"),
	}
	for name, f := range map[string]RunFilter{
		"runs": {}, "runs of a provider": {Provider: "p", Kind: "sync"}, "runs by state": {State: "failed"},
		"runs by prefix": {Prefix: "01J"}, "runs since": {Since: time.Unix(0, 0)},
	} {
		query, args := f.query()
		list = append(list, queryplan.Of(name, query, args...))
	}
	for name, f := range map[string]JobFilter{
		"jobs of a run": {RunID: "r"}, "jobs of an account": {Account: "a", Since: time.Unix(0, 0)}, "jobs of an account of a provider": {Provider: "p", Account: "a"},
		"dead jobs of an account": {Account: "a", State: "dead"}, "jobs by prefix": {Prefix: "01J"},
	} {
		query, args := f.query()
		list = append(list, queryplan.Of(name, query, args...))
	}
	return list
}
