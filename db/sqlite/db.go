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

// Options say how a file is opened.
type Options struct {
	// Path is the file. Its folder is created, with mode 0700, if it does not exist.
	Path string
	// Synchronous is "full", the default, where what is committed survives a power
	// failure, or "normal", where it survives the end of the process only.
	Synchronous string
	// Migrations are the steps of the schema: files such as 00001_name.sql.
	Migrations fs.FS
	// Log reports changes of the schema and trouble with the files; nil discards.
	Log *slog.Logger
}

// DB is an open file. It is safe for concurrent use.
type DB struct {
	writer *writer // nil when it is open for reading only
	pool   *sql.DB // the writer's connection belongs to it
	// readers are for the short queries that the worker depends on: outbox, tokens,
	// readiness, schedules. bulk is for those that others ask for, as many and as large as
	// they like: lists, histories, replays, recorded exchanges. It can be used up without
	// delaying the readers.
	readers, bulk *sql.DB
	file          *file // nil unless this process has the file for itself
	log           *slog.Logger
}

// Open opens a file for writing, creates it if it does not exist, and migrates its schema. A
// schema newer than the migrations is an error. One process at a time may have the file open
// so. Close it.
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
	if err = d.file.belongs(); err != nil {
		return nil, err
	}
	if err = awaitUnlocked(ctx, d.file.real, o.Log); err != nil {
		return nil, err
	}
	if d.pool, err = openPool(o.Path, makerParams+writerParams(full), 1); err != nil {
		return nil, err
	}
	if err = mendVacuum(ctx, d.pool, o.Log); err != nil {
		return nil, err
	}
	if err = migrate(ctx, d.pool, o.Migrations, o.Log); err != nil {
		return nil, err
	}
	if d.writer, err = newWriter(ctx, d.pool, full); err != nil {
		return nil, err
	}
	if err = d.openReaders(ctx, o.Path); err != nil {
		return nil, err
	}
	return d, d.file.remember()
}

// OpenShared opens a file for writing beside the process that has it open with [Open], or
// beside others that share it. Nothing is created or migrated, as with [OpenReadOnly]. Close it.
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

// OpenReadOnly opens a file for reading, also beside a process that writes. It creates and
// changes nothing: a missing file and a schema of another version are errors. Close it.
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

// full is whether commits reach the disk.
func (o Options) full() (bool, error) {
	switch o.Synchronous {
	case "", "full":
		return true, nil
	case "normal":
		return false, nil
	default:
		return false, fmt.Errorf("synchronous is %q: want \"full\" or \"normal\"", o.Synchronous)
	}
}

func (d *DB) openReaders(ctx context.Context, path string) (err error) {
	most := runtime.GOMAXPROCS(0) + 2
	if d.readers, err = openPool(path, readerParams, most); err != nil {
		return err
	}
	if d.bulk, err = openPool(path, readerParams, most); err != nil {
		return err
	}
	return checkPragmas(ctx, d.readers, map[string]string{"query_only": "1", "busy_timeout": "5000"})
}

// closeAfter closes what could not be opened in full, and says which file that was.
func (d *DB) closeAfter(err error, path string) error {
	if err == nil {
		return nil
	}
	return errors.Join(d.Explain(err, path), d.Close())
}

// Explain says what is known of a failure to open the file at path.
func (d *DB) Explain(err error, path string) error {
	err = damaged(err)
	if _, is := errors.AsType[*damageError](err); is && d.file != nil && d.file.hadLog {
		err = fmt.Errorf("%w; if the file was copied there, its write-ahead log %s-wal may be another's: move that and -shm away", err, d.file.real)
	}
	return fmt.Errorf("database %s: %w", path, err)
}

// Close waits for operations that are under way, refuses new ones and closes the
// files. The log that SQLite writes ahead is then part of the database file.
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

// Readers is the pool for short queries that the program depends on, Bulk that for all others.
func (d *DB) Readers() *sql.DB { return d.readers }

// Bulk is the pool for queries that may be many and large: see [DB.Readers].
func (d *DB) Bulk() *sql.DB { return d.bulk }

// Write runs an operation in a transaction, perhaps together with others, and returns when
// that is committed. rows is about how many rows it writes. An error means that nothing of the
// operation happened.
func (d *DB) Write(ctx context.Context, rows int, wait Durability, run func(*Tx) error) error {
	return d.writer.do(ctx, rows, wait, run)
}

// Woken receives when a transaction with [Tx.Wake] was committed. Its capacity is one.
func (d *DB) Woken() <-chan struct{} {
	if d.writer == nil {
		return nil
	}
	return d.writer.wake
}
