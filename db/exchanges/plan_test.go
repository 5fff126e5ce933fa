package exchanges_test

import (
	"testing"

	"orderbeat/db/dbtest"
	"orderbeat/db/exchanges"
	"orderbeat/db/queryplan"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), exchanges.Queries(), queryplan.Exceptions{
		Scan: []string{"exchanges", "exchanges, edge"},
		Sort: []string{"exchanges of a run", "exchanges of a run, edge", "kept jobs", "kept jobs of a run", "kept jobs of a job"},
	})
}
