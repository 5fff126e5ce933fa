package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

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
// counter. A job that failed with a missing consent that was granted in the meantime is retried
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
	list, err := reportedOrders(&o)
	if err != nil {
		return Committed{}, fmt.Errorf("job %s: %w: %w", o.ID, ErrOutcome, err)
	}
	docs, err := documents(&o)
	if err != nil {
		return Committed{}, fmt.Errorf("job %s: %w: %w", o.ID, ErrOutcome, err)
	}
	var c Committed
	err = d.do(ctx, rowsOf(&o)+4, false, func(t *tx) (err error) {
		c, err = t.applyOutcome(&o, list, docs)
		return err
	})
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

// applyOutcome is the transaction of [DB.Commit].
func (t *tx) applyOutcome(o *jobs.Outcome, list []reportedOrder, docs []document) (c Committed, err error) {
	job, err := t.storedJob(o.ID)
	if err != nil {
		return c, err
	}
	if job.state.Ended() || o.Attempt <= job.attempts {
		return Committed{Tally: job.tally, Repeated: true}, nil
	}
	if err := t.retryAfterConsent(o); err != nil {
		return c, err
	}
	if waits, err := t.deferRemap(o, list, docs); err != nil {
		return c, err
	} else if waits {
		list, docs = nil, nil
	}
	if c.Tally, err = t.upsertOrders(o, list, job.traceparent); err != nil {
		return c, err
	}
	if err := t.noteNotFound(o, list, job.traceparent); err != nil {
		return c, err
	}
	if err := t.applyDocuments(o, list, docs, job.traceparent, &c.Tally); err != nil {
		return c, err
	}
	if err := t.endAttempt(o, c.Tally); err != nil {
		return c, err
	}
	if err := t.recordExchanges(o); err != nil {
		return c, err
	}
	if err := t.updateFreshness(o); err != nil {
		return c, err
	}
	if err := t.applyAlerts(o, job.inline, job.traceparent); err != nil {
		return c, err
	}
	if err := t.dispatchNext(o, job.dispatch, job.trigger); err != nil {
		return c, err
	}
	if o.State == jobs.Waiting {
		t.runnable(o.Provider)
		return c, nil
	}
	c.Run, err = t.countJob(o, c.Tally)
	return c, err
}

// storedJob is the stored state of a job and its run.
type storedJob struct {
	state                jobs.State
	attempts             int
	inline               bool
	dispatch             dispatchState
	tally                jobs.Tally
	traceparent, trigger string
}

func (t *tx) storedJob(jobID string) (j storedJob, err error) {
	err = t.Row(jobStateSQL, []any{jobID}, &j.state, &j.attempts, &j.inline, sqlite.Text(&j.dispatch),
		&j.tally.Seen, &j.tally.Created, &j.tally.Changed, &j.tally.Unchanged, sqlite.Text(&j.traceparent), &j.trigger)
	if errors.Is(err, sql.ErrNoRows) {
		return j, errors.New("not found in this database")
	}
	return j, err
}

const jobStateSQL = `
SELECT j.state, j.attempts, j.inline, j.dispatch, j.orders_seen, j.orders_created, j.orders_changed, j.orders_unchanged,
       r.traceparent, r.trigger
  FROM jobs AS j JOIN runs AS r USING (run_id) WHERE j.job_id = ?`

// endAttempt records an attempt in the job's row.
func (t *tx) endAttempt(o *jobs.Outcome, n jobs.Tally) error {
	var code, message, hint any
	if o.Err != nil {
		code, message, hint = string(o.Err.Code), o.Err.Reason(), sqlite.OrNull(o.Err.Hint)
	}
	_, err := t.Exec(endAttemptSQL, string(o.State), o.Attempt, o.Tried, sqlite.StampOrNull(o.NextAt), code, message, hint,
		sqlite.StampOrNull(o.AskedAt), stamp(o.FinishedAt), n.Seen, n.Created, n.Changed, n.Unchanged, o.State.Ended(), o.ID)
	return err
}

// A waiting job is in the queue, even if its first attempt was live.
const endAttemptSQL = `
UPDATE jobs SET state = ?, attempts = ?, tried = ?, next_attempt_at = ?, error_code = ?, error = ?, hint = ?,
       started_at = coalesce(started_at, planned_at), asked_at = ?, finished_at = ?,
       orders_seen = ?, orders_created = ?, orders_changed = ?, orders_unchanged = ?, inline = 0,
       dispatch = CASE WHEN ? THEN NULL ELSE dispatch END
 WHERE job_id = ?`

// countJob adds a finished job to the counters of its run and ends the run with its last job.
func (t *tx) countJob(o *jobs.Outcome, n jobs.Tally) (*jobs.Run, error) {
	is := func(s jobs.State) bool { return o.State == s }
	var c jobs.Counts
	err := t.Row(countSQL, []any{
		is(jobs.Succeeded), is(jobs.Partial), is(jobs.Failed), is(jobs.Dead), is(jobs.Cancelled),
		n.Seen, n.Created, n.Changed, n.Unchanged, stamp(o.AskedAt), o.RunID,
	}, &c.Total, &c.Succeeded, &c.Partial, &c.Failed, &c.Dead, &c.Cancelled)
	if err != nil || !c.State().Ended() {
		return nil, err
	}
	run, err := scanRun(t.Row, runSQL, o.RunID)
	if err != nil {
		return nil, err
	}
	ended := o.FinishedAt
	run.State, run.FinishedAt = c.State(), &ended
	return &run, t.endRun(&run)
}

const countSQL = `
UPDATE runs SET state = 'running', jobs_succeeded = jobs_succeeded + ?, jobs_partial = jobs_partial + ?,
       jobs_failed = jobs_failed + ?, jobs_dead = jobs_dead + ?, jobs_cancelled = jobs_cancelled + ?,
       orders_seen = orders_seen + ?, orders_created = orders_created + ?,
       orders_changed = orders_changed + ?, orders_unchanged = orders_unchanged + ?,
       started_at = coalesce(started_at, ?)
 WHERE run_id = ?
RETURNING jobs_total, jobs_succeeded, jobs_partial, jobs_failed, jobs_dead, jobs_cancelled`
