package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Restored is the result of a restore.
type Restored struct {
	Path    string `json:"path"`
	From    string `json:"from"`
	Bytes   int64  `json:"bytes"`
	Version int64  `json:"schema_version"`
	// Migrates is set if the next start migrates the schema.
	Migrates bool `json:"migrates"`
	// Before is the new path of the replaced database, "" if there was none.
	Before string `json:"before,omitempty"`
}

// Restore replaces the database at path with a copy of the file from. No process may have path open for
// writing. from may be a backup, another copy with its write-ahead log, or a database created from
// sqlite3's .dump; it is not changed. path is only replaced if the copy passes the integrity check and
// this program supports its schema. The replaced database is renamed. If the program ends at any time,
// path is either the old or the new database.
func Restore(ctx context.Context, from, path string, migrations fs.FS) (r Restored, err error) {
	if from, err = filepath.Abs(from); err != nil {
		return r, err
	}
	if path, err = realPath(path); err != nil {
		return r, err
	}
	r = Restored{Path: path, From: from}
	if err := differ(from, path); err != nil {
		return r, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return r, err
	}
	if err := removeLike(path, ".partial"); err != nil { // of interrupted restores
		return r, err
	}
	partial, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.partial") // mode 0600
	if err != nil {
		return r, err
	}
	defer os.Remove(partial.Name())
	defer partial.Close()
	if r.Version, r.Migrates, err = copyVerified(ctx, from, partial.Name(), migrations); err != nil {
		return r, fmt.Errorf("restore %s: %w", from, err)
	}
	if err := syncAs(partial, path); err != nil {
		return r, err
	}
	info, err := partial.Stat()
	if err != nil {
		return r, err
	}
	r.Bytes = info.Size()
	if r.Before, err = moveAside(ctx, path, time.Now()); err != nil {
		return r, fmt.Errorf("rename the old database: %w", err)
	}
	if err := os.Rename(partial.Name(), path); err != nil {
		return r, err
	}
	return r, syncFolder(filepath.Dir(path))
}

// realPath returns the absolute path of a file, which may not exist, without symbolic links.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	return real, err
}

// differ returns an error if from does not exist or is the same file as path.
func differ(from, path string) error {
	source, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !source.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", from)
	}
	if old, err := os.Stat(path); err == nil && os.SameFile(source, old) {
		return fmt.Errorf("%s is the database itself: specify a copy of it", from)
	}
	return nil
}

// copyVerified verifies a database and copies it. It returns the schema version and whether it is older
// than that of this program.
func copyVerified(ctx context.Context, from, to string, migrations fs.FS) (version int64, old bool, err error) {
	log, err := sourceLog(from)
	if err != nil {
		return 0, false, err
	}
	params := "mode=ro&_busy_timeout=5000"
	if log.commits == 0 {
		params += "&immutable=1" // no -shm file is created, as the folder may be read-only
	}
	pool, err := openPool(from, params, 1)
	if err != nil {
		return 0, false, err
	}
	defer pool.Close()
	version, newest, err := verify(ctx, pool, "integrity_check", migrations)
	if err != nil {
		return 0, false, err
	}
	if _, err := pool.ExecContext(ctx, "VACUUM INTO ?", to); err != nil { // [Open] enables auto_vacuum
		return 0, false, err
	}
	_, err = CheckCopy(ctx, to)
	return version, version < newest, err
}

// verify checks a database with integrity_check or quick_check, and returns its schema version and that of this
// program. A newer one is an error.
func verify(ctx context.Context, pool *sql.DB, check string, migrations fs.FS) (version, newest int64, err error) {
	var result string
	if err := pool.QueryRowContext(ctx, "PRAGMA "+check+"(1)").Scan(&result); err != nil {
		return 0, 0, err
	}
	if result != "ok" {
		return 0, 0, fmt.Errorf("file is corrupt: %s", result)
	}
	if _, newest, err = migrator(pool, migrations); err != nil {
		return 0, 0, err
	}
	switch version, err = schemaVersion(ctx, pool); {
	case err != nil:
		return 0, 0, err
	case version == 0:
		return 0, 0, errors.New("not an Orderbeat database: no schema version")
	case version > newest:
		return 0, 0, versionError(version, newest)
	}
	return version, newest, nil
}

