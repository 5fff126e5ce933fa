package unpublishable_test

import (
	"testing"

	"orderbeat/db/dbtest"
	"orderbeat/db/queryplan"
	"orderbeat/db/unpublishable"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), unpublishable.Queries(), queryplan.Exceptions{})
}
