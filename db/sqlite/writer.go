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
	"github.com/prometheus/client_golang/prometheus"
)

// maxBatch limits the size of a transaction, in estimated rows. Larger transactions are hardly faster and
// increase the latency.
const maxBatch = 4096

var (
	// ErrReadOnly is returned by writes to a file that is open for reading.
	ErrReadOnly = errors.New("database is read-only")
	// ErrPanic is wrapped by the error of an operation that panicked.
	ErrPanic = errors.New("panic")

	errClosed = errors.New("database is closed")
)

// writer owns the writing connection and performs group commits. The first waiting caller is the leader
// and runs all queued operations in one transaction. There is no separate goroutine: after a transaction
// the leader passes the lead to the first waiting caller, so that it leads for one transaction only.
type writer struct {
	conn *sql.Conn
	wake chan struct{}
	// full is set if an AsOpened transaction must wait for fsync.
	full bool
	// lockTimeout is how long a transaction waits for transactions of other processes.
	lockTimeout time.Duration

	// Only the leader uses the following two fields.
	statements map[string]statement
	relaxed    bool // synchronous is currently "normal"

	commits atomic.Int64 // successful transactions
	metrics commitMetrics
	corrupt atomic.Pointer[corruptError] // the first error about a corrupt file
	lost    atomic.Pointer[lostError]    // set while the files are missing or replaced
	broken  atomic.Pointer[brokenError]  // the last statement that failed because of the schema

	changes sync.Mutex      // guards changed
	changed map[string]bool // what [DB.Woken] returns next

	mu     sync.Mutex // guards the rest; never held during SQL
	queue  []*op
	led    bool
	closed bool
	using  sync.WaitGroup // callers in do
}

// op is an operation waiting for a transaction.
type op struct {
	run    func(*Tx) error
	rows   int // estimated number of written rows
	wait   Durability
	signal chan signal // capacity 1: receives the lead, the result, or both one after the other
}

// Durability defines whether the commit of an operation waits for fsync.
type Durability int

// The durabilities.
const (
	AsOpened Durability = iota // according to [Options.Synchronous]
	Relaxed                    // never: a power failure may undo it
	Durable                    // always
)

// signal tells a waiting caller to lead, or the result of its operation.
type signal struct {
	lead bool
	err  error
}

// do runs an operation in a transaction, possibly together with others, and returns after the commit.
// rows is the approximate number of rows it writes.
func (w *writer) do(ctx context.Context, rows int, wait Durability, run func(*Tx) error) error {
	return w.perform(ctx, &op{run: run, rows: rows, wait: wait})
}

// perform implements do. If run or the commit fails, the operation was rolled back. If ctx is done before
// the operation begins, perform returns its error.
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
	o.signal = make(chan signal, 1)
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
		o.signal <- signal{lead: true}
	}
	w.mu.Unlock()

	select {
	case t := <-o.signal:
		return w.receive(ctx, o, t)
	case <-ctx.Done():
		if w.withdraw(o) {
			return ctx.Err()
		}
		return w.receive(ctx, o, <-o.signal)
	}
}

// receive handles a signal for o: it leads a transaction or returns the result.
func (w *writer) receive(ctx context.Context, o *op, s signal) error {
	if !s.lead {
		return s.err
	}
	w.lead(context.WithoutCancel(ctx))
	return (<-o.signal).err
}

// withdraw removes o from the queue. It returns false if o is already running or leads.
func (w *writer) withdraw(o *op) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, o)
	if i < 0 || len(o.signal) > 0 {
		return false
	}
	w.queue = slices.Delete(w.queue, i, i+1)
	return true
}

// lead runs one transaction, starting with the leader's own operation, and passes the lead on.
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
		w.queue[0].signal <- signal{lead: true}
	}
	w.mu.Unlock()
	for i, o := range batch {
		o.signal <- signal{err: w.note(errs[i])}
	}
}

// close waits for running operations, rejects new ones and closes the connection. The second call does
// nothing.
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

