package db_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/retention"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// The files testdata/version-N.sql are dumps (sqlite3 FILE .dump) of databases that the
// last program of schema version N made: SO1 was created, published, and changed; SO2 was
// created; one job failed as forbidden, one waits, one failed with a missing consent; a tick
// starts a run. From version 2 on johndoe's tokens are stored and his consent is missing,
// from 3 on jane has granted hers, from 4 on a response could not be read, from 5 on SO1 has
// an advice and an invoice; version 6 is that of 5, migrated, 7 that of 6 with a paused
// schedule, 8 that of 7 with a request that joined a run, and 9 that of 8, migrated. A release needs a dump of its version.

// dumped creates a database of an earlier version.
func dumped(t *testing.T, version int64) string {
	t.Helper()
	dump, err := os.ReadFile(fmt.Sprintf("testdata/version-%d.sql", version))
	if err != nil {
		t.Fatalf("%v: a release needs a dump of its version", err)
	}
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	pool := openRaw(t, path, "_auto_vacuum=incremental&_journal_mode=wal")
	if _, err := pool.ExecContext(t.Context(), string(dump)); err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := sqlite.Version(t.Context(), path); got != version || err != nil {
		t.Fatalf("the dump is of version %d, %v, want %d", got, err, version)
	}
	return path
}

func openRaw(t *testing.T, path, params string) *sql.DB {
	t.Helper()
	pool, err := sql.Open("sqlite3", "file:"+path+"?"+params)
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	t.Cleanup(func() { pool.Close() })
	return pool
}

