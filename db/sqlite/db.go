package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
)

// Options configure how a file is opened.
type Options struct {
	// Path is the file. Its folder is created, with mode 0700, if it does not exist.
	Path string
	// Synchronous is "full" (the default: commits survive a power failure) or "normal" (commits
	// survive only a process crash).
	Synchronous string
	// Migrations has the schema migrations: files such as 00001_name.sql.
	Migrations fs.FS
	// Schema has the statements that create the same schema as all migrations.
	Schema string
	// Log receives messages about migrations and problems with the files; nil discards them.
	Log *slog.Logger
}

// DB is an open file. It is safe for concurrent use.
type DB struct {
	writer *writer // nil if open for reading only
	pool   *sql.DB // of the writer's connection
	// readers is for short queries of the worker: outbox, tokens, readiness, schedules. bulk is
	// for unbounded queries of users: lists, histories, replays, recorded exchanges. An exhausted
	// bulk pool does not delay readers.
	readers, bulk *sql.DB
	file          *file // nil unless opened with Open
	log           *slog.Logger
}

// Open opens a file for writing, creates it if it does not exist and migrates its schema. A schema
// newer than the migrations is an error. Only one process at a time may open the file with Open. The
// caller must close it.
func Open(ctx context.Context, o Options) (_ *DB, err error) {
	full, err := o.full()
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &DB{log: o.Log}
	defer func() { err = d.closeAfter(err, o.Path) }()
	if d.file, err = openFile(o.Path, o.Log); err != nil {
		return nil, err
	}
	if err = d.file.checkLog(); err != nil {
		return nil, err
	}
	if err = removeLike(d.file.real, extractMark); err != nil { // of a process that was killed
		return nil, err
	}
	if err = awaitUnlocked(ctx, d.file.real, o.Log); err != nil {
		return nil, err
	}
	if d.pool, err = openPool(o.Path, createParams+writerParams(full), 1); err != nil {
		return nil, err
	}
	if err = enableVacuum(ctx, d.pool, o.Log); err != nil {
		return nil, err
	}
	if err = migrate(ctx, d.pool, o); err != nil {
		return nil, err
	}
	if d.writer, err = newWriter(ctx, d.pool, full); err != nil {
		return nil, err
	}
	if err = d.openReaders(ctx, o.Path); err != nil {
		return nil, err
	}
	return d, d.file.recordFiles()
}

// OpenShared opens a file for writing while other processes have it open with [Open] or OpenShared. As
// with [OpenReadOnly], nothing is created or migrated. The caller must close it.
func OpenShared(ctx context.Context, o Options) (_ *DB, err error) {
	full, err := o.full()
	if err != nil {
		return nil, err
	}
	d, err := OpenReadOnly(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = d.closeAfter(err, o.Path) }()
	if d.pool, err = openPool(o.Path, writerParams(full)+"&mode=rw", 1); err != nil {
		return nil, err
	}
	d.writer, err = newWriter(ctx, d.pool, full)
	return d, err
}

// OpenReadOnly opens a file for reading, also while another process writes. It creates and changes
// nothing: a missing file or a different schema version is an error. The caller must close it.
func OpenReadOnly(ctx context.Context, o Options) (_ *DB, err error) {
	if err := exists(o.Path); err != nil {
		return nil, err
	}
	d := &DB{}
	defer func() { err = d.closeAfter(err, o.Path) }()
	if err = d.openReaders(ctx, o.Path); err != nil {
		return nil, err
	}
	return d, checkVersion(ctx, d.readers, o.Migrations)
}

// full reports whether commits wait for fsync.
func (o Options) full() (bool, error) {
	switch o.Synchronous {
	case "", "full":
		return true, nil
	case "normal":
		return false, nil
	default:
		return false, fmt.Errorf("unknown synchronous %q (full, normal)", o.Synchronous)
	}
}

func (d *DB) openReaders(ctx context.Context, path string) (err error) {
	maxConns := runtime.GOMAXPROCS(0) + 2
	if d.readers, err = openPool(path, readerParams, maxConns); err != nil {
		return err
	}
	if d.bulk, err = openPool(path, readerParams, maxConns); err != nil {
		return err
	}
	return checkPragmas(ctx, d.readers, map[string]string{"query_only": "1", "busy_timeout": "5000"})
}

// closeAfter closes a partly opened DB and adds the path to err.
func (d *DB) closeAfter(err error, path string) error {
	if err == nil {
		return nil
	}
	return errors.Join(d.Explain(err, path), d.Close())
}

// Explain adds the path and known causes to an error from opening the file.
func (d *DB) Explain(err error, path string) error {
	err = corruption(err)
	if _, is := errors.AsType[*corruptError](err); is && d.file != nil && d.file.hadLog {
		err = fmt.Errorf("%w; if the file was copied there, its write-ahead log %s-wal may belong to another database: move -wal and -shm away", err, d.file.real)
	}
	return fmt.Errorf("database %s: %w", path, err)
}

// Close waits for running operations, rejects new ones and closes the files. SQLite then writes the
// write-ahead log back to the database file.
func (d *DB) Close() error {
	var errs []error
	for _, pool := range []*sql.DB{d.bulk, d.readers} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	if d.writer != nil {
		errs = append(errs, d.writer.close())
	}
	if d.pool != nil {
		errs = append(errs, d.pool.Close())
	}
	if d.file != nil {
		errs = append(errs, d.file.close())
	}
	return errors.Join(errs...)
}

// Readers returns the pool for short queries of the program; see [DB.Bulk] for others.
func (d *DB) Readers() *sql.DB { return d.readers }

// Bulk returns the pool for unbounded queries; see [DB.Readers].
func (d *DB) Bulk() *sql.DB { return d.bulk }

// Write runs an operation in a transaction, possibly together with others, and returns after the
// commit. rows is the approximate number of rows it writes. If it returns an error, the operation was
// rolled back.
func (d *DB) Write(ctx context.Context, rows int, wait Durability, run func(*Tx) error) error {
	return d.writer.do(ctx, rows, wait, run)
}

// Exec runs one statement in a transaction and returns the number of changed rows.
func (d *DB) Exec(ctx context.Context, query string, args ...any) (changed int64, err error) {
	err = d.Write(ctx, 1, AsOpened, func(t *Tx) error {
		changed, err = t.Exec(query, args...)
		return err
	})
	return changed, err
}

// ReadOnly returns d without its writer: writes return [ErrReadOnly]. Closing d closes it.
func (d *DB) ReadOnly() *DB {
	return &DB{readers: d.readers, bulk: d.bulk, log: d.log}
}

// Wake receives after the commit of transactions with [Tx.Wake]. Its capacity is one.
func (d *DB) Wake() <-chan struct{} {
	if d.writer == nil {
		return nil
	}
	return d.writer.wake
}

// Woken returns what has changed since the last call, as given to [Tx.Wake].
func (d *DB) Woken() map[string]bool {
	d.writer.changes.Lock()
	defer d.writer.changes.Unlock()
	changed := d.writer.changed
	d.writer.changed = map[string]bool{}
	return changed
}

// Commits counts the transactions that this process has committed: it changes when the content does.
func (d *DB) Commits() int64 {
	if d.writer == nil {
		return 0
	}
	return d.writer.commits.Load()
}
