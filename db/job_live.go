package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// StartInline is [DB.StartRun] for a run whose only job its caller performs at
// once: it is running, and no message tells of it. It does not wait for the disk,
// because the [DB.Commit] that follows does. Should the process end before that,
// the next [Open] cancels the run.
func (d *DB) StartInline(ctx context.Context, run jobs.Run, job jobs.Job) error {
	run.Jobs.Total, run.State, run.StartedAt = 1, jobs.Running, &run.RequestedAt
	err := d.do(ctx, 2, true, func(t *tx) error {
		if err := t.insertRun(&run, nil); err != nil {
			return err
		}
		return t.insertJob(&job, jobs.Running, direct, true)
	})
	if err != nil {
		return fmt.Errorf("run %s: %w", run.ID, err)
	}
	return nil
}

// endInline cancels the runs that callers of an earlier process performed in line.
func (d *DB) endInline(ctx context.Context) error {
	left, err := sqlite.Fetch(ctx, d.readers, func(rows *sql.Rows) (o jobs.Outcome, err error) {
		o.State, o.FinishedAt, o.Err = jobs.Cancelled, time.Now(), &clients.Error{
			Code: clients.CodeInternal, Message: "the program ended before the answer came", Hint: "ask again",
		}
		err = rows.Scan(&o.ID, &o.RunID, &o.Provider, &o.Account, &o.Kind, &o.Attempt, sqlite.Time(&o.AskedAt))
		return o, err
	}, inlineSQL)
	if err != nil {
		return err
	}
	for i := range left {
		if _, err := d.Commit(ctx, left[i]); err != nil {
			return err
		}
	}
	return nil
}

// state <> 'succeeded', here and elsewhere, is what the index jobs_unfinished is made for.
const inlineSQL = `
SELECT job_id, run_id, provider, account, kind, attempts + 1, planned_at FROM jobs
 WHERE state = 'running' AND state <> 'succeeded' AND inline`
