package orders_test

import (
	"testing"

	"orderbeat/db/dbtest"
	"orderbeat/db/orders"
	"orderbeat/db/queryplan"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), orders.Queries(), queryplan.Exceptions{
		Scan: []string{"orders"},
		Sort: []string{"newly late", "late", "orders by reference", "orders of a provider by reference", "orders by reference changed since", "orders by id", "orders of a provider by id"},
	})
}
