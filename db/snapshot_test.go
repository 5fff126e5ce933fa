package db_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/sqlite"
	"orderbeat/db/unpublishable"
)

// What is not in a snapshot is in this list: what a new table has must be decided.
var private = []string{
	"accounts", "credentials", "exchanges", "goose_db_version", "jobs", "joined_requests", "notification_targets", "notifications", "outbox_attempts",
	"repeated_requests", "responses", "schedule_progress", "schedules", "shutdown", "ticks", "unpublishable",
}

func TestEveryTableIsSharedOrPrivate(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	text, err := d.Inspect().Value(t.Context(), `SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name)`)
	if err != nil {
		t.Fatal(err)
	}
	copied := slices.Clone(private)
	for _, m := range regexp.MustCompile(`INSERT INTO main\.(\w+)`).FindAllStringSubmatch(strings.Join(db.SnapshotSQL(), "\n"), -1) {
		copied = append(copied, m[1])
	}
	slices.Sort(copied)
	if diff := cmp.Diff(strings.Fields(text), slices.Compact(copied)); diff != "" {
		t.Errorf("the tables of the schema and those that a snapshot has or leaves out differ:\n%s", diff)
	}
}

// A snapshot has a last revision that NATS rejects as little as a follower has it.
func TestSnapshotOmitsWhatNATSRejects(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 1)
	leader := r.all[0]
	r.follow(leader, 1)
	dbtest.Observe(t, leader, dbtest.Noon, dbtest.Order("SO1", false), dbtest.Order("SO2", false))
	r.publish(leader, 100, 0)
	dbtest.Observe(t, leader, dbtest.Noon.Add(time.Minute), dbtest.Order("SO1", true))
	var rejected []unpublishable.Rejection
	for _, m := range dbtest.Pending(t, leader, dbtest.Noon.AddDate(1, 0, 0)) {
		if m.Topic == "orders" {
			rejected = append(rejected, unpublishable.Rejection{ID: m.ID, Reason: "too large"})
		}
	}
	if err := leader.SetAside(t.Context(), rejected); err != nil {
		t.Fatal(err)
	}
	copied := r.restored(leader)
	if got := revisionsOf(t, copied); got != "SO1 1, SO2 1" {
		t.Errorf("got %s, want the published revisions", got)
	}
	if got := revisionsOf(t, leader); got != "SO1 2, SO2 1" {
		t.Errorf("got %s, want the leader's unchanged", got)
	}
}

func revisionsOf(t *testing.T, d *db.DB) string {
	t.Helper()
	text, err := d.Inspect().Value(t.Context(), `SELECT group_concat(order_id || ' ' || revision, ', ') FROM (SELECT * FROM orders ORDER BY order_id)`)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What a process left that was killed while it made a snapshot is removed when the database is opened, and
// nothing else.
func TestUnfinishedSnapshotIsRemoved(t *testing.T) {
	t.Parallel()
	path := dbtest.Blank(t)
	f, err := sqlite.Partial(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{f.Name() + "-wal", path + ".before-yesterday", filepath.Join(filepath.Dir(path), ".other.db.extract-1.partial")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dbtest.OpenAt(t, path)
	list, err := os.ReadDir(filepath.Dir(path))
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	if want := []string{".other.db.extract-1.partial", "orderbeat.db", "orderbeat.db-shm", "orderbeat.db-wal", "orderbeat.db.before-yesterday"}; !slices.Equal(names, want) {
		t.Errorf("got %q and %v, want %q", names, err, want)
	}
}

// Only a whole database becomes the database, and only where there is none.
func TestOnlyAWholeDatabaseIsAdopted(t *testing.T) {
	t.Parallel()
	whole, err := dbtest.BlankFile()
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(whole)
	for i := 4096; i < len(damaged); i++ {
		damaged[i] ^= 0x55
	}
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"another file":   {[]byte(strings.Repeat("SQL", 10_000)), "not an SQLite database"},
		"damaged":        {damaged, "malformed"},
		"cut":            {whole[:len(whole)/2], "malformed"},
		"another schema": {emptySQLite(t), "not an Orderbeat database"},
		"whole":          {whole, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "new", "orderbeat.db")
			f, err := sqlite.Partial(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Write(c.content); err != nil {
				t.Fatal(err)
			}
			err = db.Adopt(t.Context(), f, path)
			_, missing := os.Stat(path)
			if c.want == "" && (err != nil || missing != nil) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(missing, fs.ErrNotExist)) {
				t.Errorf("got %v and %v, want %q", err, missing, c.want)
			}
			if c.want == "" && db.Adopt(t.Context(), f, path) == nil {
				t.Error("an existing database was replaced")
			}
			if again, err := sqlite.Partial(path); err != nil {
				t.Error(err)
			} else if _, err := os.Stat(f.Name()); again.Close() != nil || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %v, want the file of a killed process removed", err)
			}
		})
	}
}

// emptySQLite is a database without a schema.
func emptySQLite(t *testing.T) []byte {
	t.Helper()
	d := dbtest.Open(t)
	path := filepath.Join(t.TempDir(), "empty.db")
	if err := d.OnWriter(t.Context(), "ATTACH '"+path+"' AS e; CREATE TABLE e.t (a); DETACH e"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
