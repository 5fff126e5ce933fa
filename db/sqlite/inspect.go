package sqlite

import (
	"context"
	"database/sql"
	"os"
	"time"
)

// Inspector gives tests of other packages access to internals. Nothing else may write at the same time.
type Inspector struct{ d *DB }

// Inspect returns the inspector of a file.
func (d *DB) Inspect() Inspector { return Inspector{d} }

// Conn returns the writer's connection.
func (i Inspector) Conn() *sql.Conn { return i.d.writer.conn }

// Value reads one value on a reader's connection.
func (i Inspector) Value(ctx context.Context, query string, args ...any) (value string, err error) {
	err = i.d.readers.QueryRowContext(ctx, query, args...).Scan(&value)
	return value, err
}

// SetPatience sets how long a transaction waits for transactions of other processes.
func (i Inspector) SetPatience(timeout time.Duration) { i.d.writer.lockTimeout = timeout }

// Waiting returns the number of operations waiting for a transaction.
func (i Inspector) Waiting() int {
	i.d.writer.mu.Lock()
	defer i.d.writer.mu.Unlock()
	return len(i.d.writer.queue)
}

// Statements returns the statements that were run in transactions.
func (i Inspector) Statements() (list []string) {
	for query := range i.d.writer.statements {
		list = append(list, query)
	}
	return list
}

// WatchFile checks the files once, as [DB.Watch] does every second.
func (i Inspector) WatchFile() { i.d.watchFile() }

// WALWatch is the part of [DB.Watch] that monitors the write-ahead log.
type WALWatch struct{ w walWatch }

// NewWALWatch returns a WALWatch that checks on each call of Look.
func (i Inspector) NewWALWatch() *WALWatch { return &WALWatch{walWatch{db: i.d}} }

// Look checks the write-ahead log once.
func (w *WALWatch) Look(ctx context.Context, now time.Time) { w.w.check(ctx, now) }

// Close closes its connection.
func (w *WALWatch) Close() { w.w.close() }

// CheckLog returns an error if the write-ahead log next to the database at path belongs to another
// database. This process must not have the database open.
func CheckLog(path string) error {
	handle, err := os.Open(path)
	if err != nil {
		return err
	}
	defer handle.Close()
	return (&file{path: path, real: path, handle: handle}).checkLog()
}
