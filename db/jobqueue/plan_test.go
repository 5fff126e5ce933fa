package jobqueue_test

import (
	"testing"

	"orderbeat/db/dbtest"
	"orderbeat/db/jobqueue"
	"orderbeat/db/queryplan"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), jobqueue.Queries(), queryplan.Exceptions{})
}
