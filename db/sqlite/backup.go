package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Copied is a verified copy of a database.
type Copied struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	Version int64  `json:"schema_version"`
}

// Backup copies a snapshot of the database at path, of any schema version, into a new file. A worker
// may be running and write at the same time. The file gets its name only when the copy is complete,
// verified and synced to disk. An existing file is an error and is not changed.
func Backup(ctx context.Context, path, to string) (c Copied, err error) {
	if err := exists(path); err != nil {
		return c, err
	}
	if to, err = filepath.Abs(to); err != nil {
		return c, err
	}
	if err := checkAbsent(to); err != nil {
		return c, err
	}
	partial, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".*.partial") // mode 0600
	if err != nil {
		return c, err
	}
	defer os.Remove(partial.Name())
	defer partial.Close()
	if err := copyInto(ctx, path, partial.Name()); err != nil {
		return c, fmt.Errorf("copy %s: %w", path, err)
	}
	if c.Version, err = CheckCopy(ctx, partial.Name()); err != nil {
		return c, fmt.Errorf("verify the copy of %s: %w", path, err)
	}
	if err := partial.Sync(); err != nil { // VACUUM INTO does not fsync
		return c, err
	}
	info, err := partial.Stat()
	if err != nil {
		return c, err
	}
	c.Path, c.Bytes = to, info.Size()
	return c, linkName(partial.Name(), to)
}

// copyInto writes a compacted copy. The backup API of SQLite restarts with every commit unless it copies
// everything in one step, and then it is not faster.
func copyInto(ctx context.Context, path, to string) error {
	pool, err := openPool(path, "mode=ro&_busy_timeout=5000", 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

// extractMark is part of the names of the files of [DB.Extract] and of [Partial], which [Open] and [Partial]
// remove after a crash.
const extractMark = ".extract-"

// Partial creates an empty file beside the database at path, with mode 0600, for a copy that is not complete
// yet, after removing such files of earlier processes. No other process may use the database. The
// caller must close and remove the file.
func Partial(path string) (*os.File, error) {
	path, err := realPath(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := removeLike(path, extractMark); err != nil {
		return nil, err
	}
	return os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+extractMark+"*.partial")
}

// Extract creates a file beside the database, with an empty database that has the schema of o, and runs
// statements in it that copy parts of this one, which is attached as "source". All of them read the same
// snapshot of it; it can be written at the same time. The file is not synced. The caller must remove it, with
// [RemoveExtract].
func (d *DB) Extract(ctx context.Context, o Options, statements []string) (path string, err error) {
	if err := d.checkFreeSpace(); err != nil {
		return "", err
	}
	partial, err := Partial(d.file.real)
	if err != nil {
		return "", err
	}
	o.Path = partial.Name()
	if err := partial.Close(); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, RemoveExtract(o.Path))
		}
	}()
	empty, err := Open(ctx, o)
	if err != nil {
		return "", err
	}
	if err := empty.Close(); err != nil {
		return "", err
	}
	return o.Path, fill(ctx, o.Path, d.file.real, statements)
}

// fill runs statements in a database whose loss is acceptable, in one transaction.
func fill(ctx context.Context, path, source string, statements []string) error {
	pool, err := openPool(path, "mode=rw&_journal_mode=off&_synchronous=off&_busy_timeout=5000&_cache_size=-16384", 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.ExecContext(ctx, "ATTACH ? AS source", fileURI(source, "mode=ro")); err != nil {
		return err
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("copy %s: %w in %s", source, err, strings.TrimSpace(statement))
		}
	}
	return tx.Commit()
}

// RemoveExtract removes a file of [DB.Extract] with its write-ahead log.
func RemoveExtract(path string) error { return errors.Join(remove(path), removeLog(path)) }

// checkFreeSpace returns an error if a copy of the database would leave little space on its disk.
func (d *DB) checkFreeSpace() error {
	need := d.FileBytes() + d.FileBytes()/4
	free, err := FreeBytes(d.file.real)
	if err == nil && free < need {
		err = fmt.Errorf("a copy of the database needs %d MB in %s, only %d MB are free: %w", need>>20, filepath.Dir(d.file.real), free>>20, unix.ENOSPC)
	}
	return err
}

// FreeBytes returns the free space of the disk that contains the folder of a file.
func FreeBytes(path string) (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &disk); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: filepath.Dir(path), Err: err}
	}
	return int64(disk.Bavail) * int64(disk.Bsize), nil //nolint:gosec,unconvert // no disk is that large; the types differ by system
}

// CheckCopy verifies the integrity of a copy and returns its schema version.
func CheckCopy(ctx context.Context, path string) (version int64, err error) {
	pool, err := openPool(path, "mode=ro", 1)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	var result string
	if err := pool.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result); err != nil {
		return 0, err
	}
	if result != "ok" {
		return 0, errors.New(result)
	}
	return schemaVersion(ctx, pool)
}

// linkName renames a file durably. It returns an error if the new name exists.
func linkName(partial, name string) error {
	err := os.Link(partial, name)
	if err != nil && !errors.Is(err, fs.ErrExist) { // file system without hard links
		if err = checkAbsent(name); err == nil {
			err = os.Rename(partial, name)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return checkAbsent(name)
	}
	if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder syncs a directory, so that its file names survive a power failure.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// checkAbsent returns an error if the name exists.
func checkAbsent(name string) error {
	_, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("%s: %w; a backup does not overwrite files", name, fs.ErrExist)
	}
}

// exists returns an error if the database does not exist or cannot be read by this user.
func exists(path string) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s yet; `orderbeat run` creates it: %w", path, fs.ErrNotExist)
	}
	if err == nil {
		err = readable(path)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("user %s may not read the database %s%s, or create a copy with `orderbeat db backup`: %w", username(os.Geteuid()), path, ownerHint(path), fs.ErrPermission)
	}
	return err
}
