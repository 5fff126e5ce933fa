package db_test

import (
	"regexp"
	"strings"
	"testing"

	"orderbeat/db"
)

// TestNoQueryReadsAWholeTable checks the plan of every query. Growing tables are searched by an index; only
// lists of all rows scan an index, up to their limit.
func TestNoQueryReadsAWholeTable(t *testing.T) {
	walks := map[string]bool{"alerts": true, "exchanges": true, "orders": true, "runs": true, "orders by ended status": true}
	sorts := map[string]bool{"busy": true, "newly late": true, "late": true, "pace": true, "raised alerts": true, "missed": true, "replay of an order": true, "advices of an order": true, "invoices of an order": true, "exchanges of a run": true, "kept jobs": true, "kept jobs of a run": true, "kept jobs of a job": true} // sorts few rows
	// Always small: one row per account, and lists in the arguments.
	few := regexp.MustCompile(`^SCAN .* INDEX (orders_open|alerts_raised)\b`) // few rows are open
	// Also small: schedule names (s), messages set aside, and the outbox (b), because pruning waits while it is large.
	small := regexp.MustCompile(`^SCAN (responses|json_each|CONSTANT ROW|s|b|unpublishable|\(subquery-[13]\))( |$)`)
	d := open(t)
	for _, q := range db.Queries() {
		t.Run(q.Name, func(t *testing.T) {
			steps, err := d.Explain(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			searched := false
			for _, step := range steps {
				searched = searched || strings.HasPrefix(step, "SEARCH") || few.MatchString(step)
				switch {
				case strings.HasPrefix(step, "SCAN") && walks[q.Name] && strings.Contains(step, "INDEX"):
				case step == "SCAN "+q.Name && walks[q.Name]: // by row id
				case few.MatchString(step):
				case strings.HasPrefix(step, "SCAN") && !small.MatchString(step):
					t.Errorf("%s\nin the plan\n%s\nof%s", step, strings.Join(steps, "\n"), q.SQL)
				case strings.Contains(step, "TEMP B-TREE FOR ORDER BY") && !sorts[q.Name] && !strings.Contains(q.Name, "by reference") && !strings.Contains(q.Name, "by id"):
					t.Errorf("sorts everything:\n%s\nof%s", strings.Join(steps, "\n"), q.SQL)
				}
			}
			if !searched && !walks[q.Name] && len(steps) > 0 { // an insert has no plan
				t.Errorf("no search in\n%s", strings.Join(steps, "\n"))
			}
		})
	}
}
