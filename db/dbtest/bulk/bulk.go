// Package bulk creates databases with many orders for performance tests.
package bulk

import (
	"database/sql"
	"testing"

	"orderbeat/db"
)

// Create creates a database with n orders spread over 400 days, two revisions of each, and the runs, jobs and
// exchanges of a busy month. A million take 4 GB.
func Create(tb testing.TB, path string, n int) {
	tb.Helper()
	d, err := db.Open(tb.Context(), db.Options{Path: path})
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	pool, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=wal&_synchronous=off&_cache_size=-500000")
	if err != nil {
		tb.Fatal(err)
	}
	defer pool.Close()
	for _, query := range []string{ordersData, eventsData, runsData, jobsData, exchangesData, `ANALYZE`, `DELETE FROM sqlite_stat1`, `PRAGMA wal_checkpoint(truncate)`} {
		if _, err := pool.ExecContext(tb.Context(), query, sql.Named("n", n)); err != nil {
			tb.Fatalf("%v in %s", err, query)
		}
	}
}

// Report computes the reports of a database that no process has open, as a worker does over time.
func Report(tb testing.TB, path string) {
	tb.Helper()
	d, err := db.Open(tb.Context(), db.Options{Path: path, Synchronous: "normal"})
	if err != nil {
		tb.Fatal(err)
	}
	defer d.Close()
	for done := false; !done; {
		if done, err = d.Reports().Advance(tb.Context()); err != nil {
			tb.Fatal(err)
		}
	}
}

// at is a time i/n of the way through the last 400 days; the helpers below are expressions of SQL.
const (
	at       = `strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || CAST(400 * 86400 * (1 - 1.0 * i / :n) AS INTEGER) || ' seconds')`
	promise  = `date('now', CAST(-400 + 400.0 * i / :n + (i * 7919) % 40 AS INTEGER) || ' days')`
	state    = `CASE WHEN i < :n * 0.9 THEN CASE i % 50 WHEN 0 THEN 'cancelled' ELSE 'shipped' END WHEN i % 3 = 0 THEN 'open' ELSE 'confirmed' END`
	document = `json_object('provider', 'michelin', 'account', 'a' || (i % 10), 'order_id', format('SO%08d', i), 'reference', format('PO-%08d', i), 'status', ` + state + `,
       'ordered_quantity', 8, 'shipped_quantity', 4, 'open_quantity', 4, 'promised_on', ` + promise + `, 'next_promised_on', ` + promise + `, 'lines', json_array(
         json_object('line_id', '001', 'article_id', format('A%04d', i * 31 % 2000), 'description', '225/45R17 94W XL PILOT SPORT', 'status', ` + state + `, 'requested_on', ` + promise + `,
           'promised_on', ` + promise + `, 'ordered', 4, 'shipped', 4, 'schedule', json_array(json_object('delivery_on', ` + promise + `, 'ordered', 4, 'confirmed', 4)),
           'despatches', json_array(json_object('despatched_on', date(` + promise + `, ((i % 9) - 4) || ' days'), 'advice_id', 'B' || i, 'quantity', 4))),
         json_object('line_id', '002', 'article_id', format('A%04d', i * 17 % 2000), 'description', '205/55R16 91V ENERGY SAVER', 'status', ` + state + `,
           'promised_on', ` + promise + `, 'ordered', 4, 'shipped', 4, 'schedule', json_array(), 'despatches', json_array())))`
	numbers = `WITH RECURSIVE k (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i + 1 < `

	ordersData = numbers + `:n)
INSERT INTO orders (provider, account, order_id, reference, ordered_on, status, ordered_quantity, shipped_quantity, open_quantity, promised_on, next_promised_on,
       revision, first_seen_at, last_seen_at, last_changed_at, fingerprint, document)
SELECT 'michelin', 'a' || (i % 10), format('SO%08d', i), format('PO-%08d', i), '2026-01-01', ` + state + `, 8, 4, 4, ` + promise + `, ` + promise + `,
       2, ` + at + `, ` + at + `, ` + at + `, zeroblob(16), ` + document + ` FROM k`

	eventsData = numbers + `2 * :n)
INSERT INTO order_events (event_id, provider, account, order_id, revision, type, reference, status, run_id, job_id, observed_at, changes, document)
SELECT 'e' || i, provider, account, order_id, i % 2 + 1, 'orderbeat.order.changed.v1', reference, status, 'r', 'j', last_changed_at,
       json_array(json_object('path', 'lines/001/promised_on', 'before', '2026-01-01', 'after', promised_on)), document
  FROM k JOIN orders ON orders.rowid = i / 2 + 1`

	runsData = numbers + `:n / 100)
INSERT INTO runs (run_id, provider, kind, state, trigger, jobs_total, jobs_succeeded, errors, requested_at)
SELECT format('01JRUN%020d', i), 'michelin', 'sync', CASE i % 500 WHEN 0 THEN 'failed' ELSE 'succeeded' END, 'schedule:nightly', 10, 10, '[]', ` + at + ` FROM k`

	jobsData = numbers + `:n / 10)
INSERT INTO jobs (job_id, run_id, provider, account, kind, question, state, attempts, planned_at, finished_at, error_code)
SELECT format('01JRUN%020d-%05d', i / 10, i % 10), format('01JRUN%020d', i / 10), 'michelin', 'a' || (i % 10), 'sync', '{}',
       CASE i % 100 WHEN 0 THEN 'failed' ELSE 'succeeded' END, 1, ` + at + `, ` + at + `, CASE i % 100 WHEN 0 THEN 'unavailable' END FROM k`

	exchangesData = numbers + `:n / 4)
INSERT INTO exchanges (job_id, provider, account, op, method, url, status, started_at, duration_ms, response_body, response_bytes, truncated, error_code)
SELECT format('01JRUN%020d-%05d', i % (:n / 10) / 10, i % 10), 'michelin', 'a' || (i % 10), 'order_status', 'POST', 'https://api.test/orders', 200,
       strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || CAST(10 * 86400 * (1 - 4.0 * i / :n) AS INTEGER) || ' seconds'), 50 + i % 400, hex(zeroblob(400)), 800, 0,
       CASE i % 200 WHEN 0 THEN 'unavailable' END FROM k`
)
