// Package db owns the data: the schema and the transaction that commits an outcome. The packages below it
// own the queries: each has a Store for a group of tables, and [DB] embeds the stores. They do not depend on
// db or NATS, and send no HTTP.
//
// All writes go through one connection with group commits ([DB.Commit] is the most important). A
// message is put into the outbox in the same transaction as the change it reports. Package sqlite
// opens, writes and backs up the file.
//
// Start reading at [DB.Commit], then migrations/.
package db

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/auth"
	"orderbeat/auth/mask"
	"orderbeat/db/alerts"
	"orderbeat/db/documents"
	"orderbeat/db/exchanges"
	"orderbeat/db/jobqueue"
	"orderbeat/db/notifications"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/db/retention"
	"orderbeat/db/runs"
	"orderbeat/db/schedules"
	"orderbeat/db/sqlite"
	"orderbeat/db/tokens"
	"orderbeat/db/unpublishable"
)

//go:embed migrations/*.sql
var files embed.FS

// schema is the schema of a new database: the result of the migrations.
//
//go:embed schema.sql
var schema string

// migrations returns the migrations of the schema.
func migrations() fs.FS {
	folder, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // embedded, so it always exists
	}
	return folder
}

// Options configure how the database is opened.
type Options struct {
	// Path is the file. Its folder is created, with mode 0700, if it does not exist.
	Path string
	// Synchronous is "full" (the default: commits survive a power failure) or "normal" (commits
	// survive only a process crash).
	Synchronous string
	// Mask is the set of secrets that are masked in outcomes before they are stored; may be nil.
	Mask *mask.Set
	// Log receives log messages, for example about migrations; nil discards them.
	Log *slog.Logger
}

func (o Options) sqlite() sqlite.Options {
	return sqlite.Options{Path: o.Path, Synchronous: o.Synchronous, Migrations: migrations(), Schema: schema, Log: o.Log}
}

// DB is the database. It is safe for concurrent use. One process at a time can open it for writing;
// any number can read it and share the tokens.
type DB struct {
	file *sqlite.DB
	data *sqlite.DB // file, without its writer if only tokens can be written
	mask *mask.Set

	*outboxStore
	*alertStore
	*unpublishableStore
	*queueStore
	*runStore
	*orderStore
	*documentStore
	*exchangeStore
	*scheduleStore
	*retentionStore
	notifications *notifications.Store
	tokens        *tokens.Store
}

// The stores of a database: embedded fields need names that differ.
type (
	outboxStore        = outbox.Store
	scheduleStore      = schedules.Store
	exchangeStore      = exchanges.Store
	documentStore      = documents.Store
	orderStore         = orders.Store
	runStore           = runs.Store
	queueStore         = jobqueue.Store
	unpublishableStore = unpublishable.Store
	alertStore         = alerts.Store
	retentionStore     = retention.Store
)

// newDB returns the stores of a file. data is the file or its [sqlite.DB.ReadOnly].
func newDB(file, data *sqlite.DB, secrets *mask.Set) *DB {
	d := &DB{
		file: file, data: data, mask: secrets,
		outboxStore:    outbox.New(data),
		alertStore:     alerts.New(data),
		queueStore:     jobqueue.New(data),
		documentStore:  documents.New(data),
		exchangeStore:  exchanges.New(data),
		retentionStore: retention.New(data),
		notifications:  notifications.New(data),
		tokens:         tokens.New(file),
	}
	d.orderStore = orders.New(data, d.outboxStore)
	d.unpublishableStore = unpublishable.New(data, d.alertStore)
	d.runStore = runs.New(data, d.queueStore, d.alertStore)
	d.scheduleStore = schedules.New(data, d.runStore)
	return d
}

// Open opens the database for writing, creates it if it does not exist and migrates its schema. A
// schema newer than this program is an error. It cancels live jobs of an earlier process and queues
// its running jobs again, or marks them dead after too many crashes. The caller must close it.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	file, err := sqlite.Open(ctx, o.sqlite())
	if err != nil {
		return nil, err
	}
	d := newDB(file, file, o.Mask)
	err = d.LoadAlerted(ctx)
	if err == nil {
		err = d.endInterrupted(ctx)
	}
	if err == nil {
		err = d.recoverRunning(ctx, o.Log)
	}
	if err != nil {
		return nil, errors.Join(file.Explain(err, o.Path), file.Close())
	}
	return d, nil
}

