package schedules // internal: gives external tests access to the queries

import (
	"orderbeat/db/queryplan"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	return []queryplan.Query{
		queryplan.Of("last tick", lastTickSQL, "s"),
		queryplan.Of("schedule progress", progressSQL, "s"),
		queryplan.Of("see schedule", seeScheduleSQL, "s", "t", "t"),
		queryplan.Of("pause", pauseSQL, "s", "t", "n"),
		queryplan.Of("resume", resumeSQL, "s"),
		queryplan.Of("paused", pausedSQL, "s"),
		queryplan.Of("failed in a row", lastRunsSQL, "s"),
		queryplan.Of("ticks", ticksSQL, "s", "t", "t"),
	}
}
