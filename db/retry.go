package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderbeat/jobs"
)

// retryable are the states that a job is brought back from.
var retryable = []jobs.State{jobs.Failed, jobs.Dead, jobs.Cancelled}

// RetryJob brings back a job that failed, is dead or was cancelled: it is queued, with all
// its attempts and all its time before it, and its run goes on. It returns the run. The
// error is [ErrUnknown], or a [*StateError] for a job in another state.
func (d *DB) RetryJob(ctx context.Context, jobID string) (run jobs.Run, err error) {
	err = d.writer.do(ctx, 3, false, func(t *tx) error {
		run, err = t.retry(jobID, time.Now())
		return err
	})
	if err != nil {
		return jobs.Run{}, fmt.Errorf("job %s: %w", jobID, err)
	}
	return run, nil
}

func (t *tx) retry(jobID string, at time.Time) (run jobs.Run, err error) {
	job := jobs.Job{ID: jobID, FirstAt: at}
	var state jobs.State
	err = t.row(retriedJobSQL, []any{jobID}, &state, &job.RunID, &job.Provider, &job.Account, &job.Kind, jsonInto{&job.Question}, &job.Tried)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return run, ErrUnknown
	case err != nil:
		return run, err
	case !slices.Contains(retryable, state):
		return run, &StateError{state}
	}
	job.Attempt = job.Tried + 1
	if _, err := t.exec(retryJobSQL, stamp(at), jobID); err != nil {
		return run, err
	}
	is := func(s jobs.State) bool { return state == s }
	if _, err := t.exec(reopenSQL, is(jobs.Failed), is(jobs.Dead), is(jobs.Cancelled), job.RunID); err != nil {
		return run, err
	}
	if run, err = scanRun(t.row, runSQL, job.RunID); err != nil {
		return run, err
	}
	return run, t.putJob(&job, "", run.Traceparent, at, time.Time{})
}

const (
	retriedJobSQL = `SELECT state, run_id, provider, account, kind, question, attempts FROM jobs WHERE job_id = ?`

	retryJobSQL = `
UPDATE jobs SET state = 'queued', tried = attempts, crashes = 0, retried_at = ?, next_attempt_at = NULL, finished_at = NULL, inline = 0
 WHERE job_id = ?`

	// A run that has not ended yet is not opened again.
	reopenSQL = `
UPDATE runs SET jobs_failed = jobs_failed - ?, jobs_dead = jobs_dead - ?, jobs_cancelled = jobs_cancelled - ?,
       reopened = reopened + (finished_at IS NOT NULL), state = 'running', finished_at = NULL
 WHERE run_id = ?`
)
