package sqlite

import (
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"
)

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
