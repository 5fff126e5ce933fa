package db

import (
	"context"
	"database/sql"
	"time"

	"orderbeat/jobs"
)

// Progress tells how far a run is, and by the pace of its last jobs what is left.
func (d *DB) Progress(ctx context.Context, run jobs.Run) (jobs.Progress, error) {
	p := jobs.Progress{Ended: run.Jobs.Ended(), Total: run.Jobs.Total}
	if run.State.Ended() || run.PausedAt != nil {
		return p, nil
	}
	rows, err := d.readers.QueryContext(ctx, paceSQL, run.ID)
	if err != nil {
		return p, err
	}
	var ended []time.Time
	err = all(rows, func(rows *sql.Rows) error {
		var at time.Time
		err := rows.Scan(timeInto{&at})
		ended = append(ended, at)
		return err
	})
	p.Estimate(ended)
	return p, err
}

// It sorts the jobs of one run, of which there are never more than [jobs.MaxJobs].
const paceSQL = `
SELECT finished_at FROM jobs
 WHERE run_id = ? AND state IN ('succeeded', 'partial', 'failed', 'dead', 'cancelled')
 ORDER BY finished_at DESC LIMIT 20`