// commit runs a batch in one transaction and returns the errors of the operations, in order. If the
// transaction fails, all operations get its error.
//
// ctx must never be done: an interrupted statement would roll back the operations of other callers, and
// an interruptible one costs a goroutine.
func (w *writer) commit(ctx context.Context, batch []*op) []error {
	errs := make([]error, len(batch))
	t := &Tx{w: w, ctx: ctx}
	start := time.Now()
	if err := w.transact(t, batch, errs); err != nil {
		// The next transaction must begin outside of a transaction. This fails if SQLite has
		// already rolled back, which is fine.
		_, _ = w.conn.ExecContext(ctx, "ROLLBACK")
		for i := range errs {
			errs[i] = fmt.Errorf("commit: %w", err)
		}
		return errs
	}
	w.commits.Add(1)
	w.metrics.duration.Observe(time.Since(start).Seconds())
	w.metrics.size.Observe(float64(len(batch)))
	for _, f := range t.after {
		f()
	}
	if len(t.wake) > 0 {
		w.notify(t.wake)
	}
	return errs
}

// notify wakes the receiver of [DB.Wake].
func (w *writer) notify(what []string) {
	w.changes.Lock()
	for _, name := range what {
		w.changed[name] = true
	}
	w.changes.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // already notified
	}
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

// run runs one operation of a transaction and rolls it back if it fails. failed is the error of the
// operation, err that of the transaction. The first operation needs no savepoint.
func (w *writer) run(t *Tx, o *op, first bool) (failed, err error) {
	wake, after := len(t.wake), len(t.after)
	if first {
		if failed = o.safely(t); failed == nil {
			return nil, nil
		}
		t.wake, t.after = t.wake[:wake], t.after[:after]
		_, _ = t.Exec("ROLLBACK") // SQLite may have rolled back already
		return failed, w.begin(t)
	}
	if _, err := t.Exec("SAVEPOINT op"); err != nil {
		return nil, err
	}
	if failed = o.safely(t); failed != nil {
		// After some errors, for example a full disk, SQLite has rolled back the whole
		// transaction and the savepoint does not exist.
		if _, err := t.Exec("ROLLBACK TO op"); err != nil {
			return failed, failed
		}
		t.wake, t.after = t.wake[:wake], t.after[:after]
	}
	_, err = t.Exec("RELEASE op")
	return failed, err
}

// begin begins a transaction as soon as no other process has one. SQLite's busy handler polls ten times a
// second and may not get the lock from a process that writes continuously, because the gaps between
// commits are microseconds.
func (w *writer) begin(t *Tx) error {
	deadline := time.Now().Add(w.lockTimeout)
	for {
		_, err := t.Exec("BEGIN IMMEDIATE")
		if e, ok := errors.AsType[sqlite3.Error](err); !ok || e.Code != sqlite3.ErrBusy || time.Now().After(deadline) {
			return err
		}
		time.Sleep(time.Millisecond/4 + rand.N(time.Millisecond))
	}
}

// safely converts a panic of the operation to an error. Otherwise a caller that recovers would leave the
// writer without a leader, and all waiting callers would block forever.
func (o *op) safely(t *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, p, debug.Stack())
		}
	}()
	return o.run(t)
}

// sync sets whether the next commit waits for fsync. In WAL mode a commit without fsync becomes durable
// with the next commit with fsync or a checkpoint. The pragma takes effect when it is prepared, so it
// cannot be a prepared statement.
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

// commitMetrics are the histograms of successful transactions.
type commitMetrics struct{ duration, size prometheus.Histogram }

func newCommitMetrics() commitMetrics {
	return commitMetrics{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orderbeat_db_commit_duration_seconds", Help: "Duration of transactions, from BEGIN to COMMIT.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
		size: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orderbeat_db_commit_operations", Help: "Operations in one transaction: those that wait at the same time share one.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256},
		}),
	}
}

// Collectors are the metrics of a file that is open for writing.
func (d *DB) Collectors() []prometheus.Collector {
	return []prometheus.Collector{d.writer.metrics.duration, d.writer.metrics.size}
}
