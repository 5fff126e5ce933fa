package runs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderbeat/db/jobqueue"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// ErrUnknown is returned for a run or job that does not exist.
var ErrUnknown = errors.New("not found")

// StateError is returned for an operation that is not possible in the current state of a run or job.
type StateError struct{ State jobs.State }

func (e *StateError) Error() string { return "not possible in state " + string(e.State) }

// CancelRun cancels a run with its unfinished jobs and returns their ids and the run. The outcome of a
// job that is running is discarded. The error is [ErrUnknown], or a [*StateError] if the run has
// ended.
func (s *Store) CancelRun(ctx context.Context, runID string) (ids []string, run jobs.Run, err error) {
	err = s.do(ctx, 16, sqlite.AsOpened, func(t Tx) error {
		if run, err = t.openRun(runID); err != nil {
			return err
		}
		ids, err = t.cancel(&run, cancelRunSQL, runID, time.Now())
		return err
	})
	if err != nil {
		return nil, jobs.Run{}, fmt.Errorf("run %s: %w", runID, err)
	}
	return ids, run, nil
}

// openRun returns a run that has not ended. It returns the errors of [Store.CancelRun].
func (t Tx) openRun(id string) (jobs.Run, error) {
	run, err := scanRun(t.Row, runSQL, id)
	if errors.Is(err, sql.ErrNoRows) {
		return run, ErrUnknown
	}
	if err == nil && run.State.Ended() {
		return run, &StateError{run.State}
	}
	return run, err
}

// CancelJob cancels an unfinished job and returns its run, which may have ended with it. It returns the
// errors of [Store.CancelRun].
func (s *Store) CancelJob(ctx context.Context, jobID string) (run jobs.Run, err error) {
	err = s.do(ctx, 2, sqlite.AsOpened, func(t Tx) error {
		var state jobs.State
		var runID string
		err := t.Row(jobRunSQL, []any{jobID}, &state, &runID)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrUnknown
		case err != nil:
			return err
		case state.Ended():
			return &StateError{state}
		}
		if run, err = scanRun(t.Row, runSQL, runID); err != nil {
			return err
		}
		_, err = t.cancel(&run, cancelJobSQL, jobID, time.Now())
		return err
	})
	if err != nil {
		return jobs.Run{}, fmt.Errorf("job %s: %w", jobID, err)
	}
	return run, nil
}

// cancel runs a statement that cancels jobs of a run, counts them, and ends the run with its last job.
// A cancellation counts as an attempt, so that the outcome of a running attempt is ignored.
func (t Tx) cancel(run *jobs.Run, query, id string, at time.Time) (ids []string, err error) {
	accounts := map[string]bool{}
	err = t.Each(query, []any{sqlite.Stamp(at), id}, func(rows *sql.Rows) error {
		var id, account string
		err := rows.Scan(&id, &account)
		ids, accounts[account] = append(ids, id), true
		return err
	})
	if err != nil {
		return nil, err
	}
	for account := range accounts {
		o := jobs.Outcome{Job: jobs.Job{Provider: run.Provider, Account: account}, State: jobs.Cancelled, FinishedAt: at}
		if err := t.Queue.DispatchNext(&o, jobqueue.Dispatched, run.Trigger); err != nil {
			return nil, err
		}
	}
	if _, err := t.Exec(countCancelledSQL, len(ids), sqlite.Stamp(at), run.ID); err != nil {
		return nil, err
	}
	if *run, err = scanRun(t.Row, runSQL, run.ID); err != nil {
		return nil, err
	}
	if state := run.Jobs.State(); state.Ended() {
		run.State, run.FinishedAt = state, &at
		return ids, t.endRun(run)
	}
	return ids, nil
}

const (
	jobRunSQL = `SELECT state, run_id FROM jobs WHERE job_id = ?`

	cancelRunSQL = `
UPDATE jobs SET state = 'cancelled', attempts = attempts + 1, next_attempt_at = NULL, finished_at = ?, dispatch = NULL
 WHERE run_id = ? AND state IN ('queued', 'running', 'waiting')
RETURNING job_id, account`

	cancelJobSQL = `
UPDATE jobs SET state = 'cancelled', attempts = attempts + 1, next_attempt_at = NULL, finished_at = ?, dispatch = NULL
 WHERE job_id = ? AND state IN ('queued', 'running', 'waiting')
RETURNING job_id, account`

	countCancelledSQL = `
UPDATE runs SET jobs_cancelled = jobs_cancelled + ?, started_at = coalesce(started_at, ?) WHERE run_id = ?`
)
