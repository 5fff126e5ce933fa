//go:build unix

package db_test

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"orderbeat/db"
	"orderbeat/db/dbtest"
)

// TestPingReportsAFullDisk limits the file size of this process to the size of the write-ahead log, so that
// the next page cannot be written.
func TestPingReportsAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	d := dbtest.OpenAt(t, path)
	if err := d.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	log, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	room := fileSizeLimit(t, uint64(log.Size()))
	for range 2 {
		if err := d.Ping(t.Context()); err == nil {
			t.Error("a ping went well although nothing can be written")
		}
		if err := d.Write(t.Context(), false, func(run db.Exec) error { return insertTick(run, 1) }); err == nil {
			t.Error("a row was written: the disk is not full")
		}
	}
	room()
	if err := d.Ping(t.Context()); err != nil {
		t.Errorf("there is room again: %v", err)
	}
}

// fileSizeLimit limits the file size of this process, like a full disk, until room is called or the test
// ends.
func fileSizeLimit(t *testing.T, most uint64) (room func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ) // a write beyond the limit then returns an error
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	set := func(limit syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	set(syscall.Rlimit{Cur: most, Max: before.Max})
	room = func() { set(before) }
	t.Cleanup(func() {
		room()
		signal.Reset(syscall.SIGXFSZ)
	})
	return room
}
