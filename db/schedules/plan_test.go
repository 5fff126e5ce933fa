package schedules_test

import (
	"testing"

	"orderbeat/db/dbtest"
	"orderbeat/db/queryplan"
	"orderbeat/db/schedules"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), schedules.Queries(), queryplan.Exceptions{})
}