// newest is the version of a new database.
func newest(t *testing.T) int64 {
	t.Helper()
	version, err := sqlite.Version(t.Context(), dbtest.Blank(t))
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// columnsAt lists the columns of every table but goose's.
func columnsAt(t *testing.T, path string) map[string][]string {
	t.Helper()
	pool := openRaw(t, path, "mode=ro")
	rows, err := pool.QueryContext(t.Context(), `SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c
		WHERE t.type = 'table' AND t.schema = 'main' AND t.name NOT LIKE 'sqlite_schema' AND t.name NOT LIKE 'goose%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		all[table] = append(all[table], column)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// dumpAt returns the contents of columns of a table, of all columns if none are named.
func dumpAt(t *testing.T, path, table string, columns ...string) (all []string) {
	t.Helper()
	list := "*"
	if len(columns) > 0 {
		list = strings.Join(columns, ", ")
	}
	rows, err := openRaw(t, path, "mode=ro").QueryContext(t.Context(), "SELECT "+list+" FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, dest := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(names, values))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// renamed maps columns of earlier versions to their current names.
var renamed = map[string]string{
	"jobs.turn":      "CASE dispatch WHEN 'pending_slot' THEN 'held' WHEN 'blocked' THEN 'behind' WHEN 'dispatched' THEN 'out' END",
	"jobs.turn_at":   "dispatched_at",
	"runs.lane":      "low_priority_slots",
	"runs.asks":      "request_hash",
	"exchanges.kept": "detail",
}

// selected returns the columns to select, with their earlier names.
func selected(table string, names []string, renamed map[string]string) []string {
	list := slices.Clone(names)
	for i, name := range names {
		list[i] = `"` + name + `"`
		if now, ok := renamed[table+"."+name]; ok {
			list[i] = now + " AS " + list[i]
		}
	}
	return list
}

// released is the newest schema version of a released program. Later migrations are part of the next
// release, which needs one dump.
const released = 9

func TestEveryVersionIsMigratedWithItsData(t *testing.T) {
	for version := int64(1); version <= newest(t); version++ {
		if _, err := os.Stat(fmt.Sprintf("testdata/version-%d.sql", version)); version > released && errors.Is(err, os.ErrNotExist) {
			continue
		}
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			path := dumped(t, version)
			columns := columnsAt(t, path)
			before := map[string][]string{}
			for table, names := range columns {
				if before[table] = dumpAt(t, path, table, selected(table, names, nil)...); len(before[table]) == 0 {
					t.Errorf("%s is empty: the test compares nothing", table)
				}
				if table == "outbox" { // since version 20 jobs are not messages
					before[table] = slices.DeleteFunc(before[table], func(row string) bool { return strings.Contains(row, "orderbeat.job.planned.v1") })
				}
			}
			d := dbtest.OpenAt(t, path)
			for table, names := range columns {
				if diff := cmp.Diff(before[table], dumpAt(t, path, table, selected(table, names, renamed)...)); diff != "" && table != "sqlite_sequence" {
					t.Errorf("%s (-before +after):\n%s", table, diff)
				}
			}
			const schema = `SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name)`
			got, err := d.Inspect().Value(t.Context(), schema)
			if err != nil {
				t.Fatal(err)
			}
			want, err := dbtest.Open(t).Inspect().Value(t.Context(), schema)
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" || err != nil {
				t.Errorf("schema, %v (-new +migrated):\n%s", err, diff)
			}
			dbtest.CheckConsistent(t, d)
			isThere(t, d, version)
			goesOn(t, d, version)
			dbtest.CheckConsistent(t, d)
		})
	}
}

func TestMigrationRenamesTheStateOfRejectedCredentials(t *testing.T) {
	path := dumped(t, released)
	pool := openRaw(t, path, "")
	if _, err := pool.ExecContext(t.Context(), `UPDATE credentials SET state = 'refused' WHERE user = 'johndoe'`); err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := dbtest.OpenAt(t, path).Inspect().Value(t.Context(), `SELECT state FROM credentials WHERE user = 'johndoe'`)
	if got != "rejected" || err != nil {
		t.Errorf("got state %q, %v, want rejected", got, err)
	}
}

// isThere reads the data of an earlier version.
func isThere(t *testing.T, d *db.DB, version int64) {
	t.Helper()
	revision, so1, waits := 2, "created changed", "michelin.detroit.SO1.2 "
	if version >= 5 {
		revision, so1, waits = 4, "created changed despatched invoiced", waits+"michelin.detroit.SO1.3 michelin.detroit.SO1.4 "
	}
	o, ok, err := d.Order(t.Context(), "michelin", "detroit", "SO1")
	if !ok || err != nil || o.Revision != revision || o.Status != clients.StatusPartiallyShipped || len(o.Lines) != 2 || len(o.Lines[0].Despatches) != 1 {
		t.Errorf("got %+v, %v, %v, want SO1 partially shipped in revision %d", o, ok, err, revision)
	}
	if got := story(t, d, "SO1") + ", " + story(t, d, "SO2"); got != so1+", created" {
		t.Errorf("got the histories %q, want %q", got, so1+", created")
	}
	messages := ""
	for _, m := range dbtest.Pending(t, d, dbtest.Noon.AddDate(1, 0, 0)) {
		if m.Topic == "orders" {
			messages += m.MsgID + " "
			if !strings.Contains(string(m.Body), `"order":{"provider":"michelin"`) {
				t.Errorf("got the message %s, want the order in it", m.Body)
			}
		}
		if m.Topic == "runs" && m.MsgID != "recent@2026-11-20T12:00:00Z" && version < 3 {
			t.Errorf("got the request %+v, want the tick's", m)
		}
	}
	if messages != waits {
		t.Errorf("got the messages %q, want %q", messages, waits)
	}
	if tick, ok, err := d.LastTick(t.Context(), "recent"); !ok || !tick.DueAt.Equal(dbtest.Noon) || err != nil {
		t.Errorf("got the tick %+v, %v, %v, want that of noon", tick, ok, err)
	}
	if version >= 2 {
		if row := loadToken(t, d, "mazda/test/johndoe"); row.State != auth.StateValid || row.Token.Reveal() != "sealed" || row.Logins != 3 {
			t.Errorf("got the credential %+v, want the stored credential", row)
		}
	}
}

// goesOn uses the data of an earlier version in new operations.
func goesOn(t *testing.T, d *db.DB, version int64) {
	t.Helper()
	dbtest.Publish(t, d)
	open, err := d.OpenJobsExcept(t.Context(), nil)
	if err != nil || len(open) == 0 {
		t.Fatalf("got %v, %v, want the job that waits", open, err)
	}
	i := slices.IndexFunc(open, func(j jobs.Job) bool { return j.Attempt == 2 })
	if i < 0 {
		t.Fatalf("got %+v, want a job with one finished attempt", open)
	}
	changed := dbtest.Order("SO1", true)
	changed.Method = "PHONE"
	c := dbtest.Commit(t, d, dbtest.Succeeded(open[i], dbtest.Noon.Add(5*time.Hour), changed, dbtest.Order("SO2", false), dbtest.Order("SO3", false)))
	if c.Tally != (jobs.Tally{Seen: 3, Created: 1, Changed: 1, Unchanged: 1}) || c.Run == nil || c.Run.State != jobs.Partial {
		t.Errorf("got %+v, want SO1 changed, SO3 new, and the end of the run", c)
	}
	advise(t, d, dbtest.Noon.Add(6*time.Hour), advice("BOL2", "SO2"))
	if got := story(t, d, "SO2"); got != "created despatched" {
		t.Errorf("got the story %s, want an advice event", got)
	}
	if version < 2 {
		raise(t, d, consentAlert("johndoe"))
	}
	if diff := cmp.Diff([]string{"sync a 2026-11-06..2026-11-20"}, queriesOf(t, d, consent(t, d))); diff != "" {
		t.Errorf("catch-up jobs after the consent (-want +got):\n%s", diff)
	}
	pruned, err := d.Prune(t.Context(), retention.Periods{Exchanges: day, Jobs: day, Events: day}, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil || pruned.Events == 0 || pruned.Jobs == 0 {
		t.Errorf("got %+v, %v, want old rows pruned", pruned, err)
	}
	if got := story(t, d, "SO3"); got != "created" {
		t.Errorf("after pruning: got the story %s, want its last event", got)
	}
}
