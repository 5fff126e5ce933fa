package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderbeat/jobs"
)

// Requeue puts the messages of jobs that have not ended into the outbox again, and
// returns how many: for when the stream that held them is gone. Those whose message
// is in the outbox still, and those whose turn has not come, are left alone. A job that is in hand meanwhile may be asked
// about twice; it is committed once.
func (d *DB) Requeue(ctx context.Context) (n int, err error) {
	type lost struct {
		jobs.Job
		traceparent string
	}
	const rows = 1 // of no weight: there is nothing else to do meanwhile
	err = d.writer.do(ctx, rows, false, func(t *tx) error {
		var list []lost
		err := t.each(lostJobsSQL, nil, func(rows *sql.Rows) error {
			var j lost
			err := rows.Scan(&j.ID, &j.RunID, &j.Provider, &j.Account, &j.Kind, jsonInto{&j.Question}, &j.Attempt, &j.Tried,
				timeInto{&j.FirstAt}, textInto[string]{&j.traceparent})
			list = append(list, j)
			return err
		})
		if err != nil {
			return err
		}
		now := time.Now()
		for i := range list {
			if err := t.putJob(&list[i].Job, list[i].traceparent, now, now); err != nil {
				return fmt.Errorf("job %s: %w", list[i].ID, err)
			}
		}
		n = len(list)
		return nil
	})
	return n, err
}

const lostJobsSQL = `
SELECT j.job_id, j.run_id, j.provider, j.account, j.kind, j.question, j.attempts + 1, j.tried, coalesce(j.retried_at, j.turn_at, j.planned_at), r.traceparent
  FROM jobs AS j CROSS JOIN runs AS r USING (run_id)
 WHERE j.state IN ('queued', 'running', 'waiting') AND j.state <> 'succeeded' AND j.inline = 0 AND coalesce(j.turn, 'out') = 'out'
   AND j.job_id || '.' || (j.attempts + 1) NOT IN (SELECT msg_id FROM outbox WHERE topic = 'jobs')
 ORDER BY j.job_id`
