package db_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/db"
	"orderbeat/db/dbtest"
)

// ordersIn counts the orders of the database at path.
func ordersIn(t *testing.T, path string) string {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	n, err := d.Inspect().Value(t.Context(), "SELECT count(*) FROM orders")
	if err != nil {
		t.Fatal(err)
	}
	if faults, err := d.Check(t.Context()); len(faults) > 0 || err != nil {
		t.Errorf("%s: %v, %v", path, faults, err)
	}
	return n
}

func TestRestore(t *testing.T) {
	for name, orders := range map[string]string{
		"orderbeat db backup": "60", "cp": "60", "a dump": "60", "another database": "0", "cp of what came after": "150",
	} {
		t.Run(name, func(t *testing.T) {
			path, copies := crashed(t) // its log has commits that are not in the file
			before, err := os.ReadFile(copies[name])
			if err != nil {
				t.Fatal(err)
			}
			r, err := db.Restore(t.Context(), copies[name], path)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || info.Size() != r.Bytes || r.Version != newest(t) || r.Migrates {
				t.Errorf("got %+v, %v, %v", r, info, err)
			}
			for _, part := range []string{"-wal", "-shm"} {
				if _, err := os.Stat(path + part); !os.IsNotExist(err) {
					t.Errorf("%s is there beside the copy (%v)", part, err)
				}
			}
			if after, err := os.ReadFile(copies[name]); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the copy itself was changed (%v)", err)
			}
			if got := ordersIn(t, path); got != orders {
				t.Errorf("got %s orders, want the %s of the copy", got, orders)
			}
			if got := ordersIn(t, r.Before); got != "120" {
				t.Errorf("the old database has %s orders, want all 120, with those of its log", got)
			}
			if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 || err != nil {
				t.Errorf("left over: %v, %v", left, err)
			}
		})
	}
}

func TestRestoreOfACopyWithItsLog(t *testing.T) {
	from, _ := crashed(t)
	path := filepath.Join(t.TempDir(), "new", "orderbeat.db")
	if r, err := db.Restore(t.Context(), from, path); err != nil || r.Before != "" {
		t.Fatalf("got %+v, %v", r, err)
	}
	if got := ordersIn(t, path); got != "120" {
		t.Errorf("got %s orders, want 120", got)
	}
}

func TestRestoreOverAFileWithAnotherLogKeepsBoth(t *testing.T) {
	path, copies := crashed(t)
	damaged, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, copies["orderbeat db backup"], path) // next to the log
	r, err := db.Restore(t.Context(), copies["orderbeat db backup"], path)
	if err != nil {
		t.Fatal(err)
	}
	if got := ordersIn(t, path); got != "60" {
		t.Errorf("got %s orders, want 60", got)
	}
	if kept, err := os.ReadFile(r.Before + "-wal"); err != nil || !bytes.Equal(kept, log) {
		t.Errorf("the log was changed (%v)", err)
	}

	// Also over a corrupt one.
	copy(damaged[4096:], bytes.Repeat([]byte{0xff}, 4096*4))
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Restore(t.Context(), copies["cp"], path); err != nil {
		t.Fatal(err)
	}
	if got := ordersIn(t, path); got != "60" {
		t.Errorf("got %s orders, want 60", got)
	}
}

func TestRestoreOfAnEarlierSchema(t *testing.T) {
	dump, err := os.ReadFile("testdata/version-3.sql")
	if err != nil {
		t.Fatal(err)
	}
	from, path := filepath.Join(t.TempDir(), "old.db"), filepath.Join(t.TempDir(), "orderbeat.db")
	if _, err := openRaw(t, from, "").Exec(string(dump)); err != nil {
		t.Fatal(err)
	}
	if r, err := db.Restore(t.Context(), from, path); err != nil || r.Version != 3 || !r.Migrates {
		t.Fatalf("got %+v, %v, want version 3, to be migrated", r, err)
	}
	dbtest.OpenAt(t, path)
}

func TestRestoreRejects(t *testing.T) {
	folder := t.TempDir()
	file, err := dbtest.BlankFile()
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(file)
	copy(damaged[4096*3:], bytes.Repeat([]byte{0xff}, 4096))
	write := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newer := write("newer.db", file)
	if _, err := openRaw(t, newer, "").Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)"); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(folder, "other.db")
	if _, err := openRaw(t, other, "").Exec("CREATE TABLE t (a)"); err != nil {
		t.Fatal(err)
	}
	stale, copies := crashed(t)
	copyFile(t, copies["a dump"], stale)
	path := write("orderbeat.db", file)
	link := filepath.Join(folder, "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ from, want string }{
		"nothing":                {filepath.Join(folder, "none.db"), "no such file"},
		"a folder":               {folder, "is not a file"},
		"the database itself":    {path, "is the database itself"},
		"a link to it":           {link, "is the database itself"},
		"an empty file":          {write("empty.db", nil), "not an SQLite database"},
		"a dump":                 {write("dump.sql", []byte("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n")), "sqlite3 new.db < dump.sql"},
		"half a file":            {write("half.db", file[:len(file)/2]), "malformed"},
		"a damaged file":         {write("damaged.db", damaged), "damaged"},
		"a newer schema":         {newer, "its schema is version 999"},
		"another program's":      {other, "not an Orderbeat database"},
		"one with another's log": {stale, "belongs to another file"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := db.Restore(t.Context(), test.from, path); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, file) {
				t.Errorf("the database was changed (%v)", err)
			}
			if left, err := filepath.Glob(filepath.Join(folder, ".*")); len(left) > 0 || err != nil {
				t.Errorf("left over: %v, %v", left, err)
			}
		})
	}
}

func TestRestoreOfADump(t *testing.T) {
	_, copies := crashed(t)
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	copyFile(t, copies["a dump"], path)
	d := dbtest.OpenAt(t, path)
	if mode, err := d.Inspect().Value(t.Context(), "PRAGMA auto_vacuum"); mode != "2" || err != nil {
		t.Errorf("auto_vacuum is %s, %v, want it mended", mode, err)
	}
	if n, err := d.Inspect().Value(t.Context(), "SELECT count(*) FROM orders"); n != "60" || err != nil {
		t.Errorf("got %s orders, %v, want 60", n, err)
	}
}
