package runs

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/db/jobqueue"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// StartInline stores a live run: its only job is performed immediately by the caller instead of the
// queue. It does not wait for fsync, because the following db.DB.Commit does. If the process ends
// before that, the next db.Open cancels the run.
func (s *Store) StartInline(ctx context.Context, run jobs.Run, job jobs.Job) error {
	run.Jobs.Total, run.State, run.StartedAt = 1, jobs.Running, &run.RequestedAt
	err := s.do(ctx, 2, sqlite.Relaxed, func(t Tx) error {
		if err := t.insertRun(&run, nil); err != nil {
			return err
		}
		return t.insertJob(&job, jobs.Running, jobqueue.Direct, true)
	})
	if err != nil {
		return fmt.Errorf("run %s: %w", run.ID, err)
	}
	return nil
}

// Interrupted returns the outcomes of the live runs that an earlier process left: cancelled.
func (s *Store) Interrupted(ctx context.Context) ([]jobs.Outcome, error) {
	return sqlite.Fetch(ctx, s.file.Readers(), func(rows *sql.Rows) (o jobs.Outcome, err error) {
		o.State, o.FinishedAt, o.Err = jobs.Cancelled, time.Now(), &clients.Error{
			Code: clients.CodeInternal, Message: "the process ended before the response was received", Hint: "Repeat the request.",
		}
		err = rows.Scan(&o.ID, &o.RunID, &o.Provider, &o.Account, &o.Kind, &o.Attempt, sqlite.Time(&o.AskedAt))
		return o, err
	}, inlineSQL)
}

// state <> 'succeeded', here and elsewhere, enables the partial index jobs_unfinished.
const inlineSQL = `
SELECT job_id, run_id, provider, account, kind, attempts + 1, planned_at FROM jobs
 WHERE state = 'running' AND state <> 'succeeded' AND inline`
