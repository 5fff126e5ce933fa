package db_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is public (-want +got); update it with -update:\n%s", path, diff)
	}
}

// indented indents JSON without changing the order of keys.
func indented(t *testing.T, body []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return b.String() + "\n"
}

// A new database gets schema.sql, an old one the migrations: both lead to the same schema.
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
	golden(t, "../schema.sql", migrated)

	d := open(t)
	created, err := d.Value(ctx, schemaSQL)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(migrated, created); diff != "" {
		t.Errorf("the schema of a new database (-migrated +created):\n%s", diff)
	}
	version, err := d.Value(ctx, "SELECT group_concat(version_id) FROM goose_db_version ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	var want string
	if err := pool.QueryRowContext(ctx, "SELECT group_concat(version_id) FROM goose_db_version WHERE version_id > 0 ORDER BY id").Scan(&want); err != nil {
		t.Fatal(err)
	}
	if version != want {
		t.Errorf("got applied migrations %s, want %s", version, want)
	}
}
