package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"orderbeat/db/documents"
	"orderbeat/db/exchanges"
	"orderbeat/db/orders"
	"orderbeat/db/runs"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Committed is the result of committing an outcome.
type Committed struct {
	Tally jobs.Tally
	// Repeated is set if this attempt or a later one was already recorded: nothing was
	// changed.
	Repeated bool
	// Run is the finished run if this job was its last, else nil.
	Run *jobs.Run
}

// ErrOutcome is returned by [DB.Commit] if the outcome is invalid: retrying does not help.
var ErrOutcome = errors.New("the outcome cannot be stored")

// Commit stores the outcome of one attempt at a job, once, in one transaction: how the attempt
// ended, the orders and what changed in them, the run's counters, recorded exchanges, and the
// messages to publish. When it returns nil, all of that survives a power failure (unless
// [Options.Synchronous] is "normal"). A waiting outcome enqueues the next attempt and changes no
// counter. A job that failed because of a missing consent, granted in the meantime, is retried
// immediately.
//
// A dead job, or a failed job with an error that needs attention, raises an alert. A job that
// succeeds resolves the alerts of its account.
//
// The secrets of [Options.Mask] are masked in the provider's data, in place.
//
// An order that was seen after o.AskedAt is not changed. A new or changed despatch advice or invoice
// adds a revision to every order it belongs to, as soon as that order is known.
func (d *DB) Commit(ctx context.Context, o jobs.Outcome) (Committed, error) {
	if !o.State.Ended() && o.State != jobs.Waiting {
		return Committed{}, fmt.Errorf("job %s: invalid state %q for a finished attempt", o.ID, o.State)
	}
	if d.mask != nil {
		o.Mask(d.mask.Text)
	}
	list, err := orders.Encode(&o)
	if err != nil {
		return Committed{}, fmt.Errorf("job %s: %w: %w", o.ID, ErrOutcome, err)
	}
	docs, err := documents.Encode(&o)
	if err != nil {
		return Committed{}, fmt.Errorf("job %s: %w: %w", o.ID, ErrOutcome, err)
	}
	var c Committed
	err = d.data.Write(ctx, rowsOf(&o)+4, sqlite.AsOpened, func(t *sqlite.Tx) (err error) {
		c, err = d.in(t).applyOutcome(&o, list, docs)
		return err
	})
	if errors.Is(err, sqlite.ErrPanic) {
		err = fmt.Errorf("%w: %w", ErrOutcome, err)
	}
	if err != nil {
		return Committed{}, fmt.Errorf("job %s: %w", o.ID, err)
	}
	return c, nil
}

// rowsOf estimates the number of rows that are written for an outcome.
func rowsOf(o *jobs.Outcome) int {
	rows := len(o.Exchanges) + 3*len(o.Orders) + 5*(len(o.Advices)+len(o.Invoices))
	for i := range o.Orders {
		rows += 2 * len(o.Orders[i].Lines)
	}
	for i := range o.Advices {
		rows += len(o.Advices[i].Lines)
	}
	for i := range o.Invoices {
		rows += len(o.Invoices[i].Lines)
	}
	return rows
}

// tx is the transaction of [DB.Commit]. It spans the tables of all stores.
type tx struct {
	*sqlite.Tx
	runs      runs.Tx
	orders    orders.Tx
	documents documents.Tx
}

func (d *DB) in(t *sqlite.Tx) tx {
	inOrders := d.orderStore.In(t)
	return tx{t, d.runStore.In(t), inOrders, documents.In(t, inOrders)}
}

// applyOutcome is the transaction of [DB.Commit].
func (t tx) applyOutcome(o *jobs.Outcome, list []orders.Reported, docs []documents.Document) (c Committed, err error) {
	job, err := t.runs.Job(o.ID)
	if err != nil {
		return c, err
	}
	if job.State.Ended() || o.Attempt <= job.Attempts {
		return Committed{Tally: job.Tally, Repeated: true}, nil
	}
	job.Traceparent = cmp.Or(o.Traceparent, job.Traceparent)
	if err := t.runs.RetryAfterConsent(o); err != nil {
		return c, err
	}
	if waits, err := t.deferRemap(o, list, docs); err != nil {
		return c, err
	} else if waits {
		list, docs = nil, nil
	}
	if c.Tally, err = t.orders.Upsert(o, list, job.Traceparent); err != nil {
		return c, err
	}
	if err := t.orders.NoteNotFound(o, list, job.Traceparent); err != nil {
		return c, err
	}
	if err := t.documents.Apply(o, list, docs, job.Traceparent, &c.Tally); err != nil {
		return c, err
	}
	if err := t.runs.EndAttempt(o, c.Tally); err != nil {
		return c, err
	}
	if err := exchanges.Record(t.Tx, o); err != nil {
		return c, err
	}
	if err := t.orders.UpdateFreshness(o); err != nil {
		return c, err
	}
	if err := t.runs.Alerts.Apply(o, job.Inline, job.Traceparent); err != nil {
		return c, err
	}
	if err := t.runs.Queue.DispatchNext(o, job.Dispatch, job.Trigger); err != nil {
		return c, err
	}
	if o.State == jobs.Waiting {
		t.runs.Queue.Notify(o.Provider)
		return c, nil
	}
	c.Run, err = t.runs.CountJob(o, c.Tally)
	return c, err
}
