package worker_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/db/reports"
	"orderbeat/worker"
)

// maxPageTime is what a page may take, in the median.
const maxPageTime = 200 * time.Millisecond

// TestPagesAreFast measures every section of the operator's page, with a thousand orders or as many
// as ORDERBEAT_TEST_ORDERS says. A million take 4 GB: TMPDIR=/dev/shm.
func TestPagesAreFast(t *testing.T) {
	n := 1000
	if text := os.Getenv("ORDERBEAT_TEST_ORDERS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "orderbeat.db")
	generate(t, path, n)
	w := startIn(t, folder, func(c *worker.Config) {
		listening(c)
		c.Schedules = []worker.Schedule{nightly()}
		c.Providers[0].Accounts = nil
		for i := range 10 {
			c.Providers[0].Accounts = append(c.Providers[0].Accounts, clients.Account{Name: fmt.Sprintf("a%d", i)})
		}
	})
	begun := time.Now()
	for {
		done, err := w.db.Reports().Advance(t.Context())
		if done {
			break
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // the worker was first
		}
	}
	t.Logf("%d orders; reports took %s", n, time.Since(begun).Round(time.Second))
	for name, path := range map[string]string{
		"overview": "/", "orders": "/ui/orders", "orders/page": "/ui/orders?cursor=" + cursorOf(t, w),
		"orders/account": "/ui/orders?account=a3", "orders/status": "/ui/orders?status=cancelled", "orders/none": "/ui/orders?account=nowhere&status=unknown",
		"orders/late": "/ui/orders?late=1&account=a3", "orders/promise": "/ui/orders?sort=promise&status=confirmed", "orders/number": "/ui/orders?sort=order&provider=michelin&account=a7&status=open",
		"orders/since": "/ui/orders?since=14d&status=open", "orders/search": "/ui/orders?q=SO0007",
		"order": "/ui/order?provider=michelin&account=a7&id=SO00000007", "suppliers": "/ui/suppliers?months=13", "suppliers/article": "/ui/suppliers?months=13&by=article",
		"suppliers/article of one": "/ui/suppliers?months=13&by=article&account=a3",
		"suppliers/month":          "/ui/suppliers?by=month&account=a3", "runs": "/ui/runs?state=failed", "run": "/ui/run?id=" + runOf(n), "jobs": "/ui/jobs?state=failed", "jobs/account": "/ui/jobs?account=nowhere",
		"schedules": "/ui/schedules", "exchanges": "/ui/exchanges?failed=1", "exchanges/account": "/ui/exchanges?provider=michelin&account=nowhere", "credentials": "/ui/credentials", "alerts": "/ui/alerts",
	} {
		t.Run(name, func(t *testing.T) {
			took := make([]time.Duration, 20)
			for i := range took {
				begun := time.Now()
				resp, body := w.send(http.MethodGet, path, nil)
				took[i] = time.Since(begun)
				if resp.StatusCode != 200 {
					t.Fatalf("got %d %s", resp.StatusCode, body)
				}
			}
			slices.Sort(took)
			median, most := took[len(took)/2], took[len(took)-1]
			t.Logf("median %s, longest %s", median.Round(100*time.Microsecond), most.Round(100*time.Microsecond))
			if median > maxPageTime {
				t.Errorf("got a median of %s, want at most %s", median, maxPageTime)
			}
		})
	}
}

// cursorOf is a cursor in the middle of the orders by change.
func cursorOf(t *testing.T, w *bench) string {
	t.Helper()
	page, err := w.db.Reports().Orders(t.Context(), reports.OrderFilter{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	return page.Cursor
}

func runOf(n int) string { return fmt.Sprintf("01JRUN%020d", n/100-1) }

// generate creates a database with n orders of 400 days, two revisions of each, and the runs, jobs and
// exchanges of a busy month.
func generate(t *testing.T, path string, n int) {
	t.Helper()
	copyEmptyDatabase(t, path)
	pool, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=wal&_synchronous=off&_cache_size=-500000")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, query := range []string{ordersData, eventsData, runsData, jobsData, exchangesData, `ANALYZE`, `DELETE FROM sqlite_stat1`, `PRAGMA wal_checkpoint(truncate)`} {
		if _, err := pool.ExecContext(t.Context(), query, sql.Named("n", n)); err != nil {
			t.Fatalf("%v in %s", err, query)
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
