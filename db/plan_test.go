package db_test

import (
	"testing"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/queryplan"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), db.RetentionQueries(), queryplan.Exceptions{})
}
