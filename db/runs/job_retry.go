package runs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderbeat/db/jobqueue"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// retryBatch is the number of jobs per transaction, so that other writers are not delayed.
const retryBatch = 500

// RetryStates are the states in which a job can be retried.
var RetryStates = []jobs.State{jobs.Queued, jobs.Failed, jobs.Dead, jobs.Cancelled}

// RetryJob queues a failed, dead or cancelled job again with its full attempts and time limit, and
// reopens its run. A low-priority job waits for a slot, and for as long as its run is paused. A
// queued job is not changed. It returns the run. The error is [ErrUnknown], or a [*StateError] for a
// job in another state.
func (s *Store) RetryJob(ctx context.Context, jobID string) (run jobs.Run, err error) {
	err = s.do(ctx, 3, sqlite.AsOpened, func(t Tx) error {
		run, err = t.retry(jobID, time.Now())
		return err
	})
	if err != nil {
		return jobs.Run{}, fmt.Errorf("job %s: %w", jobID, err)
	}
	return run, nil
}

// RetryFilter selects the jobs of [Store.RetryJobs]; an empty field matches all.
type RetryFilter struct {
	RunID    string
	Provider string
	// State is one of [RetryStates]; "" matches failed and dead.
	State jobs.State
	// Since excludes jobs that ended or were queued before it.
	Since time.Time
	// After excludes jobs with this or a smaller id: the end of the previous call.
	After string
	// Limit is the maximum number of jobs per call.
	Limit int
}

// RetryJobs retries several jobs like [Store.RetryJob], sorted by id, and returns their number. If Limit
// was reached, more is the After of the next call, else "".
func (s *Store) RetryJobs(ctx context.Context, f RetryFilter) (retried int, more string, err error) {
	query, args := f.query()
	ids, err := sqlite.Fetch(ctx, s.file.Readers(), sqlite.Column[string], query, args...)
	if err != nil {
		return 0, "", err
	}
	if len(ids) > f.Limit {
		ids = ids[:f.Limit]
		more = ids[f.Limit-1]
	}
	for batch := range slices.Chunk(ids, retryBatch) {
		n := 0
		err := s.do(ctx, 3*len(batch), sqlite.AsOpened, func(t Tx) error {
			n = 0
			for _, id := range batch {
				_, err := t.retry(id, time.Now())
				if _, changed := errors.AsType[*StateError](err); changed || errors.Is(err, ErrUnknown) {
					continue // its state changed or it was pruned since the query
				}
				if err != nil {
					return fmt.Errorf("job %s: %w", id, err)
				}
				n++
			}
			return nil
		})
		if err != nil {
			return retried, "", err
		}
		retried += n
	}
	return retried, more, nil
}

func (f RetryFilter) query() (string, []any) {
	var w sqlite.Where
	w.And("state <> 'succeeded'")
	if f.State == "" {
		w.And("state IN ('failed', 'dead')")
	}
	w.Add("state = ?", string(f.State))
	w.Add("run_id = ?", f.RunID)
	w.Add("provider = ?", f.Provider)
	w.Add("coalesce(finished_at, "+jobqueue.QueuedAt+") >= ?", stampText(f.Since))
	w.Add("job_id > ?", f.After)
	return "SELECT job_id FROM jobs" + w.SQL() + " ORDER BY job_id LIMIT ?", append(w.Args, f.Limit+1)
}

// stampText returns [sqlite.Stamp], or "" for the zero time.
func stampText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return sqlite.Stamp(t)
}

func (t Tx) retry(jobID string, at time.Time) (run jobs.Run, err error) {
	var job jobs.Job
	var state jobs.State
	err = t.Row(retriedJobSQL, []any{jobID}, &state, &job.RunID, &job.Provider)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return run, ErrUnknown
	case err != nil:
		return run, err
	case !slices.Contains(RetryStates, state):
		return run, &StateError{state}
	case state == jobs.Queued:
		t.Queue.Notify(job.Provider)
		return scanRun(t.Row, runSQL, job.RunID)
	}
	if run, err = scanRun(t.Row, runSQL, job.RunID); err != nil {
		return run, err
	}
	next := jobqueue.Direct
	if run.LowPrioritySlots > 0 {
		next = jobqueue.PendingSlot
	}
	if _, err := t.Exec(retryJobSQL, sqlite.Stamp(at), sqlite.OrNull(string(next)), jobID); err != nil {
		return run, err
	}
	is := func(s jobs.State) bool { return state == s }
	if _, err := t.Exec(reopenSQL, is(jobs.Failed), is(jobs.Dead), is(jobs.Cancelled), job.RunID); err != nil {
		return run, err
	}
	if run, err = scanRun(t.Row, runSQL, job.RunID); err != nil {
		return run, err
	}
	if next == jobqueue.PendingSlot {
		return run, t.Queue.FillSlots(job.Provider, at)
	}
	t.Queue.Notify(job.Provider)
	return run, nil
}

const (
	retriedJobSQL = `SELECT state, run_id, provider FROM jobs WHERE job_id = ?`

	retryJobSQL = `
UPDATE jobs SET state = 'queued', tried = attempts, crashes = 0, retried_at = ?, next_attempt_at = NULL, finished_at = NULL, inline = 0,
       dispatch = ?, dispatched_at = NULL
 WHERE job_id = ?`

	// Only a finished run counts as reopened.
	reopenSQL = `
UPDATE runs SET jobs_failed = jobs_failed - ?, jobs_dead = jobs_dead - ?, jobs_cancelled = jobs_cancelled - ?,
       reopened = reopened + (finished_at IS NOT NULL), state = 'running', finished_at = NULL
 WHERE run_id = ?`
)
