package db_test

import (
	"slices"
	"testing"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/queryplan"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), slices.Concat(db.RetentionQueries(), db.ScheduleQueries()), queryplan.Exceptions{})
}
