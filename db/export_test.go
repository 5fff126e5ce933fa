package db // internal: gives external tests access to the writer and the queries

import (
	"context"

	"orderbeat/db/sqlite"
)

// Exec runs a statement in a transaction of the writer.
type Exec func(query string, args ...any) (int64, error)

// Write runs an operation in a transaction.
func (d *DB) Write(ctx context.Context, relaxed bool, run func(Exec) error) error {
	wait := sqlite.AsOpened
	if relaxed {
		wait = sqlite.Relaxed
	}
	return d.data.Write(ctx, 1, wait, func(t *sqlite.Tx) error { return run(t.Exec) })
}

// OnWriter runs a statement on the writer's connection, outside of a transaction.
// Nothing else may write at the same time.
func (d *DB) OnWriter(ctx context.Context, query string) error {
	_, err := d.Inspect().Conn().ExecContext(ctx, query)
	return err
}

// WriterValue reads one value on the writer's connection. Nothing else may write at the same time.
func (d *DB) WriterValue(ctx context.Context, query string) (value string, err error) {
	err = d.Inspect().Conn().QueryRowContext(ctx, query).Scan(&value)
	return value, err
}

// SnapshotSQL are the statements that copy what is shared.
var SnapshotSQL = snapshotSQL
