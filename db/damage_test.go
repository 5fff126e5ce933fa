package db_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"orderbeat/db"
	"orderbeat/db/dbtest"
)

const wayOn = "stop orderbeat, keep the file and restore a backup"

// TestPingReportsACorruptTable corrupts the first page of one table: other operations still work, but Ping
// reports it.
func TestPingReportsACorruptTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	d, err := db.Open(t.Context(), db.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	page, err := d.Inspect().Value(t.Context(), "SELECT rootpage FROM sqlite_master WHERE name = 'ticks'")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(page, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, path, (n-1)*4096)

	d = dbtest.OpenAt(t, path)
	if err := d.Ping(t.Context()); err != nil {
		t.Fatalf("got %v before anybody came to that place", err)
	}
	for range 2 {
		err := d.Write(t.Context(), false, func(run db.Exec) error { return insertTick(run, 1) })
		if err == nil || !strings.Contains(err.Error(), "malformed") || !strings.Contains(err.Error(), wayOn) {
			t.Errorf("got %v, want a corrupt file and what to do", err)
		}
		if err := d.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), wayOn) {
			t.Errorf("ping: got %v, want the corruption reported until a restart", err)
		}
	}
}

func TestOpenRejectsAFileThatIsNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	if err := dbtest.OpenAt(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, path, 0)
	for name, open := range map[string]func() error{
		"for writing": func() error {
			_, err := db.Open(t.Context(), db.Options{Path: path})
			return err
		},
		"for reading": func() error {
			_, err := db.OpenReadOnly(t.Context(), path)
			return err
		},
	} {
		if err := open(); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "not a database") || !strings.Contains(err.Error(), wayOn) {
			t.Errorf("%s: got %v, want which file it is, what is wrong with it, and what to do", name, err)
		}
	}
}

// overwrite corrupts a page of a file.
func overwrite(t *testing.T, path string, at int64) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte(strings.Repeat("damage! ", 512)), at); err != nil {
		t.Fatal(err)
	}
}
