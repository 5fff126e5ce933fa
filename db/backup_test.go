package db_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/sqlite"
)

func TestBackupEqualsTheDatabase(t *testing.T) {
	path := dbtest.Blank(t)
	d := dbtest.OpenAt(t, path)
	for i := range 100 {
		dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO"+strconv.Itoa(i), i%2 == 0))
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	// The writer is open and the data is only in the write-ahead log.
	c, err := sqlite.Backup(t.Context(), path, to)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil || c.Path != to || c.Bytes != info.Size() || c.Version != newest(t) || info.Mode() != 0o600 {
		t.Errorf("got %+v, %v, mode %v, want a file of version %d that only its owner reads", c, err, info.Mode(), newest(t))
	}
	again := dbtest.OpenAt(t, to)
	dbtest.CheckConsistent(t, again)
	for _, table := range []string{"orders", "order_lines", "despatches", "order_events", "runs", "jobs", "outbox", "sqlite_sequence"} {
		if diff := cmp.Diff(dumpAt(t, path, table), dumpAt(t, to, table)); diff != "" {
			t.Errorf("%s (-database +copy):\n%s", table, diff)
		}
	}
	dbtest.Observe(t, again, dbtest.Noon.Add(time.Hour), dbtest.Order("SO1", true))
	if got := story(t, again, "SO1"); got != "created changed" {
		t.Errorf("in the copy: got the story %s, want that it goes on", got)
	}
}

func TestBackupDoesNotOverwriteFiles(t *testing.T) {
	path, folder := dbtest.Blank(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "mine"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mine", "link"} {
		if _, err := sqlite.Backup(t.Context(), path, filepath.Join(folder, name)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: got %v, want that it is there", name, err)
		}
	}
	if _, err := sqlite.Backup(t.Context(), path, path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto itself: got %v, want that it is there", err)
	}
	if text, err := os.ReadFile(filepath.Join(folder, "mine")); string(text) != "mine" || err != nil {
		t.Errorf("got %q, %v, want the file untouched", text, err)
	}
	left(t, folder, "link", "mine")
}

func TestFailedBackupLeavesNoFile(t *testing.T) {
	folder := t.TempDir()
	to := filepath.Join(folder, "copy.db")
	if _, err := sqlite.Backup(t.Context(), filepath.Join(folder, "none.db"), to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no database: got %v", err)
	}
	if _, err := sqlite.Backup(t.Context(), dbtest.Blank(t), filepath.Join(folder, "no", "folder")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: got %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlite.Backup(ended, dbtest.Blank(t), to); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: got %v", err)
	}
	damaged := history(t, 50, 20)
	file, err := os.OpenFile(damaged, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte(strings.Repeat("damage", 8000)), 200*4096); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Backup(t.Context(), damaged, to); err == nil {
		t.Error("a damaged database was copied")
	}
	left(t, folder)
	if version, err := sqlite.CheckCopy(t.Context(), damaged); err == nil {
		t.Errorf("a corrupt copy passed the check with version %d", version)
	}
}

// left compares the files in a folder.
func left(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestBackupDuringCommits copies a database while callers commit: every copy has each commit completely or
// not at all, and all commits from before it began.
func TestBackupDuringCommits(t *testing.T) {
	path := history(t, 200, 5)
	d := dbtest.OpenAt(t, path)
	var committed atomic.Int64
	var stop atomic.Bool
	var committer sync.WaitGroup
	committer.Go(func() {
		for i := 0; !stop.Load(); i++ {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("A"+strconv.Itoa(i), false), dbtest.Order("B"+strconv.Itoa(i), true))
			committed.Store(int64(i + 1))
		}
	})
	for i := range 5 {
		for before := committed.Load(); committed.Load() == before && !t.Failed(); {
			runtime.Gosched() // wait for a commit
		}
		before := committed.Load()
		to := filepath.Join(t.TempDir(), strconv.Itoa(i))
		if _, err := sqlite.Backup(t.Context(), path, to); err != nil {
			t.Fatal(err)
		}
		c, err := db.OpenReadOnly(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		dbtest.CheckConsistent(t, c)
		both, err := c.Inspect().Value(t.Context(), "SELECT (SELECT count(*) FROM orders WHERE order_id LIKE 'A%') - (SELECT count(*) FROM orders WHERE order_id LIKE 'B%')")
		if both != "0" || err != nil {
			t.Errorf("%s commits are in the copy by half, %v", both, err)
		}
		last, err := c.Inspect().Value(t.Context(), "SELECT count(*) FROM orders WHERE order_id = ?", "A"+strconv.Itoa(int(before-1)))
		if last != "1" || err != nil {
			t.Errorf("what was committed before is not in the copy: %s, %v", last, err)
		}
	}
	stop.Store(true)
	committer.Wait()
}

func TestMigrateReturnsBothVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "orderbeat.db")
	for _, want := range []sqlite.Migrated{{From: 0, To: newest(t)}, {From: newest(t), To: newest(t)}} {
		got, err := db.Migrate(t.Context(), db.Options{Path: path})
		if got != want || err != nil {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if _, err := sqlite.Version(t.Context(), path+".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
}
