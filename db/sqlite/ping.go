package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Ping checks that the database can be read and written: its files exist, it is not locked, no operation
// found it corrupt or failed because of the schema, and a page can be written to the disk. It changes
// no data.
func (d *DB) Ping(ctx context.Context) error {
	if d.writer != nil {
		if lost := d.writer.lost.Load(); lost != nil {
			return fmt.Errorf("write: %w", lost)
		}
	}
	var one int
	if err := d.readers.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&one); err != nil {
		return fmt.Errorf("read: %w", corruption(err))
	}
	if d.writer == nil {
		return nil
	}
	if found := d.writer.corrupt.Load(); found != nil {
		return found
	}
	if broken := d.writer.broken.Load(); broken != nil && time.Since(broken.at) < brokenFor {
		return fmt.Errorf("write: %w%s", broken, d.foreignTriggers(ctx))
	}
	if err := d.writer.do(ctx, 1, AsOpened, (*Tx).touch); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// touch writes a page. SQLite commits an empty transaction without accessing the disk. The user version
// is unused and always 0: goose stores the schema version in a table.
func (t *Tx) touch() error {
	_, err := t.Exec("PRAGMA user_version = 0")
	return err
}

// brokenFor is how long a failed statement affects [DB.Ping] if it is not run again.
const brokenFor = 10 * time.Minute

// brokenError means that a statement fails because of the schema: an added trigger, or a missing or
// altered table.
type brokenError struct {
	query string
	at    time.Time
	err   error
}

func (e *brokenError) Error() string { return e.err.Error() }

func (e *brokenError) Unwrap() error { return e.err }

// outcome records the result of a statement. A statement that fails because of the schema is remembered
// until it succeeds.
func (w *writer) outcome(query string, err error) {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		if broken := w.broken.Load(); broken != nil && broken.query == query {
			w.broken.Store(nil)
		}
		return
	}
	e, ok := errors.AsType[sqlite3.Error](err)
	if ok && (e.ExtendedCode == sqlite3.ErrConstraintTrigger || e.Code == sqlite3.ErrError) && !controls(query) {
		w.broken.Store(&brokenError{query, time.Now(), err})
	}
}

// controls reports whether a statement begins or ends a transaction. These fail because of other
// statements.
func controls(query string) bool {
	word, _, _ := strings.Cut(query, " ")
	return slices.Contains([]string{"BEGIN", "SAVEPOINT", "ROLLBACK", "RELEASE", "COMMIT"}, word)
}

// foreignTriggers describes the triggers in the database. Orderbeat's schema has none.
func (d *DB) foreignTriggers(ctx context.Context) string {
	names, err := Fetch(ctx, d.readers, Column[string], "SELECT name || ' on ' || tbl_name FROM sqlite_schema WHERE type = 'trigger' LIMIT 10")
	if err != nil || len(names) == 0 {
		return ""
	}
	return " (triggers not created by Orderbeat: " + strings.Join(names, ", ") + "; drop or fix them)"
}

// corruptError means that the file is corrupt or not an SQLite database.
type corruptError struct{ err error }

func (e *corruptError) Error() string {
	return fmt.Sprintf("%v: stop orderbeat, keep the file and restore a backup (orderbeat db restore)", e.err)
}

func (e *corruptError) Unwrap() error { return e.err }

// corruption returns err, as a [corruptError] if SQLite reports a corrupt file.
func corruption(err error) error {
	if e, ok := errors.AsType[sqlite3.Error](err); ok && (e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB) {
		return &corruptError{err}
	}
	return err
}

// note records that an operation found the file corrupt, although operations on other pages may still
// succeed. [DB.Ping] reports it until the program is restarted.
func (w *writer) note(err error) error {
	err = corruption(err)
	if e, ok := errors.AsType[*corruptError](err); ok {
		w.corrupt.CompareAndSwap(nil, e)
	}
	return err
}
