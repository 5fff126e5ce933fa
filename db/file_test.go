package db_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/sqlite"
)

func TestFilesArePrivateWhateverTheUmask(t *testing.T) {
	before := syscall.Umask(0)
	defer syscall.Umask(before)
	for _, existing := range []os.FileMode{0, 0o644, 0o660, 0o666} {
		folder := filepath.Join(t.TempDir(), "state")
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "orderbeat.db")
		var log bytes.Buffer
		if existing != 0 {
			file, err := dbtest.BlankFile()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, file, existing); err != nil {
				t.Fatal(err)
			}
		}
		d, err := db.Open(t.Context(), db.Options{Path: path, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"", "-wal", "-shm"} {
			if info, err := os.Stat(path + part); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("existing %04o: %s%s: %v, %v, want mode 0600", existing, path, part, info, err)
			}
		}
		if warned := strings.Contains(log.String(), "database file was accessible to other users"); warned != (existing != 0) {
			t.Errorf("existing %04o: log %q", existing, log.String())
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestDanglingLinkCreatesAPrivateFile(t *testing.T) {
	before := syscall.Umask(0)
	defer syscall.Umask(before)
	folder := t.TempDir()
	path := filepath.Join(folder, "link.db")
	if err := os.Symlink(filepath.Join(folder, "real.db"), path); err != nil {
		t.Fatal(err)
	}
	dbtest.OpenAt(t, path)
	for _, name := range []string{"real.db", "real.db-wal", "real.db-shm"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", name, info, err)
		}
	}
}

