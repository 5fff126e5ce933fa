package runs

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// JobRow is a job with its state and results.
type JobRow struct {
	// JobID is the id of the job: the run's id with a number.
	JobID string `json:"job_id"`
	// RunID is the id of the run.
	RunID string `json:"run_id"`
	// Provider is the name of the provider's section in the configuration.
	Provider string `json:"provider"`
	// Account is the name of the account at the provider.
	Account string `json:"account"`
	// Kind is the kind of run, such as "sync".
	Kind string `json:"kind"`
	jobs.Question
	// State is the state of the job.
	State jobs.State `json:"state"`
	// Dispatch is "pending_slot" for a low-priority job waiting for a slot, "dispatched" for one with
	// a slot, "blocked" for a job waiting for an earlier run; absent otherwise.
	Dispatch string `json:"dispatch,omitempty"`
	// Attempts counts the finished attempts.
	Attempts int `json:"attempts"`
	// Tried is the number of attempts that do not count towards the limit: those before the job was
	// last retried by hand, and those that sent no request.
	Tried int `json:"tried,omitempty"`
	// Crashes counts the process crashes during the job. Absent if there were none.
	Crashes int `json:"crashes,omitempty"`
	// NextAttemptAt is when a waiting job is tried again; null otherwise.
	NextAttemptAt *time.Time `json:"next_attempt_at"`
	// ErrorCode says why the last attempt failed. Absent if it did not.
	ErrorCode clients.Code `json:"error_code,omitempty"`
	// Error is for people: its wording may change.
	Error string `json:"error,omitempty"`
	// Hint says what to do.
	Hint string `json:"hint,omitempty"`
	// PlannedAt is when the job was planned.
	PlannedAt time.Time `json:"planned_at"`
	// StartedAt is when the last attempt started; null before the first.
	StartedAt *time.Time `json:"started_at"`
	// AskedAt is when the last request was sent; null if none was.
	AskedAt *time.Time `json:"asked_at"`
	// FinishedAt is when the job ended; null before.
	FinishedAt *time.Time `json:"finished_at"`
	// RetriedAt is when the finished job was last retried by hand. Absent if never.
	RetriedAt *time.Time `json:"retried_at,omitempty"`
	// Orders counts the orders that were received.
	Orders jobs.Tally `json:"orders"`
}

// JobFilter selects jobs; an empty field matches all.
type JobFilter struct {
	RunID    string
	Provider string
	Account  string
	Kind     string
	State    jobs.State
	// Prefix selects jobs whose id begins with it.
	Prefix string
	// Since selects jobs that ended or, until then, were planned at or after this time.
	Since time.Time
	// Limit defaults to 100.
	Limit int
	// Before selects jobs older than the job with this id.
	Before string
}

// RunJobs returns the jobs of a run in planning order, at most [jobs.MaxJobs].
func (s *Store) RunJobs(ctx context.Context, runID string) ([]JobRow, error) {
	return sqlite.Collect(s.jobRows(ctx, jobsSQL, runID))
}

// Job returns one job; ok is false if it does not exist.
func (s *Store) Job(ctx context.Context, id string) (JobRow, bool, error) {
	list, err := sqlite.Collect(s.jobRows(ctx, jobSQL, id))
	if err != nil || len(list) == 0 {
		return JobRow{}, false, err
	}
	return list[0], true, nil
}

// Jobs returns jobs, newest first.
func (s *Store) Jobs(ctx context.Context, f JobFilter) ([]JobRow, error) {
	return sqlite.Collect(s.EachJob(ctx, f))
}

// EachJob yields jobs while they are read, as [orders.Store.EachOrder] does.
func (s *Store) EachJob(ctx context.Context, f JobFilter) iter.Seq2[JobRow, error] {
	query, args := f.query()
	return s.jobRows(ctx, query, args...)
}

// query scans the jobs from the newest, or the index of an account's jobs or of those that did not
// succeed if the filter allows it.
func (f JobFilter) query() (string, []any) {
	var w sqlite.Where
	w.Add("run_id = ?", f.RunID)
	w.Add("provider = ?", f.Provider)
	w.Add("account = ?", f.Account)
	w.Add("kind = ?", f.Kind)
	w.Add("state = ?", string(f.State))
	if f.State != "" && f.State != jobs.Succeeded {
		w.And("state <> 'succeeded'")
	}
	w.AddPrefix("job_id", f.Prefix)
	w.Add("coalesce(finished_at, planned_at) >= ?", stampText(f.Since))
	w.Add("job_id < ?", f.Before)
	return selectJob + w.SQL() + " ORDER BY job_id DESC LIMIT ?", append(w.Args, sqlite.Limit(f.Limit))
}

const (
	selectJob = `
SELECT job_id, run_id, provider, account, kind, question, state, dispatch, attempts, tried, crashes, next_attempt_at, error_code, error, hint,
       planned_at, started_at, asked_at, finished_at, retried_at, orders_seen, orders_created, orders_changed, orders_unchanged
  FROM jobs`
	jobSQL  = selectJob + ` WHERE job_id = ?`
	jobsSQL = selectJob + ` WHERE run_id = ? ORDER BY job_id`
)

func (s *Store) jobRows(ctx context.Context, query string, args ...any) iter.Seq2[JobRow, error] {
	return sqlite.EachRow(ctx, s.file.Bulk(), query, args, func(rows *sql.Rows) (j JobRow, err error) {
		err = rows.Scan(
			&j.JobID, &j.RunID, &j.Provider, &j.Account, &j.Kind, sqlite.JSON(&j.Question), &j.State, sqlite.Text(&j.Dispatch), &j.Attempts, &j.Tried, &j.Crashes,
			sqlite.TimeOrNil(&j.NextAttemptAt), sqlite.Text(&j.ErrorCode), sqlite.Text(&j.Error),
			sqlite.Text(&j.Hint), sqlite.Time(&j.PlannedAt), sqlite.TimeOrNil(&j.StartedAt), sqlite.TimeOrNil(&j.AskedAt),
			sqlite.TimeOrNil(&j.FinishedAt), sqlite.TimeOrNil(&j.RetriedAt),
			&j.Orders.Seen, &j.Orders.Created, &j.Orders.Changed, &j.Orders.Unchanged,
		)
		if err != nil {
			err = fmt.Errorf("job %s: %w", j.JobID, err)
		}
		return j, err
	})
}
