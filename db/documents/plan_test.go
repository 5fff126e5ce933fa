package documents_test

import (
	"testing"

	"orderbeat/db/dbtest"
	"orderbeat/db/documents"
	"orderbeat/db/queryplan"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), documents.Queries(), queryplan.Exceptions{Sort: []string{"advices of an order", "invoices of an order"}})
}
