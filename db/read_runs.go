package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// defaultLimit is how many rows a list has when its filter does not say.
const defaultLimit = 100

// RunFilter chooses runs; an empty field chooses all.
type RunFilter struct {
	Provider string
	Kind     string
	State    jobs.State
	// Limit is 100 when it is 0.
	Limit int
}

// Run returns one run, false when there is none.
func (d *DB) Run(ctx context.Context, id string) (jobs.Run, bool, error) {
	row := func(query string, args []any, dest ...any) error {
		return d.readers.QueryRowContext(ctx, query, args...).Scan(dest...)
	}
	run, err := scanRun(row, runSQL, id)
	if errors.Is(err, sql.ErrNoRows) {
		return jobs.Run{}, false, nil
	}
	return run, err == nil, err
}

// Runs returns runs, newest first.
func (d *DB) Runs(ctx context.Context, f RunFilter) ([]jobs.Run, error) {
	query, args := f.query()
	rows, err := d.readers.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	runs := []jobs.Run{}
	err = all(rows, func(rows *sql.Rows) error {
		run, err := scanRun(func(_ string, _ []any, dest ...any) error { return rows.Scan(dest...) }, "")
		runs = append(runs, run)
		return err
	})
	return runs, err
}

func (f RunFilter) query() (string, []any) {
	var w where
	w.add("provider = ?", f.Provider)
	w.add("kind = ?", f.Kind)
	w.add("state = ?", string(f.State))
	return selectRun + w.sql() + " ORDER BY run_id DESC LIMIT ?", append(w.args, limit(f.Limit))
}

const (
	selectRun = `
SELECT run_id, provider, kind, state, trigger, accounts, params, jobs_total, jobs_succeeded, jobs_partial,
       jobs_failed, jobs_dead, jobs_cancelled, orders_seen, orders_created, orders_changed, orders_unchanged,
       errors, requested_at, started_at, finished_at, key, reply_to, traceparent
  FROM runs`
	runSQL      = selectRun + ` WHERE run_id = ?`
	runByKeySQL = selectRun + ` WHERE key = ?`
)

// scanRun reads one run with row, which is the writer's or a reader's way to do so.
func scanRun(row func(query string, args []any, dest ...any) error, query string, args ...any) (r jobs.Run, err error) {
	err = row(
		query, args, &r.ID, &r.Provider, &r.Kind, &r.State, &r.Trigger, jsonInto{&r.Accounts}, (*rawInto)(&r.Params),
		&r.Jobs.Total, &r.Jobs.Succeeded, &r.Jobs.Partial, &r.Jobs.Failed, &r.Jobs.Dead, &r.Jobs.Cancelled,
		&r.Orders.Seen, &r.Orders.Created, &r.Orders.Changed, &r.Orders.Unchanged,
		jsonInto{&r.Errors}, timeInto{&r.RequestedAt}, timeOrNil{&r.StartedAt}, timeOrNil{&r.FinishedAt},
		textInto[string]{&r.Key}, textInto[string]{&r.ReplyTo}, textInto[string]{&r.Traceparent},
	)
	return r, err
}

// JobRow is a job, and how it went.
type JobRow struct {
	JobID    string `json:"job_id"`
	RunID    string `json:"run_id"`
	Provider string `json:"provider"`
	Account  string `json:"account"`
	Kind     string `json:"kind"`
	jobs.Question
	State jobs.State `json:"state"`
	// Attempts counts those that ended.
	Attempts      int        `json:"attempts"`
	NextAttemptAt *time.Time `json:"next_attempt_at"`
	// ErrorCode, Error and Hint are the last attempt's.
	ErrorCode  clients.Code `json:"error_code,omitempty"`
	Error      string       `json:"error,omitempty"`
	Hint       string       `json:"hint,omitempty"`
	PlannedAt  time.Time    `json:"planned_at"`
	StartedAt  *time.Time   `json:"started_at"`
	AskedAt    *time.Time   `json:"asked_at"`
	FinishedAt *time.Time   `json:"finished_at"`
	Orders     jobs.Tally   `json:"orders"`
}

// Jobs returns the jobs of a run in the order they were planned; there are never more
// than [jobs.MaxJobs].
func (d *DB) Jobs(ctx context.Context, runID string) ([]JobRow, error) {
	rows, err := d.readers.QueryContext(ctx, jobsSQL, runID)
	if err != nil {
		return nil, err
	}
	list := []JobRow{}
	err = all(rows, func(rows *sql.Rows) error {
		var j JobRow
		err := rows.Scan(
			&j.JobID, &j.RunID, &j.Provider, &j.Account, &j.Kind, jsonInto{&j.Question}, &j.State, &j.Attempts,
			timeOrNil{&j.NextAttemptAt}, textInto[clients.Code]{&j.ErrorCode}, textInto[string]{&j.Error},
			textInto[string]{&j.Hint}, timeInto{&j.PlannedAt}, timeOrNil{&j.StartedAt}, timeOrNil{&j.AskedAt},
			timeOrNil{&j.FinishedAt}, &j.Orders.Seen, &j.Orders.Created, &j.Orders.Changed, &j.Orders.Unchanged,
		)
		if err != nil {
			return fmt.Errorf("job %s: %w", j.JobID, err)
		}
		list = append(list, j)
		return nil
	})
	return list, err
}

const jobsSQL = `
SELECT job_id, run_id, provider, account, kind, question, state, attempts, next_attempt_at, error_code, error, hint,
       planned_at, started_at, asked_at, finished_at, orders_seen, orders_created, orders_changed, orders_unchanged
  FROM jobs WHERE run_id = ? ORDER BY job_id`

// OpenJobsExcept returns jobs that have not ended and whose provider is not among
// those named, each as its next attempt; none named is all of them. There are at
// most 10,000: who ends them asks again until there are none.
func (d *DB) OpenJobsExcept(ctx context.Context, providers []string) ([]jobs.Job, error) {
	names, err := encode(append([]string{}, providers...)) // a list even of none
	if err != nil {
		return nil, err
	}
	rows, err := d.readers.QueryContext(ctx, openJobsSQL, names)
	if err != nil {
		return nil, err
	}
	var list []jobs.Job
	err = all(rows, func(rows *sql.Rows) error {
		var j jobs.Job
		err := rows.Scan(&j.ID, &j.RunID, &j.Provider, &j.Account, &j.Kind, jsonInto{&j.Question}, &j.Attempt, timeInto{&j.FirstAt})
		if err != nil {
			return fmt.Errorf("job %s: %w", j.ID, err)
		}
		list = append(list, j)
		return nil
	})
	return list, err
}

const openJobsSQL = `
SELECT job_id, run_id, provider, account, kind, question, attempts + 1, planned_at FROM jobs
 WHERE state IN ('queued', 'running', 'waiting') AND state <> 'succeeded'
   AND provider NOT IN (SELECT value FROM json_each(?))
 ORDER BY state, job_id LIMIT 10000`

func limit(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return n
}
