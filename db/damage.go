package db

import (
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"
)

// damaged is err, with what to do where it tells that the file is damaged, or none of
// SQLite's; nil for nil.
func damaged(err error) (_ error, yes bool) {
	e, ok := errors.AsType[sqlite3.Error](err)
	if !ok || e.Code != sqlite3.ErrCorrupt && e.Code != sqlite3.ErrNotADB {
		return err, false
	}
	return fmt.Errorf("%w: stop orderbeat, keep the file, and put a copy in its place (orderbeat db backup makes them)", err), true
}

// note makes the writer remember that an operation found the file damaged: other
// operations may go well yet, which do not come to that place. Until the program is
// started anew, with another file, [DB.Ping] tells it.
func (w *writer) note(err error) error {
	err, yes := damaged(err)
	if yes {
		w.damage.CompareAndSwap(nil, &err)
	}
	return err
}
