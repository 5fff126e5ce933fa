package db_test

import (
	"regexp"
	"strings"
	"testing"

	"orderbeat/db"
)

// TestNoQueryReadsAWholeTable looks at the plan of every query. A table that grows
// is searched by an index; only a list of everything walks along one, and stops at its limit.
func TestNoQueryReadsAWholeTable(t *testing.T) {
	walks := map[string]bool{"alerts": true, "exchanges": true, "orders": true, "runs": true, "orders by ended status": true}
	sorts := map[string]bool{"busy": true, "newly late": true, "late": true, "pace": true, "raised alerts": true, "missed": true, "replay of an order": true, "advices of an order": true, "invoices of an order": true, "exchanges of a run": true, "kept jobs": true, "kept jobs of a run": true, "kept jobs of a job": true} // what it found, which is few
	// Small for ever: one row per account, and lists that came with the query.
	few := regexp.MustCompile(`^SCAN .* INDEX (orders_open|alerts_raised)\b`) // what is open is few
	// So are the names of schedules (s), and what is set aside; b is the outbox, which pruning waits for when it is large.
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
				case step == "SCAN "+q.Name && walks[q.Name]: // by its ids
				case few.MatchString(step):
				case strings.HasPrefix(step, "SCAN") && !small.MatchString(step):
					t.Errorf("%s\nin the plan\n%s\nof%s", step, strings.Join(steps, "\n"), q.SQL)
				case strings.Contains(step, "TEMP B-TREE FOR ORDER BY") && !sorts[q.Name] && !strings.Contains(q.Name, "by reference") && !strings.Contains(q.Name, "by id"):
					t.Errorf("sorts everything:\n%s\nof%s", strings.Join(steps, "\n"), q.SQL)
				}
			}
			if !searched && !walks[q.Name] && len(steps) > 0 { // an insertion has no plan
				t.Errorf("no search in\n%s", strings.Join(steps, "\n"))
			}
		})
	}
}
