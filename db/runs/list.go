package runs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"orderbeat/db/jobqueue"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// RunFilter selects runs; an empty field matches all.
type RunFilter struct {
	Provider string
	Kind     string
	State    jobs.State
	// Prefix selects runs whose id begins with it.
	Prefix string
	// Since selects runs that were requested at or after this time.
	Since time.Time
	// Limit defaults to 100.
	Limit int
	// Before selects runs older than the run with this id.
	Before string
}

// Run returns one run; ok is false if it does not exist.
func (s *Store) Run(ctx context.Context, id string) (jobs.Run, bool, error) {
	row := func(query string, args []any, dest ...any) error {
		return s.file.Bulk().QueryRowContext(ctx, query, args...).Scan(dest...)
	}
	run, err := scanRun(row, runSQL, id)
	if errors.Is(err, sql.ErrNoRows) {
		return jobs.Run{}, false, nil
	}
	return run, err == nil, err
}

// Traceparent returns the trace context of a run, "" if it does not exist.
func (s *Store) Traceparent(ctx context.Context, runID string) (traceparent string, err error) {
	err = s.file.Readers().QueryRowContext(ctx, traceparentSQL, runID).Scan(sqlite.Text(&traceparent))
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return traceparent, err
}

const traceparentSQL = `SELECT traceparent FROM runs WHERE run_id = ?`

// Runs returns runs, newest first.
func (s *Store) Runs(ctx context.Context, f RunFilter) ([]jobs.Run, error) {
	return sqlite.Collect(s.EachRun(ctx, f))
}

// EachRun streams runs, like [orders.Store.EachOrder].
func (s *Store) EachRun(ctx context.Context, f RunFilter) iter.Seq2[jobs.Run, error] {
	query, args := f.query()
	return sqlite.EachRow(ctx, s.file.Bulk(), query, args, func(rows *sql.Rows) (jobs.Run, error) {
		return scanRun(func(_ string, _ []any, dest ...any) error { return rows.Scan(dest...) }, "")
	})
}

func (f RunFilter) query() (string, []any) {
	var w sqlite.Where
	w.Add("provider = ?", f.Provider)
	w.Add("kind = ?", f.Kind)
	if f.State == jobs.Paused {
		w.And("paused_at IS NOT NULL AND state IN ('queued', 'running')")
	} else {
		w.Add("state = ?", string(f.State))
	}
	w.AddPrefix("run_id", f.Prefix)
	w.Add("requested_at >= ?", stampText(f.Since))
	w.Add("run_id < ?", f.Before)
	return selectRun + w.SQL() + " ORDER BY run_id DESC LIMIT ?", append(w.Args, sqlite.Limit(f.Limit))
}

const (
	selectRun = `
SELECT run_id, provider, kind, state, trigger, accounts, params, jobs_total, jobs_succeeded, jobs_partial,
       jobs_failed, jobs_dead, jobs_cancelled, orders_seen, orders_created, orders_changed, orders_unchanged,
       errors, requested_at, started_at, finished_at, reopened, key, reply_to, traceparent, low_priority_slots, paused_at, note
  FROM runs`
	runSQL = selectRun + ` WHERE run_id = ?`
)

// scanRun reads one run with row, which queries a row in a transaction or with a reader.
func scanRun(row func(query string, args []any, dest ...any) error, query string, args ...any) (r jobs.Run, err error) {
	err = row(
		query, args, &r.ID, &r.Provider, &r.Kind, &r.State, &r.Trigger, sqlite.JSON(&r.Accounts), (*sqlite.Raw)(&r.Params),
		&r.Jobs.Total, &r.Jobs.Succeeded, &r.Jobs.Partial, &r.Jobs.Failed, &r.Jobs.Dead, &r.Jobs.Cancelled,
		&r.Orders.Seen, &r.Orders.Created, &r.Orders.Changed, &r.Orders.Unchanged,
		sqlite.JSON(&r.Errors), sqlite.Time(&r.RequestedAt), sqlite.TimeOrNil(&r.StartedAt), sqlite.TimeOrNil(&r.FinishedAt), &r.Reopened,
		sqlite.Text(&r.Key), sqlite.Text(&r.ReplyTo), sqlite.Text(&r.Traceparent),
		sqlite.Number(&r.LowPrioritySlots), sqlite.TimeOrNil(&r.PausedAt), sqlite.Text(&r.Note),
	)
	if r.LowPrioritySlots > 0 {
		r.Priority = jobs.Low
	}
	if of, _ := jobs.ScheduleOf(r.Trigger); of != "" {
		if schedule, due, ok := jobs.TickOf(r.Key); ok && schedule == of {
			r.DueAt = &due
		}
	}
	return r, err
}

// OpenJobsExcept returns unfinished jobs of all providers except the given ones, each with its next
// attempt. It returns at most 10,000: callers that end them repeat the call until it returns none.
func (s *Store) OpenJobsExcept(ctx context.Context, providers []string) ([]jobs.Job, error) {
	names, err := sqlite.EncodeJSON(append([]string{}, providers...)) // encodes an empty list as [], not null
	if err != nil {
		return nil, err
	}
	return sqlite.Fetch(ctx, s.file.Readers(), func(rows *sql.Rows) (j jobs.Job, err error) {
		err = rows.Scan(&j.ID, &j.RunID, &j.Provider, &j.Account, &j.Kind, sqlite.JSON(&j.Question), &j.Attempt, &j.Tried, sqlite.Time(&j.FirstAt))
		if err != nil {
			err = fmt.Errorf("job %s: %w", j.ID, err)
		}
		return j, err
	}, openJobsSQL, names)
}

const openJobsSQL = `
SELECT job_id, run_id, provider, account, kind, question, attempts + 1, tried, ` + jobqueue.QueuedAt + ` FROM jobs
 WHERE state IN ('queued', 'running', 'waiting') AND state <> 'succeeded'
   AND provider NOT IN (SELECT value FROM json_each(?))
 ORDER BY state, job_id LIMIT 10000`
