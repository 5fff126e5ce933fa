package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Copied is a copy of a database, which was found sound.
type Copied struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	Version int64  `json:"schema_version"`
}

// Backup copies the database at path, as it is at one moment, into a new file: beside a
// running worker, which goes on writing meanwhile, or without one, and of any version.
// The file has its name once the copy is complete, sound and on the disk; one that is
// there already is an error, and stays as it is.
func Backup(ctx context.Context, path, to string) (c Copied, err error) {
	if err := exists(path); err != nil {
		return c, err
	}
	if to, err = filepath.Abs(to); err != nil {
		return c, err
	}
	if err := vacant(to); err != nil {
		return c, err
	}
	unnamed, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".*.partial") // mode 0600
	if err != nil {
		return c, err
	}
	defer os.Remove(unnamed.Name())
	defer unnamed.Close()
	if err := copyInto(ctx, path, unnamed.Name()); err != nil {
		return c, fmt.Errorf("copy %s: %w", path, err)
	}
	if c.Version, err = CheckCopy(ctx, unnamed.Name()); err != nil {
		return c, fmt.Errorf("the copy of %s: %w", path, err)
	}
	if err := unnamed.Sync(); err != nil { // SQLite does not wait for the disk here
		return c, err
	}
	info, err := unnamed.Stat()
	if err != nil {
		return c, err
	}
	c.Path, c.Bytes = to, info.Size()
	return c, give(unnamed.Name(), to)
}

// copyInto writes a compact copy. SQLite's other way, its backup API, begins anew with
// every commit unless it copies everything in one step; then it is no faster.
func copyInto(ctx context.Context, path, to string) error {
	pool, err := openPool(path, "mode=ro&_busy_timeout=5000", 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

// CheckCopy is the schema version of a copy that nothing is wrong with.
func CheckCopy(ctx context.Context, path string) (version int64, err error) {
	pool, err := openPool(path, "mode=ro", 1)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	var told string
	if err := pool.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&told); err != nil {
		return 0, err
	}
	if told != "ok" {
		return 0, errors.New(told)
	}
	return schemaVersion(ctx, pool)
}

// give names a file, on the disk too, unless there is one with that name.
func give(unnamed, name string) error {
	err := os.Link(unnamed, name)
	if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without links
		if err = vacant(name); err == nil {
			err = os.Rename(unnamed, name)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return vacant(name)
	}
	if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder makes the names in a folder survive a power cut.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// vacant is an error when something has that name.
func vacant(name string) error {
	_, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("%s: %w, and a backup overwrites nothing", name, fs.ErrExist)
	}
}

// exists is an error when there is no database yet, or when this user may not read it.
func exists(path string) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s yet: the first `orderbeat run` makes it: %w", path, fs.ErrNotExist)
	}
	if err == nil {
		err = readable(path)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("user %s may not read the database %s%s, or have a copy made with `orderbeat db backup`: %w", username(os.Geteuid()), path, ownerHint(path), fs.ErrPermission)
	}
	return err
}