// OpenTokens opens the database for a process that shares tokens with a running worker or other
// processes. [DB.Tokens] can be written, everything else is read-only. As with [OpenReadOnly],
// nothing is created or migrated. The caller must close it.
func OpenTokens(ctx context.Context, o Options) (*DB, error) {
	file, err := sqlite.OpenShared(ctx, o.sqlite())
	if err != nil {
		return nil, err
	}
	return newDB(file, file.ReadOnly(), nil), nil
}

// OpenReadOnly opens the database for reading, with or without a running worker. It creates and
// changes nothing: a missing file or a different schema version is an error. The caller must close
// it.
func OpenReadOnly(ctx context.Context, path string) (*DB, error) {
	file, err := sqlite.OpenReadOnly(ctx, Options{Path: path}.sqlite())
	if err != nil {
		return nil, err
	}
	return newDB(file, file.ReadOnly(), nil), nil
}

// Close waits for running operations, rejects new ones and closes the files.
func (d *DB) Close() error { return d.file.Close() }

// Ping checks that the database can be read and written: see [sqlite.DB.Ping].
func (d *DB) Ping(ctx context.Context) error { return d.file.Ping(ctx) }

// Watch monitors the files until ctx is done: see [sqlite.DB.Watch].
func (d *DB) Watch(ctx context.Context) { d.file.Watch(ctx) }

// Inspect gives tests access to the file.
func (d *DB) Inspect() sqlite.Inspector { return d.file.Inspect() }

// WALBytes returns the size of the write-ahead log.
func (d *DB) WALBytes() int64 { return d.file.WALBytes() }

// FileBytes returns the size of the database without its write-ahead log.
func (d *DB) FileBytes() int64 { return d.file.FileBytes() }

// Collectors are the metrics of a database that is open for writing.
func (d *DB) Collectors() []prometheus.Collector { return d.file.Collectors() }

// Wake receives after messages were put into the outbox. Its capacity is one: the receiver must
// process everything in [DB.Pending], of the topics that [DB.Woken] returns.
func (d *DB) Wake() <-chan struct{} { return d.data.Wake() }

// Woken returns the topics of the messages that were put into the outbox since the last call. [outbox.AnyTopic]
// stands for all.
func (d *DB) Woken() map[string]bool { return d.data.Woken() }

// Migrate creates the database or migrates its schema, as [Open] does.
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

// Restore replaces the database at path with a copy: see [sqlite.Restore].
func Restore(ctx context.Context, from, path string) (sqlite.Restored, error) {
	return sqlite.Restore(ctx, from, path, migrations())
}

// Tokens returns the token store: an [auth.Store] that multiple processes can share, and a
// [seal.Resealer]. Its writes survive a power failure regardless of [Options.Synchronous], because a
// new refresh token may be the only valid one.
//
// It stores Token unchanged and rejects a row with Refresh, which would be stored in plain text: wrap
// it with [seal.New].
func (d *DB) Tokens() auth.Store { return d.tokens }

// Notifications returns the store of notifications that are still to be sent.
func (d *DB) Notifications() *notifications.Store { return d.notifications }

// Credentials returns every credential without its tokens and fingerprint, sorted by provider, user and
// key, for [auth.StatusOf].
func (d *DB) Credentials(ctx context.Context) ([]auth.Row, error) { return d.tokens.Credentials(ctx) }

// TokenRows returns all rows of the token store, with their sealed tokens, to move them to another one.
func (d *DB) TokenRows(ctx context.Context) ([]auth.Row, error) { return d.tokens.Rows(ctx) }

// DeleteToken deletes a row of the token store if it still has that generation.
func (d *DB) DeleteToken(ctx context.Context, key string, generation int64) error {
	return d.tokens.Delete(ctx, key, generation)
}

// EndLeases ends all leases on credentials. The caller must ensure that no other process renews tokens:
// the holders of the leases must have crashed. The recorded intents are not changed.
func (d *DB) EndLeases(ctx context.Context) error { return d.tokens.EndLeases(ctx) }
