// Package queryplan checks the plans of the queries of a database: growing tables are searched by an
// index. It is for tests of db and of the packages below it.
package queryplan

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the driver
)

// Query is a query with a name and arguments.
type Query struct {
	Name, SQL string
	Args      []any
}

// Of returns a query.
func Of(name, query string, args ...any) Query { return Query{Name: name, SQL: query, Args: args} }

// Exceptions are the names of queries that are exempt from a check.
type Exceptions struct {
	// Scan an index or a table by row id, up to a limit.
	Scan []string
	// Sort a few rows.
	Sort []string
}

var (
	// Few rows are open.
	few = regexp.MustCompile(`^SCAN .* INDEX (orders_open|alerts_raised)\b`)
	// Always small: one row per account, lists in the arguments (json_each, j), rows of a bounded subquery, schedule names (s), messages set aside, targets,
	// and the outbox (b), because pruning waits while it is large.
	small = regexp.MustCompile(`^SCAN (responses|json_each|j VIRTUAL TABLE|CONSTANT ROW|s|b|unpublishable|notification_targets|\(subquery-\d+\))( |$)`)
)

// Check checks the plan of each query in the database at path.
func Check(t *testing.T, path string, queries []Query, except Exceptions) {
	t.Helper()
	pool, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	for _, q := range queries {
		t.Run(q.Name, func(t *testing.T) {
			steps, err := explain(t.Context(), pool, q)
			if err != nil {
				t.Fatal(err)
			}
			check(t, q, steps, slices.Contains(except.Scan, q.Name), slices.Contains(except.Sort, q.Name))
		})
	}
}

func check(t *testing.T, q Query, steps []string, scans, sorts bool) {
	t.Helper()
	searched := false
	for _, step := range steps {
		searched = searched || strings.HasPrefix(step, "SEARCH") || few.MatchString(step)
		switch {
		case strings.HasPrefix(step, "SCAN") && scans && strings.Contains(step, "INDEX"):
		case step == "SCAN "+q.Name && scans: // by row id
		case few.MatchString(step):
		case strings.HasPrefix(step, "SCAN") && !small.MatchString(step):
			t.Errorf("%s\nin the plan\n%s\nof%s", step, strings.Join(steps, "\n"), q.SQL)
		case strings.Contains(step, "TEMP B-TREE FOR ORDER BY") && !sorts:
			t.Errorf("sorts everything:\n%s\nof%s", strings.Join(steps, "\n"), q.SQL)
		}
	}
	if !searched && !scans && len(steps) > 0 { // an insert has no plan
		t.Errorf("no search in\n%s", strings.Join(steps, "\n"))
	}
}

// explain returns the steps of a query plan.
func explain(ctx context.Context, pool *sql.DB, q Query) (steps []string, err error) {
	rows, err := pool.QueryContext(ctx, "EXPLAIN QUERY PLAN "+q.SQL, q.Args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	return steps, rows.Err()
}
