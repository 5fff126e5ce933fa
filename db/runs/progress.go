package runs

import (
	"context"
	"database/sql"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Progress returns the progress of a run with an estimate based on the rate of its last jobs.
func (s *Store) Progress(ctx context.Context, run jobs.Run) (jobs.Progress, error) {
	p := jobs.Progress{Ended: run.Jobs.Ended(), Total: run.Jobs.Total}
	if run.State.Ended() || run.PausedAt != nil {
		return p, nil
	}
	ended, err := sqlite.Fetch(ctx, s.file.Readers(), func(rows *sql.Rows) (at time.Time, err error) {
		err = rows.Scan(sqlite.Time(&at))
		return at, err
	}, paceSQL, run.ID)
	p.Estimate(ended)
	return p, err
}

// Sorts the jobs of one run, at most [jobs.MaxJobs].
const paceSQL = `
SELECT finished_at FROM jobs
 WHERE run_id = ? AND state IN ('succeeded', 'partial', 'failed', 'dead', 'cancelled')
 ORDER BY finished_at DESC LIMIT 20`
