package jobqueue // internal: gives external tests access to the queries

import (
	"orderbeat/db/queryplan"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	return []queryplan.Query{
		queryplan.Of("claim", claimSQL, "t", "p", 1, 2, true),
		queryplan.Of("claim suspect", claimSuspectSQL, "t", 2),
		queryplan.Of("remote", remoteSQL, "p"),
		queryplan.Of("begin runs", beginRunsSQL, "t", "[]"),
		queryplan.Of("release", releaseSQL, "t", "j", 1),
		queryplan.Of("next attempt", nextAttemptSQL, "p", 2),
		queryplan.Of("queue delays", queueDelaysSQL, "t"),
		queryplan.Of("suspects", suspectsSQL, "t", 2),
		queryplan.Of("recover running", recoverRunningSQL, true),
		queryplan.Of("next pending", nextPendingSQL, "p", "p"),
		queryplan.Of("used slots", usedSlotsSQL, "p"),
		queryplan.Of("blocked jobs", blockedJobsSQL, "p", "a", "t"),
		queryplan.Of("earlier run active", earlierRunActiveSQL, "p", "a", "t"),
		queryplan.Of("dispatch", dispatchSQL, "dispatched", "t", "j"),
		queryplan.Of("set pending", setPendingSQL, "j"),
		queryplan.Of("busy", busySQL, "t"),
		queryplan.Of("shift jobs", shiftJobsSQL, "s", "t"),
	}
}
