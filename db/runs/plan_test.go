package runs_test

import (
	"testing"

	"orderbeat/db/dbtest"
	"orderbeat/db/queryplan"
	"orderbeat/db/runs"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), runs.Queries(), queryplan.Exceptions{Scan: []string{"runs", "runs since"}, Sort: []string{"pace", "missed"}})
}
