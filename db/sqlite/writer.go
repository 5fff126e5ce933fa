package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"
)

// maxBatch bounds what one transaction takes, in rows as the callers estimate
// them. Larger ones are hardly faster and keep everybody waiting for longer.
const maxBatch = 4096

var (
	// ErrReadOnly is returned by writes to a file that is open for reading.
	ErrReadOnly = errors.New("the database is open for reading only")
	// ErrPanic is wrapped by the error of an operation that panicked.
	ErrPanic = errors.New("panic")

	errClosed = errors.New("the database is closed")
)

// writer owns the one connection that writes, and commits in groups: whoever
// finds it free leads, and takes what the others handed in meanwhile into the
// same transaction. There is no goroutine of its own: a leader hands the lead to
// the first who still waits, so that nobody leads for longer than one transaction.
type writer struct {
	conn *sql.Conn
	wake chan struct{}
	// full tells that a transaction somebody waits for must reach the disk.
	full bool
	// patience is how long other processes may write before that is an error.
	patience time.Duration

	// Only the leader uses these two.
	statements map[string]statement
	relaxed    bool // synchronous is at "normal" now

	damage atomic.Pointer[damageError] // what the first operation said that found the file damaged
	lost   atomic.Pointer[lostError]   // what was found of the files, nil while they are there
	broken atomic.Pointer[brokenError] // the last statement that something in the database made fail

	mu     sync.Mutex // guards the rest; never held during SQL
	queue  []*op
	led    bool
	closed bool
	using  sync.WaitGroup // callers within do
}

// op is one operation that waits for its place in a transaction.
type op struct {
	run  func(*Tx) error
	rows int // about how many it writes
	wait Durability
	turn chan turn // capacity 1: written once for the lead, or once for the end
}

// Durability says when the commit of an operation must have reached the disk.
type Durability int

// The durabilities.
const (
	AsOpened Durability = iota // as [Options.Synchronous] says
	Relaxed                    // not: a power failure may undo it
	Durable                    // always
)

// turn tells a waiting caller to lead, or how its operation ended.
type turn struct {
	lead bool
	err  error
}

// do runs an operation in a transaction, perhaps together with others, and
// returns when that is committed. rows is about how many rows it writes.
func (w *writer) do(ctx context.Context, rows int, wait Durability, run func(*Tx) error) error {
	return w.perform(ctx, &op{run: run, rows: rows, wait: wait})
}

// perform is do for an operation that is made. An error of its run, or of the commit,
// means that nothing of the operation happened. A caller whose ctx ends is let go when
// its operation did not begin yet.
func (w *writer) perform(ctx context.Context, o *op) error {
	if w == nil {
		return ErrReadOnly
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if lost := w.lost.Load(); lost != nil {
		return lost
	}
	o.turn = make(chan turn, 1)
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errClosed
	}
	w.using.Add(1)
	defer w.using.Done()
	w.queue = append(w.queue, o)
	if !w.led {
		w.led = true
		o.turn <- turn{lead: true}
	}
	w.mu.Unlock()

	select {
	case t := <-o.turn:
		return w.take(ctx, o, t)
	case <-ctx.Done():
		if w.withdraw(o) {
			return ctx.Err()
		}
		return w.take(ctx, o, <-o.turn)
	}
}

// take acts on o's turn.
func (w *writer) take(ctx context.Context, o *op, t turn) error {
	if !t.lead {
		return t.err
	}
	w.lead(context.WithoutCancel(ctx))
	return (<-o.turn).err
}

// withdraw removes o from the queue, unless it was taken from it or is to lead.
func (w *writer) withdraw(o *op) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, o)
	if i < 0 || len(o.turn) > 0 {
		return false
	}
	w.queue = slices.Delete(w.queue, i, i+1)
	return true
}

// lead performs one transaction, the leader's own operation first, and hands on the lead.
func (w *writer) lead(ctx context.Context) {
	w.mu.Lock()
	n, rows := 1, w.queue[0].rows
	for n < len(w.queue) && rows+w.queue[n].rows <= maxBatch {
		rows += w.queue[n].rows
		n++
	}
	batch := slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	w.mu.Unlock()

	errs := w.commit(ctx, batch)

	w.mu.Lock()
	if w.led = len(w.queue) > 0; w.led {
		w.queue[0].turn <- turn{lead: true}
	}
	w.mu.Unlock()
	for i, o := range batch {
		o.turn <- turn{err: w.note(errs[i])}
	}
}

// close waits for those who are in, refuses others, and closes the connection. The
// second time it does nothing.
func (w *writer) close() error {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if closed {
		return nil
	}
	w.using.Wait()
	var errs []error
	for _, s := range w.statements {
		errs = append(errs, s.sql.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

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
		var err error
		if errs[i], err = w.run(t, o, i == 0); err != nil {
			return err
		}
	}
	_, err := t.Exec("COMMIT")
	return err
}

// run runs one operation of a transaction and undoes it when it fails; failed is its error, err
// that of the transaction. The first one needs no savepoint: nothing was written before it.
func (w *writer) run(t *Tx, o *op, first bool) (failed, err error) {
	wake, after := t.wake, len(t.after)
	if first {
		if failed = o.safely(t); failed == nil {
			return nil, nil
		}
		t.wake, t.after = wake, t.after[:after]
		_, _ = t.Exec("ROLLBACK") // after some failures SQLite has done so already
		return failed, w.begin(t)
	}
	if _, err := t.Exec("SAVEPOINT op"); err != nil {
		return nil, err
	}
	if failed = o.safely(t); failed != nil {
		// After some failures, a full disk for one, SQLite has rolled back
		// everything, and there is no savepoint any more.
		if _, err := t.Exec("ROLLBACK TO op"); err != nil {
			return failed, failed
		}
		t.wake, t.after = wake, t.after[:after]
	}
	_, err = t.Exec("RELEASE op")
	return failed, err
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
