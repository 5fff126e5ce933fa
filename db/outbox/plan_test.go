package outbox_test

import (
	"testing"

	"orderbeat/db/dbtest"
	"orderbeat/db/outbox"
	"orderbeat/db/queryplan"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), outbox.Queries(), queryplan.Exceptions{Sort: []string{"replay of an order"}})
}
