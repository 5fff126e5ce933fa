// Package db owns the data: the schema, the outbox, and every query. It knows no NATS and
// no HTTP.
//
// Whatever changes goes through one connection, in group commits ([DB.Commit] is
// the one that matters most); what is to be published is put into the outbox in
// the same transaction as what it reports. How the file is opened, written and backed up
// is package sqlite's.
//
// Start reading at [DB.Commit], then migrations/.
package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"orderbeat/auth/mask"
	"orderbeat/db/sqlite"
)

//go:embed migrations/*.sql
var files embed.FS

// migrations are the steps of the schema.
func migrations() fs.FS {
	folder, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // it is embedded
	}
	return folder
}

// Options say how the database is opened.
type Options struct {
	// Path is the file. Its folder is created, with mode 0700, if it does not exist.
	Path string
	// Synchronous is "full", the default, where what is committed survives a power
	// failure, or "normal", where it survives the end of the process only.
	Synchronous string
	// Mask is the secrets that no job's outcome may bring into the database; nil is none.
	Mask *mask.Set
	// Log reports changes of the schema; nil discards.
	Log *slog.Logger
}

func (o Options) sqlite() sqlite.Options {
	return sqlite.Options{Path: o.Path, Synchronous: o.Synchronous, Migrations: migrations(), Log: o.Log}
}

// DB is the database. It is safe for concurrent use. One process at a time has it
// open for writing; any number may read, and share the tokens.
type DB struct {
	file          *sqlite.DB
	readers, bulk *sql.DB // those of the file
	writable      bool    // everything may be written, and not only tokens
	mask          *mask.Set
	// alarmed are the accounts that have alerts which a success resolves, and perhaps others.
	// Only transactions use it.
	alarmed map[account]bool
	queues  queues
	// orderText reads one order ([DB.OrderText]).
	orderText *sqlite.Statement
}

func newDB(file *sqlite.DB) *DB {
	return &DB{
		file: file, readers: file.Readers(), bulk: file.Bulk(), alarmed: map[account]bool{},
		orderText: sqlite.NewStatement(file.Bulk(), orderTextSQL),
	}
}

// Open opens the database for writing, creates it if there is none, and migrates its
// schema. A schema newer than this program is an error. Jobs that a
// caller performed in line when the process ended are ended as well, and those that were
// running are queued again, or dead when the process ended with them too often. Close it.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	file, err := sqlite.Open(ctx, o.sqlite())
	if err != nil {
		return nil, err
	}
	d := newDB(file)
	d.mask, d.writable = o.Mask, true
	err = d.loadAlarmed(ctx)
	if err == nil {
		err = d.endInline(ctx)
	}
	if err == nil {
		err = d.recoverRunning(ctx, o.Log)
	}
	if err != nil {
		return nil, errors.Join(file.Explain(err, o.Path), file.Close())
	}
	return d, nil
}

// OpenTokens opens the database for a process that shares the tokens with a running
// worker, or with others that do. [DB.Tokens] can be written, everything else can be
// read; nothing is created or migrated, as with [OpenReadOnly]. Close it.
func OpenTokens(ctx context.Context, o Options) (*DB, error) {
	file, err := sqlite.OpenShared(ctx, o.sqlite())
	if err != nil {
		return nil, err
	}
	return newDB(file), nil
}

// OpenReadOnly opens the database for reading, beside a running worker or without
// one. It creates and changes nothing: that there is no such file, or that its
// schema is another version's, is an error. Close it.
func OpenReadOnly(ctx context.Context, path string) (*DB, error) {
	file, err := sqlite.OpenReadOnly(ctx, Options{Path: path}.sqlite())
	if err != nil {
		return nil, err
	}
	return newDB(file), nil
}

// Close waits for operations that are under way, refuses new ones and closes the
// files.
func (d *DB) Close() error { return d.file.Close() }

// Ping reports whether the database can be read and written now: see [sqlite.DB.Ping].
func (d *DB) Ping(ctx context.Context) error { return d.file.Ping(ctx) }

// Watch looks after the files until ctx ends: see [sqlite.DB.Watch].
func (d *DB) Watch(ctx context.Context) { d.file.Watch(ctx) }

// WALBytes is the size of the write-ahead log.
func (d *DB) WALBytes() int64 { return d.file.WALBytes() }

// Wake receives when something was put into the outbox. Its capacity is one:
// whoever receives looks at all that is [DB.Pending].
func (d *DB) Wake() <-chan struct{} {
	if !d.writable {
		return nil
	}
	return d.file.Woken()
}

// Migrate creates the database, or updates its schema, as [Open] does.
func Migrate(ctx context.Context, o Options) (m sqlite.Migrated, err error) {
	if m.From, err = sqlite.Version(ctx, o.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	d, err := Open(ctx, o)
	if err != nil {
		return m, err
	}
	if err := d.Close(); err != nil {
		return m, err
	}
	m.To, err = sqlite.Version(ctx, o.Path)
	return m, err
}

// Restore puts a copy of a database in the place of the one at path: see [sqlite.Restore].
func Restore(ctx context.Context, from, path string) (sqlite.Restored, error) {
	return sqlite.Restore(ctx, from, path, migrations())
}

// tx is the transaction that an operation writes in.
type tx struct {
	*sqlite.Tx
	db *DB
}

// do runs an operation in a transaction, perhaps together with others, and returns when that
// is committed. rows is about how many rows it writes. A relaxed operation does not wait for
// the disk: a power failure may undo it.
func (d *DB) do(ctx context.Context, rows int, relaxed bool, run func(*tx) error) error {
	if !d.writable {
		return sqlite.ErrReadOnly
	}
	wait := sqlite.AsOpened
	if relaxed {
		wait = sqlite.Relaxed
	}
	err := d.file.Write(ctx, rows, wait, func(t *sqlite.Tx) error { return run(&tx{t, d}) })
	if errors.Is(err, sqlite.ErrPanic) {
		return fmt.Errorf("%w: %w", ErrOutcome, err)
	}
	return err
}

// write runs one statement in a transaction, and returns how many rows it changed.
func (d *DB) write(ctx context.Context, query string, args ...any) (changed int64, err error) {
	err = d.do(ctx, 1, false, func(t *tx) error {
		changed, err = t.Exec(query, args...)
		return err
	})
	return changed, err
}

// stamp is a time as it is stored.
func stamp(t time.Time) string { return sqlite.Stamp(t) }

// encode writes v as JSON.
func encode(v any) (string, error) { return sqlite.EncodeJSON(v) }