// copyFile copies a file, which SQLite may have open in this process. Closing it releases POSIX locks, so
// no other process may write.
func copyFile(tb testing.TB, from, to string) {
	tb.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// crashed is a database after its process was killed, with commits only in its write-ahead log; backups are
// earlier copies by method.
func crashed(t *testing.T) (path string, backups map[string]string) {
	t.Helper()
	folder := t.TempDir()
	live := filepath.Join(folder, "live.db")
	backups = map[string]string{}
	for life := range 5 { // several starts
		d, err := db.Open(t.Context(), db.Options{Path: live})
		if err != nil {
			t.Fatal(err)
		}
		_, js := dbtest.Start(t, d, 3)
		for i, job := range js {
			dbtest.Commit(t, d, dbtest.Succeeded(job, dbtest.Noon, batch(100*life+10*i, 10, false)...))
		}
		if life == 1 {
			backups["orderbeat db backup"] = filepath.Join(folder, "backup.db")
			if _, err := sqlite.Backup(t.Context(), live, backups["orderbeat db backup"]); err != nil {
				t.Fatal(err)
			}
		}
		if life == 3 {
			path = filepath.Join(folder, "orderbeat.db")
			copyFile(t, live, path)
			copyFile(t, live+"-wal", path+"-wal")
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if life == 1 {
			backups["cp"] = filepath.Join(folder, "cp.db")
			copyFile(t, live, backups["cp"])
		}
	}
	backups["cp of what came after"] = live
	backups["a dump"] = filepath.Join(folder, "dump.db")
	if _, err := openRaw(t, backups["cp"], "mode=ro&_auto_vacuum=none").Exec("PRAGMA auto_vacuum = none; VACUUM INTO ?", backups["a dump"]); err != nil {
		t.Fatal(err)
	}
	other, err := dbtest.BlankFile()
	if err != nil {
		t.Fatal(err)
	}
	backups["another database"] = filepath.Join(folder, "other.db")
	if err := os.WriteFile(backups["another database"], other, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, backups
}

func TestWALOfAnotherFileIsDetected(t *testing.T) {
	path, backups := crashed(t)
	for name, from := range backups {
		t.Run(name, func(t *testing.T) {
			here := filepath.Join(t.TempDir(), "orderbeat.db")
			copyFile(t, from, here)
			copyFile(t, path+"-wal", here+"-wal")
			d, err := db.Open(t.Context(), db.Options{Path: here})
			if err == nil {
				d.Close()
				t.Fatal("the log of another file was applied")
			}
			if want := "the write-ahead log " + here + "-wal belongs to another file"; !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			before, _ := os.ReadFile(from)
			if after, err := os.ReadFile(here); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the copy was changed (%v)", err)
			}
			if err := os.Remove(here + "-wal"); err != nil {
				t.Fatal(err)
			}
			dbtest.OpenAt(t, here) // according to the hint
		})
	}
	d := dbtest.OpenAt(t, path)
	if n, err := d.Inspect().Value(t.Context(), "SELECT count(*) FROM orders"); n != "120" || err != nil {
		t.Errorf("got %s orders, %v, want the 120 that the log completes", n, err)
	}
}

// TestOwnWALIsAlwaysAccepted copies database and log at random times between transactions of several
// connections, checkpoints and restarts.
func TestOwnWALIsAlwaysAccepted(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	folder := t.TempDir()
	path, here := filepath.Join(folder, "a.db"), filepath.Join(folder, "b.db")
	const params = "_journal_mode=wal&_auto_vacuum=incremental&_txlock=immediate&_busy_timeout=0&_synchronous=off"
	open := func() []*sql.DB {
		var pools []*sql.DB
		for range 3 {
			pools = append(pools, openRaw(t, path, params))
		}
		return pools
	}
	pools := open()
	exec := func(statement string) {
		_, _ = pools[random.IntN(len(pools))].Exec(statement) // may be locked
	}
	exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")
	for i := range 100 {
		switch random.IntN(12) {
		case 0:
			exec("PRAGMA wal_checkpoint(PASSIVE)")
		case 1:
			exec("PRAGMA wal_checkpoint(TRUNCATE)")
		case 2:
			exec(fmt.Sprintf("CREATE TABLE t%d (a)", i)) // changes page 1
		case 3:
			for _, pool := range pools {
				pool.Close()
			}
			pools = open()
		case 4:
			exec("DELETE FROM t; PRAGMA incremental_vacuum")
		case 5:
			exec("BEGIN IMMEDIATE; INSERT INTO t (b) VALUES (randomblob(9000)); ROLLBACK")
		case 6:
			exec("PRAGMA cache_size = 2; WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO t (b) SELECT randomblob(5000) FROM n") // spills
		default:
			exec(fmt.Sprintf("INSERT INTO t (b) VALUES (randomblob(%d))", random.IntN(30000)))
		}
		if _, err := os.Stat(path + "-wal"); err != nil {
			continue
		}
		copyFile(t, path, here)
		copyFile(t, path+"-wal", here+"-wal")
		if err := sqlite.CheckLog(here); err != nil {
			t.Fatalf("seed %d, step %d: %v", seed, i, err)
		}
	}
}

func TestFileMovedOrReplacedUnderTheWorkerStopsCommits(t *testing.T) {
	move := func(from, to string) error { return os.Rename(from, to) }
	for _, test := range []struct {
		name   string
		do     func(t *testing.T, path, other string) error
		undo   func(path, other string) error // nil if not recoverable
		reason string
	}{
		{"removed", func(_ *testing.T, path, _ string) error { return os.Remove(path) }, nil, "orderbeat.db was removed or moved"},
		{
			"moved away", func(_ *testing.T, path, other string) error { return move(path, other) },
			func(path, other string) error { return move(other, path) }, "orderbeat.db was removed or moved",
		},
		{"replaced", func(t *testing.T, path, other string) error {
			t.Helper()
			if err := os.Rename(path, other); err != nil {
				return err
			}
			copyFile(t, other, path)
			return nil
		}, func(path, other string) error { return move(other, path) }, "orderbeat.db was replaced by another file"},
		{
			"its log removed", func(_ *testing.T, path, _ string) error { return os.Remove(path + "-wal") },
			nil, "orderbeat.db-wal was removed or moved",
		},
		{"its index replaced", func(t *testing.T, path, _ string) error {
			t.Helper()
			if err := os.Remove(path + "-shm"); err != nil {
				return err
			}
			return os.WriteFile(path+"-shm", nil, 0o600)
		}, nil, "orderbeat.db-shm was replaced by another file"},
		{"overwritten with a backup", func(t *testing.T, path, other string) error {
			t.Helper()
			if _, err := sqlite.Backup(t.Context(), path, other); err != nil {
				return err
			}
			copyFile(t, other, path)
			return nil
		}, nil, "orderbeat.db was overwritten with another database"},
		{"overwritten with nothing", func(_ *testing.T, path, _ string) error { return os.Truncate(path, 0) }, nil, "orderbeat.db was overwritten with another database"},
		{
			"its folder moved", func(_ *testing.T, path, other string) error { return move(filepath.Dir(path), other) },
			func(path, other string) error { return move(other, filepath.Dir(path)) }, "orderbeat.db was removed or moved",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			other := filepath.Join(t.TempDir(), "other.db")
			path := dbtest.Blank(t)
			d, err := db.Open(t.Context(), db.Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.Close() }) // it may not be able to write the log back
			_, js := dbtest.Start(t, d, 3)
			dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon, dbtest.Order("SO1", false)))
			d.Inspect().WatchFile()
			if err := d.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := test.do(t, path, other); err != nil {
				t.Fatal(err)
			}
			d.Inspect().WatchFile()
			if err := d.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("Ping: %v, want %s", err, test.reason)
			}
			if _, err := d.Commit(t.Context(), dbtest.Succeeded(js[1], dbtest.Noon, dbtest.Order("SO2", false))); err == nil || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("Commit: %v, want %s", err, test.reason)
			}
			if test.undo == nil {
				return
			}
			if err := test.undo(path, other); err != nil {
				t.Fatal(err)
			}
			d.Inspect().WatchFile()
			if err := d.Ping(t.Context()); err != nil {
				t.Errorf("Ping: %v, want all well when the file is back", err)
			}
			dbtest.Commit(t, d, dbtest.Succeeded(js[1], dbtest.Noon, dbtest.Order("SO2", false)))
		})
	}
}

