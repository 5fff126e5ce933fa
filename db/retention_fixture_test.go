package db_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/retention"
)

// longAgo is a time before all cut-off times; noon is after them.
var longAgo = dbtest.Noon.AddDate(-2, 0, 0)

// kept is the default retention.
var kept = retention.Periods{Exchanges: 30 * day, Jobs: 90 * day, Events: 400 * day}

const day = 24 * time.Hour

// history creates a database with orders of many revisions, all except the last long ago and in
// chronological order, and returns its path.
func history(tb testing.TB, orders, revisions int) string {
	tb.Helper()
	path := dbtest.Blank(tb)
	d := dbtest.OpenAt(tb, path)
	_, js := dbtest.Start(tb, d, 1)
	dbtest.Commit(tb, d, dbtest.Succeeded(js[0], longAgo, dbtest.Order("SO", true)))
	dbtest.Publish(tb, d)
	err := d.Write(tb.Context(), false, func(exec db.Exec) error {
		for _, query := range []string{
			`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %[1]d)
			INSERT INTO orders (provider, account, order_id, reference, status, revision, first_seen_at, last_seen_at, last_changed_at, fingerprint, document)
			SELECT provider, account, printf('SO%%08d', i), reference, status, %[2]d, first_seen_at, last_seen_at, last_changed_at, fingerprint,
			       json_object('provider', provider, 'account', account, 'order_id', printf('SO%%08d', i), 'reference', reference, 'status', status, 'lines', json('[]'))
			  FROM orders, n WHERE order_id = 'SO'`,
			`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %[1]d * %[2]d)
			INSERT INTO order_events (event_id, provider, account, order_id, revision, type, reference, status, run_id, job_id, observed_at, changes, document)
			SELECT printf('michelin.detroit.SO%%08d.%%d', i %% %[1]d, i / %[1]d + 1), provider, account, printf('SO%%08d', i %% %[1]d), i / %[1]d + 1, type, reference, status, run_id, job_id,
			       observed_at, changes, document
			  FROM order_events, n WHERE order_id = 'SO'`,
		} {
			if _, err := exec(fmt.Sprintf(query, orders, revisions)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	if err := d.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

// copied copies a database that is not open.
func copied(tb testing.TB, path string) string {
	tb.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	to := filepath.Join(tb.TempDir(), "orderbeat.db")
	if err := os.WriteFile(to, file, 0o600); err != nil {
		tb.Fatal(err)
	}
	return to
}
