package exchanges_test

import (
	"testing"

	"orderbeat/db/dbtest"
	"orderbeat/db/exchanges"
	"orderbeat/db/queryplan"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), exchanges.Queries(), queryplan.Exceptions{
		Scan: []string{"exchanges"},
		Sort: []string{"exchanges of a run", "kept jobs", "kept jobs of a run", "kept jobs of a job"},
	})
}
