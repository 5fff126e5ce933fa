package alerts_test

import (
	"testing"

	"orderbeat/db/alerts"
	"orderbeat/db/dbtest"
	"orderbeat/db/queryplan"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), alerts.Queries(), queryplan.Exceptions{Scan: []string{"alerts"}, Sort: []string{"raised alerts"}})
}
