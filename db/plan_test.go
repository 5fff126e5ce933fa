package db_test

import (
	"slices"
	"testing"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/queryplan"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), slices.Concat(
		db.ExchangeQueries(), db.RetentionQueries(), db.ScheduleQueries(), db.TokenQueries()), queryplan.Exceptions{
		Scan: []string{"exchanges"},
		Sort: []string{

			"exchanges of a run", "kept jobs", "kept jobs of a run", "kept jobs of a job",
		},
	})
}
