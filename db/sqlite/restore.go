package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Restored is a database that a copy was put in the place of.
type Restored struct {
	Path    string `json:"path"`
	From    string `json:"from"`
	Bytes   int64  `json:"bytes"`
	Version int64  `json:"schema_version"`
	// Migrates tells that the next start brings the schema up to date.
	Migrates bool `json:"migrates"`
	// Before is where the replaced database is now, "" when there was none.
	Before string `json:"before,omitempty"`
}

// Restore puts a copy of the database file from in the place of the one at path, which
// nobody may have open for writing. from may be a backup, a copy of any kind with its
// write-ahead log beside it, or what was made of sqlite3's .dump; it stays as it is. Nothing
// is replaced unless the copy is sound and of a schema that this program knows. The
// replaced database is kept under another name. Whenever the program ends meanwhile, path
// is the old database or the new one.
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
	if err := removePartials(path); err != nil {
		return r, err
	}
	unnamed, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.partial") // mode 0600
	if err != nil {
		return r, err
	}
	defer os.Remove(unnamed.Name())
	defer unnamed.Close()
	if r.Version, r.Migrates, err = copySound(ctx, from, unnamed.Name(), migrations); err != nil {
		return r, fmt.Errorf("restore %s: %w", from, err)
	}
	if err := giveTo(unnamed, path); err != nil {
		return r, err
	}
	info, err := unnamed.Stat()
	if err != nil {
		return r, err
	}
	r.Bytes = info.Size()
	if r.Before, err = setAside(ctx, path, time.Now()); err != nil {
		return r, fmt.Errorf("keep the old database: %w", err)
	}
	if err := os.Rename(unnamed.Name(), path); err != nil {
		return r, err
	}
	return r, syncFolder(filepath.Dir(path))
}

// realPath is the absolute path of a file that may not be there, without symbolic links.
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

// differ is an error when from is not there, or is the file that it is to replace.
func differ(from, path string) error {
	source, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !source.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", from)
	}
	if old, err := os.Stat(path); err == nil && os.SameFile(source, old) {
		return fmt.Errorf("%s is the database itself: name a copy of it", from)
	}
	return nil
}

// copySound makes a copy that is sound and that this program knows, and returns the
// version of its schema, and whether there is a newer one.
func copySound(ctx context.Context, from, to string, migrations fs.FS) (version int64, old bool, err error) {
	log, err := sourceLog(from)
	if err != nil {
		return 0, false, err
	}
	params := "mode=ro&_busy_timeout=5000"
	if log.commits == 0 {
		params += "&immutable=1" // nothing needs to be written beside it, where that may not be allowed
	}
	pool, err := openPool(from, params, 1)
	if err != nil {
		return 0, false, err
	}
	defer pool.Close()
	var told string
	if err := pool.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&told); err != nil {
		return 0, false, err
	}
	if told != "ok" {
		return 0, false, fmt.Errorf("it is damaged: %s", told)
	}
	_, newest, err := migrator(pool, migrations)
	if err != nil {
		return 0, false, err
	}
	switch version, err = schemaVersion(ctx, pool); {
	case err != nil:
		return 0, false, err
	case version == 0:
		return 0, false, errors.New("it is not a database of Orderbeat: it has no schema version")
	case version > newest:
		return 0, false, versionError(version, newest)
	}
	if _, err := pool.ExecContext(ctx, "VACUUM INTO ?", to); err != nil { // [Open] mends its auto_vacuum
		return 0, false, err
	}
	_, err = CheckCopy(ctx, to)
	return version, version < newest, err
}

// sourceLog is the write-ahead log beside a file that is to be copied. A file that is no
// database, or has another's log beside it, is an error.
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
		return walSummary{}, errors.New("it is not an SQLite database; of a dump, make one first: sqlite3 new.db < dump.sql")
	}
	if err := f.belongs(); err != nil {
		return walSummary{}, err
	}
	return readWAL(f.real + "-wal")
}

// giveTo has a file on the disk, and makes it belong to the owner of the database that it
// is to replace, or of the folder: root may restore for the user that runs the worker.
func giveTo(f *os.File, path string) error {
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

// setAside gives the database at path a second name, and removes its write-ahead log: the
// next that is put there must not meet it. It returns that name, "" when there is no
// database. What the log holds is written to the file before or, where that cannot be done,
// kept beside the second name.
func setAside(ctx context.Context, path string, now time.Time) (string, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", removeLog(path)
	}
	foldLog(ctx, path)
	aside := path + ".before-" + now.UTC().Format("20060102T150405.000Z")
	for _, part := range []string{"-wal", ""} { // that there is a file with the name tells that all of it is there
		err := os.Link(path+part, aside+part)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without links
			err = os.Rename(path+part, aside+part)
		}
		if err != nil {
			return "", err
		}
	}
	return aside, removeLog(path)
}

// foldLog writes the write-ahead log to the database file, if it is that file's. That it
// cannot be done is no error: the database may be damaged, which is why it is replaced.
func foldLog(ctx context.Context, path string) {
	handle, err := os.Open(path)
	if err != nil {
		return
	}
	f := &file{path: path, real: path, handle: handle}
	belongs := f.belongs()
	_ = handle.Close() // it was read only
	if belongs != nil {
		return
	}
	pool, err := openPool(path, "mode=rw&_busy_timeout=1000", 1)
	if err != nil {
		return
	}
	defer pool.Close()
	_, _ = pool.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)") // as above
}

// removePartials removes what restores left that were killed.
func removePartials(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+filepath.Base(path)+".") && strings.Contains(e.Name(), ".partial") {
			err = errors.Join(err, remove(filepath.Join(filepath.Dir(path), e.Name())))
		}
	}
	return err
}

// removeLog removes the write-ahead log of a database, and its index.
func removeLog(path string) error { return errors.Join(remove(path+"-wal"), remove(path+"-shm")) }

// remove removes a file, if it is there.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
