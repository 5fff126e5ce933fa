package db_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func TestSchemaIsPublic(t *testing.T) {
	d := open(t)
	schema, err := d.Value(t.Context(), `SELECT group_concat(sql, ';' || char(10) || char(10)) FROM
		(SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%' AND sql IS NOT NULL ORDER BY type = 'view', tbl_name, type DESC, name)`)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.sql", strings.TrimSpace(schema)+";\n")
}
