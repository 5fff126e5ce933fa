// Package db owns SQLite: the schema, the one writer, the outbox and every query.
// It knows no NATS and no HTTP.
//
// Whatever changes goes through one connection, in group commits ([DB.Commit] is
// the one that matters most); what is to be published is put into the outbox in
// the same transaction as what it tells. Everything that only reads has
// connections of its own, which never wait for the writer.
//
// Start reading at [DB.Commit], then writer.go, then migrations/.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

// Options say how the database is opened.
type Options struct {
	// Path is the file. Its folder is made, with mode 0700, when there is none.
	Path string
	// Synchronous is "full", the default, where what is committed survives a power
	// cut, or "normal", where it survives the end of the process only.
	Synchronous string
	// Log is told when the schema is changed; nil is silence.
	Log *slog.Logger
}

// DB is the database. It is safe for concurrent use. One process at a time has it
// open for writing; any number may read.
type DB struct {
	writer  *writer // nil when it is open for reading only
	pool    *sql.DB // the writer's connection belongs to it
	readers *sql.DB
}

// Open opens the database for writing, makes it when there is none, and brings its
// schema up to date. A schema newer than this program is an error. Jobs that a
// caller performed in line when the process ended are ended as well. Close it.
func Open(ctx context.Context, o Options) (_ *DB, err error) {
	full := o.Synchronous != "normal"
	if o.Synchronous != "" && o.Synchronous != "full" && full {
		return nil, fmt.Errorf("synchronous is %q: want \"full\" or \"normal\"", o.Synchronous)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, err
	}
	d := &DB{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("database %s: %w", o.Path, err), d.Close())
		}
	}()
	if d.pool, err = openPool(o.Path, writerParams(full), 1); err != nil {
		return nil, err
	}
	if err = migrate(ctx, d.pool, o.Log); err != nil {
		return nil, err
	}
	if d.writer, err = newWriter(ctx, d.pool, full); err != nil {
		return nil, err
	}
	if d.readers, err = openReaders(ctx, o.Path); err != nil {
		return nil, err
	}
	return d, d.endInline(ctx)
}

// OpenReadOnly opens the database for reading, beside a running worker or without
// one. It makes and changes nothing: that there is no such file, or that its
// schema is another version's, is an error. Close it.
func OpenReadOnly(ctx context.Context, path string) (_ *DB, err error) {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is no database at %s yet: the first `orderbeat run` makes it: %w", path, os.ErrNotExist)
		}
		return nil, err
	}
	d := &DB{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("database %s: %w", path, err), d.Close())
		}
	}()
	if d.readers, err = openReaders(ctx, path); err != nil {
		return nil, err
	}
	return d, checkVersion(ctx, d.readers)
}

// Close waits for operations that are under way, refuses new ones and closes the
// files. The log that SQLite writes ahead is then part of the database file.
func (d *DB) Close() error {
	var errs []error
	if d.readers != nil {
		errs = append(errs, d.readers.Close())
	}
	if d.writer != nil {
		errs = append(errs, d.writer.close())
	}
	if d.pool != nil {
		errs = append(errs, d.pool.Close())
	}
	return errors.Join(errs...)
}

// Ping reports whether the database can be read and written now: it is not locked,
// and a page reaches the disk, unless that is full or fails. It changes nothing.
func (d *DB) Ping(ctx context.Context) error {
	var one int
	if err := d.readers.QueryRowContext(ctx, "SELECT count(*) FROM freshness").Scan(&one); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if d.writer == nil {
		return nil
	}
	if err := d.writer.do(ctx, 1, false, (*tx).touch); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// touch writes a page. An empty transaction would not: SQLite commits it without
// looking at the disk. The user version is 0 and nobody's: goose counts migrations
// in a table.
func (t *tx) touch() error {
	_, err := t.exec("PRAGMA user_version = 0")
	return err
}

// Wake receives when something was put into the outbox. Its capacity is one:
// whoever receives looks at all that is [DB.Pending].
func (d *DB) Wake() <-chan struct{} {
	if d.writer == nil {
		return nil
	}
	return d.writer.wake
}

func openReaders(ctx context.Context, path string) (*sql.DB, error) {
	readers, err := openPool(path, readerParams, 2*runtime.GOMAXPROCS(0)+2)
	if err != nil {
		return nil, err
	}
	if err := checkPragmas(ctx, readers, map[string]string{"query_only": "1", "busy_timeout": "5000"}); err != nil {
		return nil, errors.Join(err, readers.Close())
	}
	return readers, nil
}