// Adopt turns a complete file of [Partial] into the database at path, which must not exist. The file is checked first
// (quick_check, schema version). If the program ends at any time, path is the whole database or does not
// exist.
func Adopt(ctx context.Context, partial *os.File, path string, migrations fs.FS) error {
	path, err := realPath(path)
	if err != nil {
		return err
	}
	if _, err := sourceLog(partial.Name()); err != nil {
		return err
	}
	pool, err := openPool(partial.Name(), "mode=ro&immutable=1", 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, _, err := verify(ctx, pool, "quick_check", migrations); err != nil {
		return err
	}
	if err := syncAs(partial, path); err != nil {
		return err
	}
	if err := removeLog(path); err != nil { // of a database that was deleted
		return err
	}
	return linkName(partial.Name(), path)
}

// sourceLog returns the write-ahead log of a file to restore. It returns an error if the file is not a
// database or the log belongs to another one.
func sourceLog(from string) (walSummary, error) {
	handle, err := os.Open(from)
	if err != nil {
		return walSummary{}, err
	}
	defer handle.Close()
	f := &file{path: from, real: from, handle: handle}
	if h, err := f.header(); err != nil {
		return walSummary{}, err
	} else if !h.database {
		return walSummary{}, errors.New("not an SQLite database; to restore a dump, first run: sqlite3 new.db < dump.sql")
	}
	if err := f.checkLog(); err != nil {
		return walSummary{}, err
	}
	return readWAL(f.real + "-wal")
}

// syncAs syncs a file and, for root, sets its owner to the owner of the database that it replaces, or of
// the folder, so that root can restore for the user that runs the worker.
func syncAs(f *os.File, path string) error {
	if os.Geteuid() == 0 {
		info, err := os.Stat(path)
		if err != nil {
			info, err = os.Stat(filepath.Dir(path))
		}
		if err != nil {
			return err
		}
		if uid, gid, ok := owner(info); ok {
			if err := f.Chown(uid, gid); err != nil {
				return err
			}
		}
	}
	return f.Sync()
}

// moveAside links the database at path to a second name and removes its write-ahead log, which must not
// be applied to the new database. It returns the second name, "" if there is no database. It writes the
// log back to the file first or, if that fails, links the log next to the second name.
func moveAside(ctx context.Context, path string, now time.Time) (string, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", removeLog(path)
	}
	checkpointLog(ctx, path)
	aside := path + ".before-" + now.UTC().Format("20060102T150405.000Z")
	for _, part := range []string{"-wal", ""} { // the log first, so that a file with the name is complete
		err := os.Link(path+part, aside+part)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrExist) { // file system without hard links
			err = os.Rename(path+part, aside+part)
		}
		if err != nil {
			return "", err
		}
	}
	return aside, removeLog(path)
}

// checkpointLog writes the write-ahead log back to the database file, if it belongs to it. It ignores
// errors, because the database may be restored because it is corrupt.
func checkpointLog(ctx context.Context, path string) {
	handle, err := os.Open(path)
	if err != nil {
		return
	}
	f := &file{path: path, real: path, handle: handle}
	logErr := f.checkLog()
	_ = handle.Close() // opened for reading only
	if logErr != nil {
		return
	}
	pool, err := openPool(path, "mode=rw&_busy_timeout=1000", 1)
	if err != nil {
		return
	}
	defer pool.Close()
	_, _ = pool.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)") // errors are ignored, see above
}

// removeLike removes the hidden files beside a database whose names begin with its name and contain a mark.
func removeLike(path, mark string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+filepath.Base(path)+".") && strings.Contains(e.Name(), mark) {
			err = errors.Join(err, remove(filepath.Join(filepath.Dir(path), e.Name())))
		}
	}
	return err
}

// removeLog removes the write-ahead log of a database and its index.
func removeLog(path string) error { return errors.Join(remove(path+"-wal"), remove(path+"-shm")) }

// remove removes a file if it exists.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
