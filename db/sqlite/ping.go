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

// Ping reports whether the database can be read and written now: its files are there, it is
// not locked, no operation has found the file damaged or failed because of something that
// was added to the schema, and a page reaches the disk, unless that is full or fails. It
// changes nothing.
func (d *DB) Ping(ctx context.Context) error {
	if d.writer != nil {
		if lost := d.writer.lost.Load(); lost != nil {
			return fmt.Errorf("write: %w", lost)
		}
	}
	var one int
	if err := d.readers.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&one); err != nil {
		return fmt.Errorf("read: %w", damaged(err))
	}
	if d.writer == nil {
		return nil
	}
	if found := d.writer.damage.Load(); found != nil {
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

// touch writes a page. An empty transaction would not: SQLite commits it without
// looking at the disk. The user version is 0 and nobody's: goose counts migrations
// in a table.
func (t *Tx) touch() error {
	_, err := t.Exec("PRAGMA user_version = 0")
	return err
}

// brokenFor is how long a failed statement counts that was not tried again.
const brokenFor = 10 * time.Minute

// brokenError tells that a statement fails whatever its data: because of a trigger that
// somebody added, of a table that is not there, or of one that was changed.
type brokenError struct {
	query string
	at    time.Time
	err   error
}

func (e *brokenError) Error() string { return e.err.Error() }

func (e *brokenError) Unwrap() error { return e.err }

// outcome notes how a statement ended: one that fails because of the schema is remembered
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

// controls tells of the statements that begin and end transactions: they fail because
// others did.
func controls(query string) bool {
	word, _, _ := strings.Cut(query, " ")
	return slices.Contains([]string{"BEGIN", "SAVEPOINT", "ROLLBACK", "RELEASE", "COMMIT"}, word)
}

// foreignTriggers names the triggers in the database. Orderbeat has none.
func (d *DB) foreignTriggers(ctx context.Context) string {
	names, err := Fetch(ctx, d.readers, Column[string], "SELECT name || ' on ' || tbl_name FROM sqlite_schema WHERE type = 'trigger' LIMIT 10")
	if err != nil || len(names) == 0 {
		return ""
	}
	return " (triggers that are not Orderbeat's: " + strings.Join(names, ", ") + "; drop them, or put them right)"
}

// damageError tells that the file is damaged, or none of SQLite's, and what to do.
type damageError struct{ err error }

func (e *damageError) Error() string {
	return fmt.Sprintf("%v: stop orderbeat, keep the file, and put a copy in its place (orderbeat db backup makes them)", e.err)
}

func (e *damageError) Unwrap() error { return e.err }

// damaged is err, as a [damageError] where it is one of SQLite's about the file; nil for nil.
func damaged(err error) error {
	if e, ok := errors.AsType[sqlite3.Error](err); ok && (e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB) {
		return &damageError{err}
	}
	return err
}

// note makes the writer remember that an operation found the file damaged: other
// operations may go well yet, which do not come to that place. Until the program is
// started anew, with another file, [DB.Ping] tells it.
func (w *writer) note(err error) error {
	err = damaged(err)
	if e, ok := errors.AsType[*damageError](err); ok {
		w.damage.CompareAndSwap(nil, e)
	}
	return err
}