func TestPingReportsAFailingTrigger(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 2)
	for _, test := range []struct{ trigger, text string }{
		{`CREATE TRIGGER audit AFTER INSERT ON orders BEGIN SELECT RAISE(ABORT, 'no room in the audit'); END`, "no room in the audit"},
		{`CREATE TRIGGER audit AFTER INSERT ON orders BEGIN INSERT INTO audit_log VALUES (1); END`, "no such table: main.audit_log"},
	} {
		if err := d.OnWriter(t.Context(), test.trigger); err != nil {
			t.Fatal(err)
		}
		if err := d.Ping(t.Context()); err != nil {
			t.Fatalf("Ping: %v, want a trigger that did nothing yet to be nothing", err)
		}
		job := js[0]
		js = js[1:]
		if _, err := d.Commit(t.Context(), dbtest.Succeeded(job, dbtest.Noon, dbtest.Order("SO-"+test.text, false))); err == nil {
			t.Fatal("the commit went well")
		}
		err := d.Ping(t.Context())
		if err == nil || !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), "audit on orders") {
			t.Errorf("Ping: %v, want %s, and which trigger", err, test.text)
		}
		if err := d.OnWriter(t.Context(), `DROP TRIGGER audit`); err != nil {
			t.Fatal(err)
		}
		dbtest.Commit(t, d, dbtest.Succeeded(job, dbtest.Noon, dbtest.Order("SO-"+test.text, false)))
		if err := d.Ping(t.Context()); err != nil {
			t.Errorf("Ping: %v, want all well again", err)
		}
	}
}

func TestOpenWaitsForALockedDatabase(t *testing.T) {
	path := dbtest.Blank(t)
	locker := openRaw(t, path, "_locking_mode=exclusive")
	if _, err := locker.Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	logged := make(chan string, 10)
	log := slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) { logged <- string(b); return len(b), nil }), nil))
	opened := make(chan error, 1)
	go func() {
		d, err := db.Open(t.Context(), db.Options{Path: path, Log: log})
		if err == nil {
			err = d.Close()
		}
		opened <- err
	}()
	select {
	case line := <-logged:
		if !strings.Contains(line, "database is locked, waiting") || !strings.Contains(line, path) {
			t.Errorf("log: %s", line)
		}
	case err := <-opened:
		t.Fatalf("it did not wait: %v", err)
	}
	if err := locker.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("got %v, want it opened when the lock was gone", err)
	}
}

func TestOpenFailsIfTheDatabaseStaysLocked(t *testing.T) {
	path := dbtest.Blank(t)
	if _, err := openRaw(t, path, "").Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := db.Open(t.Context(), db.Options{Path: path})
	if err == nil || !strings.Contains(err.Error(), "locked for 5s by ") || time.Since(began) < 5*time.Second {
		t.Errorf("after %s: %v, want it waited for as long as for a transaction", time.Since(began), err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestErrorNamesTheOwnerOfTheDatabase(t *testing.T) {
	if path := os.Getenv(asNobody); path != "" {
		_, err := db.OpenReadOnly(t.Context(), path)
		fmt.Println(err)
		return
	}
	if os.Geteuid() != 0 { // CI runs as root
		t.Skip("only root can become another user")
	}
	folder := t.TempDir()
	program := filepath.Join(folder, "program")
	copyFile(t, os.Args[0], program)
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o755, 0o700} {
		inner := filepath.Join(folder, fmt.Sprintf("%o", mode))
		path := filepath.Join(inner, "orderbeat.db")
		dbtest.OpenAt(t, path)
		for name, mode := range map[string]os.FileMode{filepath.Dir(folder): 0o755, folder: 0o755, inner: mode} {
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
		}
		child := exec.CommandContext(t.Context(), program, "-test.run", "^TestErrorNamesTheOwnerOfTheDatabase$")
		child.Env = append(os.Environ(), asNobody+"="+path)
		child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		child.Dir = "/"
		out, err := child.Output()
		for _, want := range []string{"may not read the database " + path, "it belongs to root; run the command as that user (sudo -u root orderbeat …)", "orderbeat db backup"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("folder %o: got %s (%v), want %s", mode, out, err, want)
			}
		}
	}
}

// asNobody is the environment variable with the database path for a child process of another user.
const asNobody = "ORDERBEAT_TEST_AS_NOBODY"
