// Package db owns SQLite: the schema, the one writer, the outbox and every query.
// It knows no NATS and no HTTP.
//
// Whatever changes goes through one connection, in group commits ([DB.Commit] is
// the one that matters most); what is to be published is put into the outbox in
// the same transaction as what it tells. Everything that only reads has
// connections of its own, which never wait for the writer.
//
// Start reading at [DB.Commit], then writer.go and transact.go, then migrations/.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"orderbeat/auth/mask"
)

// Options say how the database is opened.
type Options struct {
	// Path is the file. Its folder is made, with mode 0700, when there is none.
	Path string
	// Synchronous is "full", the default, where what is committed survives a power
	// cut, or "normal", where it survives the end of the process only.
	Synchronous string
	// Mask is the secrets that no job's outcome may bring into the database; nil is none.
	Mask *mask.Set
	// Log is told when the schema is changed; nil is silence.
	Log *slog.Logger
}

// DB is the database. It is safe for concurrent use. One process at a time has it
// open for writing; any number may read, and share the tokens.
type DB struct {
	writer *writer // nil unless everything may be written
	tokens *writer // nil when it is open for reading only
	pool   *sql.DB // the writer's connection belongs to it
	// readers are for the short queries that the worker depends on: outbox, tokens,
	// readiness, schedules. bulk is for those that others ask for, as many and as large as
	// they like: lists, histories, replays, recorded exchanges. It can be used up without
	// delaying the readers.
	readers, bulk *sql.DB
	mask          *mask.Set
	file          *file // nil unless everything may be written
	log           *slog.Logger
}

// Open opens the database for writing, makes it when there is none, and brings its
// schema up to date. A schema newer than this program is an error. Jobs that a
// caller performed in line when the process ended are ended as well, and those that were
// running are queued again, or dead when the process ended with them too often. Close it.
func Open(ctx context.Context, o Options) (_ *DB, err error) {
	full, err := o.full()
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &DB{mask: o.Mask, log: o.Log}
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
	if err = migrate(ctx, d.pool, o.Log); err != nil {
		return nil, err
	}
	if d.writer, err = newWriter(ctx, d.pool, full); err != nil {
		return nil, err
	}
	d.tokens = d.writer
	if err = d.openReaders(ctx, o.Path); err != nil {
		return nil, err
	}
	if err = d.loadAlarmed(ctx); err != nil {
		return nil, err
	}
	if err = d.endInline(ctx); err != nil {
		return nil, err
	}
	if err = d.recoverRunning(ctx, o.Log); err != nil {
		return nil, err
	}
	return d, d.file.remember()
}

// OpenTokens opens the database for a process that shares the tokens with a running
// worker, or with others that do. [DB.Tokens] can be written, everything else can be
// read; nothing is made or migrated, as with [OpenReadOnly]. Close it.
func OpenTokens(ctx context.Context, o Options) (_ *DB, err error) {
	full, err := o.full()
	if err != nil {
		return nil, err
	}
	d, err := OpenReadOnly(ctx, o.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = d.closeAfter(err, o.Path) }()
	if d.pool, err = openPool(o.Path, writerParams(full)+"&mode=rw", 1); err != nil {
		return nil, err
	}
	d.tokens, err = newWriter(ctx, d.pool, full)
	return d, err
}

// OpenReadOnly opens the database for reading, beside a running worker or without
// one. It makes and changes nothing: that there is no such file, or that its
// schema is another version's, is an error. Close it.
func OpenReadOnly(ctx context.Context, path string) (_ *DB, err error) {
	if err := exists(path); err != nil {
		return nil, err
	}
	d := &DB{}
	defer func() { err = d.closeAfter(err, path) }()
	if err = d.openReaders(ctx, path); err != nil {
		return nil, err
	}
	return d, checkVersion(ctx, d.readers)
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

// closeAfter closes what could not be opened in full, and says which file that was.
func (d *DB) closeAfter(err error, path string) error {
	if err == nil {
		return nil
	}
	err = damaged(err)
	if _, is := errors.AsType[*damageError](err); is && d.file != nil && d.file.hadLog {
		err = fmt.Errorf("%w; if the file was copied there, its write-ahead log %s-wal may be another's: move that and -shm away", err, d.file.real)
	}
	return errors.Join(fmt.Errorf("database %s: %w", path, err), d.Close())
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
	if d.tokens != nil {
		errs = append(errs, d.tokens.close())
	}
	if d.pool != nil {
		errs = append(errs, d.pool.Close())
	}
	if d.file != nil {
		errs = append(errs, d.file.close())
	}
	return errors.Join(errs...)
}

// Wake receives when something was put into the outbox. Its capacity is one:
// whoever receives looks at all that is [DB.Pending].
func (d *DB) Wake() <-chan struct{} {
	if d.writer == nil {
		return nil
	}
	return d.writer.wake
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
