package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/mattn/go-sqlite3"
)

// commit runs a batch in one transaction. The errors are those of the operations,
// in order; when the transaction itself fails, everybody gets its error.
//
// ctx is the leader's, and must be one that does not end: an interrupted statement
// would undo what others wait for, and an interruptible one costs a goroutine.
func (w *writer) commit(ctx context.Context, batch []*op) []error {
	errs := make([]error, len(batch))
	t := &Tx{w: w, ctx: ctx}
	if err := w.transact(t, batch, errs); err != nil {
		// Whatever went wrong, the next one begins outside of a transaction. When
		// SQLite has rolled back already, this fails and that is well.
		_, _ = w.conn.ExecContext(ctx, "ROLLBACK")
		for i := range errs {
			errs[i] = fmt.Errorf("commit: %w", err)
		}
		return errs
	}
	for _, f := range t.after {
		f()
	}
	if t.wake {
		select {
		case w.wake <- struct{}{}:
		default: // it is awake, or about to be
		}
	}
	return errs
}

func (w *writer) transact(t *Tx, batch []*op, errs []error) error {
	durable := slices.ContainsFunc(batch, func(o *op) bool { return o.wait == Durable || o.wait == AsOpened && w.full })
	if err := w.sync(t.ctx, durable); err != nil {
		return err
	}
	if err := w.begin(t); err != nil {
		return err
	}
	for i, o := range batch {
		wake, after := t.wake, len(t.after)
		if _, err := t.Exec("SAVEPOINT op"); err != nil {
			return err
		}
		if errs[i] = o.safely(t); errs[i] != nil {
			// After some failures, a full disk for one, SQLite has rolled back
			// everything, and there is no savepoint any more.
			if _, err := t.Exec("ROLLBACK TO op"); err != nil {
				return errs[i]
			}
			t.wake, t.after = wake, t.after[:after]
		}
		if _, err := t.Exec("RELEASE op"); err != nil {
			return err
		}
	}
	_, err := t.Exec("COMMIT")
	return err
}

// begin begins a transaction, as soon as no other process is in one. SQLite itself would
// ask ten times a second, and may for long find it taken by a process that writes
// without a pause: from one commit to the next are microseconds.
func (w *writer) begin(t *Tx) error {
	deadline := time.Now().Add(w.patience)
	for {
		_, err := t.Exec("BEGIN IMMEDIATE")
		if e, ok := errors.AsType[sqlite3.Error](err); !ok || e.Code != sqlite3.ErrBusy || time.Now().After(deadline) {
			return err
		}
		time.Sleep(time.Millisecond/4 + rand.N(time.Millisecond))
	}
}

// safely makes a panic of the operation its error: if it went on to a caller that
// recovers, nobody would lead any more, and all who wait would wait for ever.
func (o *op) safely(t *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, p, debug.Stack())
		}
	}()
	return o.run(t)
}

// sync sets whether the next commit waits for the disk. In WAL mode a commit that
// does not is made durable by the next one that does, or by a checkpoint. The
// pragma acts when it is prepared, so it is no prepared statement.
func (w *writer) sync(ctx context.Context, durable bool) error {
	if durable == !w.relaxed {
		return nil
	}
	pragma := "PRAGMA synchronous = NORMAL"
	if durable {
		pragma = "PRAGMA synchronous = FULL"
	}
	if _, err := w.conn.ExecContext(ctx, pragma); err != nil {
		return err
	}
	w.relaxed = !durable
	return nil
}
