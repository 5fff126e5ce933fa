package db_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"orderbeat/db/dbtest"
)

func TestSchemaIsPublic(t *testing.T) {
	ctx := t.Context()
	const schemaSQL = `SELECT group_concat(sql, ';' || char(10) || char(10)) || ';' || char(10) FROM
		(SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%' AND sql IS NOT NULL ORDER BY type = 'view', tbl_name, type DESC, name)`
	pool, err := sql.Open("sqlite3", filepath.Join(t.TempDir(), "migrated.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	steps, err := goose.NewProvider(goose.DialectSQLite3, pool, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := steps.Up(ctx); err != nil {
		t.Fatal(err)
	}
	var migrated string
	if err := pool.QueryRowContext(ctx, schemaSQL).Scan(&migrated); err != nil {
		t.Fatal(err)
	}
	dbtest.Golden(t, "../schema.sql", migrated)

	d := dbtest.Open(t)
	created, err := d.Inspect().Value(ctx, schemaSQL)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(migrated, created); diff != "" {
		t.Errorf("the schema of a new database (-migrated +created):\n%s", diff)
	}
	version, err := d.Inspect().Value(ctx, "SELECT group_concat(version_id) FROM goose_db_version ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	var want string
	if err := pool.QueryRowContext(ctx, "SELECT group_concat(version_id) FROM goose_db_version ORDER BY id").Scan(&want); err != nil {
		t.Fatal(err)
	}
	if version != want {
		t.Errorf("got applied migrations %s, want %s: the next migration fails without any of them", version, want)
	}
}
