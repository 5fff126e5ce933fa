package db_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/orders"
)

func TestOpenCreatesAPrivateFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder? 100%", "data", "orderbeat.db")
	dbtest.OpenAt(t, path)
	info, err := os.Stat(filepath.Dir(path))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v: want mode 0700", info.Mode(), err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestOpenRejectsInvalidOptions(t *testing.T) {
	newer := filepath.Join(t.TempDir(), "newer.db")
	d := dbtest.OpenAt(t, newer)
	if err := d.OnWriter(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	noDatabase := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(noDatabase, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		options db.Options
		want    string
	}{
		"a newer schema":      {db.Options{Path: newer}, "schema is version 99"},
		"another file":        {db.Options{Path: noDatabase}, "not a database"},
		"a wrong synchronous": {db.Options{Path: newer, Synchronous: "off"}, `unknown synchronous "off" (full, normal)`},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := db.Open(t.Context(), test.options)
			if err == nil {
				_ = d.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	if _, err := db.OpenReadOnly(t.Context(), newer); err == nil || !strings.Contains(err.Error(), "schema is version 99") {
		t.Errorf("read only: got %v", err)
	}
}

func TestReadOnlyChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	if _, err := db.OpenReadOnly(t.Context(), path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("no file: got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("reading made the file")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := db.OpenReadOnly(t.Context(), path); err == nil || !strings.Contains(err.Error(), "version 0") {
		t.Errorf("an empty file: got %v", err)
	}
	d := dbtest.OpenAt(t, path)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
	if err := d.Close(); err != nil { // no process has it open now
		t.Fatal(err)
	}
	r, err := db.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, ok, err := r.Order(t.Context(), "michelin", "detroit", "SO1"); !ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	if err := r.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	run, js := dbtest.Plan(1)
	if _, _, err := r.StartRun(t.Context(), run, js); err == nil {
		t.Error("started a run in a database that is open for reading only")
	}
	if _, err := r.Commit(t.Context(), dbtest.Succeeded(js[0], dbtest.Noon)); err == nil {
		t.Error("committed to a database that is open for reading only")
	}
}

func TestReadersNeverWaitForTheWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	d := dbtest.OpenAt(t, path)
	dbtest.Observe(t, d, dbtest.Noon, batch(0, 10, false)...)
	r, err := db.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	release := held(t, d)
	page, _, err := r.Orders(t.Context(), orders.OrderFilter{})
	if err != nil || len(page) != 10 {
		t.Errorf("while a transaction is open: got %d orders, %v", len(page), err)
	}
	release()

	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range 20 {
			_, js := dbtest.Start(t, d, 1)
			if _, err := d.Commit(t.Context(), dbtest.Succeeded(js[0], dbtest.Noon.Add(time.Duration(i)*time.Hour), batch(0, 10, i%2 == 0)...)); err != nil {
				t.Error(err)
			}
		}
	})
	for range 50 {
		page, _, err := r.Orders(t.Context(), orders.OrderFilter{})
		if err != nil || len(page) != 10 {
			t.Fatalf("got %d orders, %v", len(page), err)
		}
		for _, o := range page { // all of one commit, never of two
			if o.Revision != page[0].Revision {
				t.Fatalf("revisions %d and %d in one page", o.Revision, page[0].Revision)
			}
		}
	}
	writing.Wait()
}

func TestPingReportsALockedDatabase(t *testing.T) {
	d := dbtest.Open(t)
	if err := d.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Inspect().SetPatience(time.Millisecond)
	path, err := d.Inspect().Value(t.Context(), "SELECT file FROM pragma_database_list")
	if err != nil {
		t.Fatal(err)
	}
	other := dbtest.OpenAt(t, path)
	release := held(t, other)
	defer release()
	if err := d.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("got %v, want that it is locked", err)
	}
}
