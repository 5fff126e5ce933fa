package tokens_test

import (
	"testing"

	"orderbeat/db/dbtest"
	"orderbeat/db/queryplan"
	"orderbeat/db/tokens"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), tokens.Queries(), queryplan.Exceptions{})
}
