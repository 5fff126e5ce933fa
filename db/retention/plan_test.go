package retention_test

import (
	"database/sql"
	"strings"
	"testing"

	"orderbeat/db/dbtest"
	"orderbeat/db/queryplan"
	"orderbeat/db/retention"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), retention.Queries(), queryplan.Exceptions{})
}

// TestFirstRowsOfViewsAreNotSorted checks that `select * from recent_changes limit 10` reads ten rows. A
// part of the order that the index does not have ("last term of order by") is sorted by older versions of
// SQLite with everything else.
func TestFirstRowsOfViewsAreNotSorted(t *testing.T) {
	pool, err := sql.Open("sqlite3", "file:"+dbtest.Blank(t)+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, view := range []string{"open_orders", "late_orders", "recent_changes", "promise_history"} {
		rows, err := pool.QueryContext(t.Context(), "EXPLAIN QUERY PLAN SELECT * FROM "+view+" LIMIT 10")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s: %s", view, step)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
}
