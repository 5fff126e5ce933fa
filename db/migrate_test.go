package db_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// filled has a row for every table that the first schema had.
const filled = `
INSERT INTO orders (provider, account, order_id, status, revision, first_seen_at, last_seen_at, last_changed_at, fingerprint, document)
VALUES ('michelin', 'detroit', 'SO1', 'scheduled', 1, '2026-11-20T12:00:00.000Z', '2026-11-20T12:00:00.000Z', '2026-11-20T12:00:00.000Z', x'00', '{}');
INSERT INTO order_lines (provider, account, order_id, line_id, status) VALUES ('michelin', 'detroit', 'SO1', '001', 'scheduled');
INSERT INTO schedule_lines (provider, account, order_id, line_id, seq) VALUES ('michelin', 'detroit', 'SO1', '001', 1);
INSERT INTO despatches (provider, account, order_id, line_id, seq) VALUES ('michelin', 'detroit', 'SO1', '001', 1);
INSERT INTO order_events (event_id, provider, account, order_id, revision, type, status, run_id, job_id, observed_at, changes, document)
VALUES ('michelin.detroit.SO1.1', 'michelin', 'detroit', 'SO1', 1, 'orderbeat.order.created.v1', 'scheduled', 'R1', 'R1-00001', '2026-11-20T12:00:00.000Z', '[]', '{}');
INSERT INTO runs (run_id, provider, kind, state, trigger, jobs_total, jobs_failed, errors, requested_at)
VALUES ('R1', 'mazda', 'sync', 'running', 'nats', 2, 1, '[]', '2026-11-20T12:00:00.000Z');
INSERT INTO jobs (job_id, run_id, provider, account, kind, question, state, attempts, error_code, planned_at) VALUES
('R1-00001', 'R1', 'mazda', 'a', 'sync', '{"from":"2026-11-06","to":"2026-11-20"}', 'failed', 1, 'consent_required', '2026-11-20T12:00:00.000Z'),
('R1-00002', 'R1', 'mazda', 'b', 'sync', '{"from":"2026-11-06","to":"2026-11-20"}', 'queued', 0, NULL, '2026-11-20T12:00:00.000Z');
INSERT INTO ticks (schedule, due_at, outcome) VALUES ('recent', '2026-11-20T12:00:00.000Z', 'started');
INSERT INTO freshness (provider, account, last_failure_at, failure_code) VALUES ('mazda', 'a', '2026-11-20T12:00:00.000Z', 'consent_required');
INSERT INTO outbox (topic, subject, msg_id, type, ce_subject, source, time, body)
VALUES ('jobs', 'jobs.mazda.b.sync', 'R1-00002.1', 'orderbeat.job.planned.v1', 'R1-00002', '/orderbeat/mazda', '2026-11-20T12:00:00.000Z', '{}');
`

// firstSchema makes a database of version 1, with data.
func firstSchema(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	pool, err := sql.Open("sqlite3", "file:"+path+"?_auto_vacuum=incremental&_journal_mode=wal")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	steps, err := goose.NewProvider(goose.DialectSQLite3, pool, os.DirFS("migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := steps.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.ExecContext(t.Context(), filled); err != nil {
		t.Fatal(err)
	}
	return path
}

// later are the columns that were added to tables of the first schema.
var later = map[string]string{"jobs": "tried, retried_at", "runs": "reopened"}

// dump is everything that the tables of the first schema hold.
func dump(t *testing.T, path string) map[string][]string {
	t.Helper()
	pool, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	all := map[string][]string{}
	for _, table := range []string{"orders", "order_lines", "schedule_lines", "despatches", "order_events", "runs", "jobs", "ticks", "freshness", "outbox"} {
		all[table] = dumpTable(t, pool, table)
	}
	return all
}

func dumpTable(t *testing.T, pool *sql.DB, table string) (all []string) {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), "SELECT * FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	added := strings.Split(later[table], ", ")
	for rows.Next() {
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		row := ""
		for i, column := range columns {
			if !slices.Contains(added, column) {
				row += fmt.Sprintf("%s=%v ", column, values[i])
			}
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestADatabaseOfTheFirstSchemaIsMigratedWithItsData(t *testing.T) {
	path := firstSchema(t)
	before := dump(t, path)
	for table, rows := range before {
		if len(rows) == 0 {
			t.Errorf("%s is empty: the test compares nothing", table)
		}
	}
	d := openAt(t, path)
	if diff := cmp.Diff(before, dump(t, path)); diff != "" {
		t.Errorf("rows (-before +after):\n%s", diff)
	}
	const schema = `SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name)`
	got, err := d.Value(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	want, err := open(t).Value(t.Context(), schema)
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" || err != nil {
		t.Errorf("schema, %v (-new +migrated):\n%s", err, diff)
	}

	// What was there before takes part in what is new.
	raise(t, d, consentAlert("johndoe"))
	if diff := cmp.Diff([]string{`sync [a] {"from":"2026-11-06"}`}, requests(consent(t, d))); diff != "" {
		t.Errorf("a job that an earlier version missed (-want +got):\n%s", diff)
	}
	advise(t, d, noon, advice("BOL1", "SO1"))
	if got := story(t, d, "SO1"); got != "created despatched" {
		t.Errorf("an order that an earlier version stored: got %s", got)
	}
	job := jobs.Job{ID: "R1-00002", RunID: "R1", Provider: "mazda", Account: "b", Kind: "sync", Attempt: 1}
	if c := commit(t, d, refused(job, clients.CodeForbidden, noon)); c.Run == nil {
		t.Errorf("got %+v, want the end of the run that an earlier version began", c)
	}
	if diff := cmp.Diff([]string{"mazda b  forbidden raised"}, alerts(t, d, true)); diff != "" {
		t.Errorf("raised (-want +got):\n%s", diff)
	}
}
