package runs

import (
	"database/sql"
	"errors"
	"fmt"

	"orderbeat/db/jobqueue"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// StoredJob is the stored state of a job and its run.
type StoredJob struct {
	State                jobs.State
	Attempts             int
	Inline               bool
	Dispatch             jobqueue.DispatchState
	Tally                jobs.Tally
	Traceparent, Trigger string
}

// Job returns the stored state of a job. The error is [ErrUnknown] if there is none.
func (t Tx) Job(jobID string) (j StoredJob, err error) {
	err = t.Row(jobStateSQL, []any{jobID}, &j.State, &j.Attempts, &j.Inline, sqlite.Text(&j.Dispatch),
		&j.Tally.Seen, &j.Tally.Created, &j.Tally.Changed, &j.Tally.Unchanged, sqlite.Text(&j.Traceparent), &j.Trigger)
	if errors.Is(err, sql.ErrNoRows) {
		return j, fmt.Errorf("%w in this database", ErrUnknown)
	}
	return j, err
}

const jobStateSQL = `
SELECT j.state, j.attempts, j.inline, j.dispatch, j.orders_seen, j.orders_created, j.orders_changed, j.orders_unchanged,
       r.traceparent, r.trigger
  FROM jobs AS j JOIN runs AS r USING (run_id) WHERE j.job_id = ?`

// NewerRemapPending reports whether a remap job of the same run and account that maps newer responses has
// not ended.
func (t Tx) NewerRemapPending(o *jobs.Outcome) (pending bool, err error) {
	err = t.Row(newerPendingSQL, []any{o.RunID, o.Account, o.ID}, &pending)
	return pending, err
}

// Remap jobs are planned newest first.
const newerPendingSQL = `
SELECT EXISTS (SELECT 1 FROM jobs
 WHERE run_id = ? AND account = ? AND job_id < ? AND state IN ('queued', 'running', 'waiting'))`

// EndAttempt records an attempt in the job's row.
func (t Tx) EndAttempt(o *jobs.Outcome, n jobs.Tally) error {
	var code, message, hint any
	if o.Err != nil {
		code, message, hint = string(o.Err.Code), o.Err.Reason(), sqlite.OrNull(o.Err.Hint)
	}
	_, err := t.Exec(endAttemptSQL, string(o.State), o.Attempt, o.Tried, sqlite.StampOrNull(o.NextAt), code, message, hint,
		sqlite.StampOrNull(o.AskedAt), sqlite.Stamp(o.FinishedAt), n.Seen, n.Created, n.Changed, n.Unchanged, o.State.Ended(), o.ID)
	return err
}

// A waiting job is in the queue, even if its first attempt was live.
const endAttemptSQL = `
UPDATE jobs SET state = ?, attempts = ?, tried = ?, next_attempt_at = ?, error_code = ?, error = ?, hint = ?,
       started_at = coalesce(started_at, planned_at), asked_at = ?, finished_at = ?,
       orders_seen = ?, orders_created = ?, orders_changed = ?, orders_unchanged = ?, inline = 0,
       dispatch = CASE WHEN ? THEN NULL ELSE dispatch END
 WHERE job_id = ?`

// CountJob adds a finished job to the counters of its run and ends the run with its last job.
func (t Tx) CountJob(o *jobs.Outcome, n jobs.Tally) (*jobs.Run, error) {
	is := func(s jobs.State) bool { return o.State == s }
	var c jobs.Counts
	err := t.Row(countSQL, []any{
		is(jobs.Succeeded), is(jobs.Partial), is(jobs.Failed), is(jobs.Dead), is(jobs.Cancelled),
		n.Seen, n.Created, n.Changed, n.Unchanged, sqlite.Stamp(o.AskedAt), o.RunID,
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
