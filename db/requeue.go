package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderbeat/jobs"
)

// Requeue puts the messages of jobs that have not ended into the outbox again, and
// returns how many: for when the stream that held them is gone, or another worker ended
// them there. Those whose message is in the outbox still, and those whose turn has not
// come, are left alone. Each has another id than before: the stream may remember that one.
// A job that is in hand meanwhile may be asked about twice; it is committed once.
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
			again := fmt.Sprintf(".again.%d", now.UnixMilli())
			if err := t.putJob(&list[i].Job, again, list[i].traceparent, now, now); err != nil {
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
   AND j.job_id NOT IN (SELECT ce_subject FROM outbox WHERE topic = 'jobs')
 ORDER BY j.job_id`

// WithdrawJobs takes the messages of jobs out of the outbox: for when another worker, with
// a database of its own, would get them. [DB.Requeue] puts them back.
func (d *DB) WithdrawJobs(ctx context.Context) error {
	return d.writer.do(ctx, 1, false, func(t *tx) error {
		_, err := t.exec(`DELETE FROM outbox WHERE topic = 'jobs'`)
		return err
	})
}

// RequestsWait reports whether a request for a run, which a tick or a consent made, is in
// the outbox still.
func (d *DB) RequestsWait(ctx context.Context) (wait bool, err error) {
	err = d.readers.QueryRowContext(ctx, requestsWaitSQL).Scan(&wait)
	return wait, err
}

// The outbox is as small as what is on its way.
const requestsWaitSQL = `SELECT EXISTS (SELECT 1 FROM outbox AS b WHERE b.topic = 'runs')`
