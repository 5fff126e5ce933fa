package sqlite

import (
	"context"
	"database/sql"
	"os"
	"time"
)

// Inspector shows the inside of a file to tests of the packages above. Nothing else may write
// meanwhile.
type Inspector struct{ d *DB }

// Inspect returns the inspector of a file.
func (d *DB) Inspect() Inspector { return Inspector{d} }

// Conn is the connection that writes.
func (i Inspector) Conn() *sql.Conn { return i.d.writer.conn }

// SetPatience sets for how long a transaction waits for those of other processes.
func (i Inspector) SetPatience(patience time.Duration) { i.d.writer.patience = patience }

// Waiting is the number of operations that wait for a transaction.
func (i Inspector) Waiting() int {
	i.d.writer.mu.Lock()
	defer i.d.writer.mu.Unlock()
	return len(i.d.writer.queue)
}

// Statements are those that were run in transactions.
func (i Inspector) Statements() (list []string) {
	for query := range i.d.writer.statements {
		list = append(list, query)
	}
	return list
}

// WatchFile looks at the files once, as [DB.Watch] does every second.
func (i Inspector) WatchFile() { i.d.watchFile() }

// WALWatch is the part of [DB.Watch] that looks after the write-ahead log.
type WALWatch struct{ w walWatch }

// NewWALWatch creates one, which looks when it is told to.
func (i Inspector) NewWALWatch() *WALWatch { return &WALWatch{walWatch{db: i.d}} }

// Look looks once.
func (w *WALWatch) Look(ctx context.Context, now time.Time) { w.w.look(ctx, now) }

// Close closes its connection.
func (w *WALWatch) Close() { w.w.close() }

// CheckLog is an error when the write-ahead log beside the database at path is another's.
// SQLite must not have it open in this process.
func CheckLog(path string) error {
	handle, err := os.Open(path)
	if err != nil {
		return err
	}
	defer handle.Close()
	return (&file{path: path, real: path, handle: handle}).belongs()
}
