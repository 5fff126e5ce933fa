package db

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// requeueBatch is how many jobs one transaction of a requeue takes.
const requeueBatch = 500

// JobGroup is the jobs of one kind about one account. Their messages have one subject.
type JobGroup struct {
	Provider, Account, Kind string
	// Jobs is how many of them are published ([DB.PublishedJobs]).
	Jobs int
}

// Subject is the subject of the group's messages, without the prefix.
func (g JobGroup) Subject() string { return jobSubject(g.Provider, g.Account, g.Kind) }

func jobSubject(provider, account, kind string) string {
	return "jobs." + Token(provider) + "." + Token(account) + "." + Token(kind)
}

// PublishedJobs counts the jobs that have not ended and whose message has left the outbox:
// the stream should have one for each of them.
func (d *DB) PublishedJobs(ctx context.Context) ([]JobGroup, error) {
	return sqlite.Fetch(ctx, d.readers, func(rows *sql.Rows) (g JobGroup, err error) {
		err = rows.Scan(&g.Provider, &g.Account, &g.Kind, &g.Jobs)
		return g, err
	}, publishedJobsSQL)
}

// Requeue puts the messages of jobs that have not ended into the outbox again, and
// returns how many: for when the stream that held them is gone, or another worker ended
// them there. Those whose message is in the outbox still, and those that are not
// dispatched yet, are left alone. Each has another id than before: the stream may remember that one.
// A job that is in hand meanwhile may be asked about twice; it is committed once.
func (d *DB) Requeue(ctx context.Context) (n int, err error) {
	return d.requeue(ctx, publishedIDsSQL, nil)
}

// RequeueGroup is [DB.Requeue] for the jobs of one group but those with the ids of except.
func (d *DB) RequeueGroup(ctx context.Context, g JobGroup, except []string) (n int, err error) {
	return d.requeue(ctx, publishedIDsSQL+` AND j.provider = ? AND j.account = ? AND j.kind = ?`, except, g.Provider, g.Account, g.Kind)
}

// requeue requeues the jobs that query finds, a batch at a time: others write in between.
func (d *DB) requeue(ctx context.Context, query string, except []string, args ...any) (n int, err error) {
	ids, err := sqlite.Fetch(ctx, d.readers, sqlite.Column[string], query+" ORDER BY j.job_id", args...)
	if err != nil {
		return 0, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(except, id) })
	for batch := range slices.Chunk(ids, requeueBatch) {
		put := 0
		err := d.do(ctx, len(batch), false, func(t *tx) (err error) {
			put, err = t.requeue(batch, time.Now())
			return err
		})
		if err != nil {
			return n, err
		}
		n += put
	}
	return n, nil
}

// requeue requeues those of the jobs that are still without a message in the outbox.
func (t *tx) requeue(ids []string, at time.Time) (n int, err error) {
	type lost struct {
		jobs.Job
		traceparent string
	}
	list, err := encode(ids)
	if err != nil {
		return 0, err
	}
	found, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (j lost, err error) {
		err = rows.Scan(&j.ID, &j.RunID, &j.Provider, &j.Account, &j.Kind, sqlite.JSON(&j.Question), &j.Attempt, &j.Tried,
			sqlite.Time(&j.FirstAt), sqlite.Text(&j.traceparent))
		return j, err
	}, lostJobsSQL, list)
	if err != nil {
		return 0, err
	}
	again := fmt.Sprintf(".again.%d", at.UnixMilli())
	for i := range found {
		if err := t.enqueueJob(&found[i].Job, again, found[i].traceparent, at, at); err != nil {
			return 0, fmt.Errorf("job %s: %w", found[i].ID, err)
		}
	}
	return len(found), nil
}

const (
	// queuedAt is when a job was planned, was dispatched or was retried, whatever was last: its
	// time counts from then.
	queuedAt = `max(planned_at, coalesce(dispatched_at, ''), coalesce(retried_at, ''))`

	// published is which jobs have a message on the stream, or should.
	published = `j.state IN ('queued', 'running', 'waiting') AND j.state <> 'succeeded' AND j.inline = 0
   AND coalesce(j.dispatch, 'dispatched') = 'dispatched' AND j.job_id NOT IN (SELECT b.ce_subject FROM outbox AS b WHERE b.topic = 'jobs')`

	publishedJobsSQL = `
SELECT j.provider, j.account, j.kind, count(*) FROM jobs AS j WHERE ` + published + ` GROUP BY 1, 2, 3`

	publishedIDsSQL = `SELECT j.job_id FROM jobs AS j WHERE ` + published

	lostJobsSQL = `
SELECT j.job_id, j.run_id, j.provider, j.account, j.kind, j.question, j.attempts + 1, j.tried, ` + queuedAt + `, r.traceparent
  FROM jobs AS j CROSS JOIN runs AS r USING (run_id)
 WHERE j.job_id IN (SELECT value FROM json_each(?)) AND ` + published + `
 ORDER BY j.job_id`
)

// QueueDelay is how a provider's jobs wait in the queue.
type QueueDelay struct {
	Provider string
	Jobs     int
	// Since is when the first of them was queued.
	Since time.Time
}

// QueueDelays returns the providers that have jobs which are published, were queued at a
// time or before, and have not begun since.
func (d *DB) QueueDelays(ctx context.Context, at time.Time) ([]QueueDelay, error) {
	return sqlite.Fetch(ctx, d.readers, func(rows *sql.Rows) (q QueueDelay, err error) {
		err = rows.Scan(&q.Provider, &q.Jobs, sqlite.Time(&q.Since))
		return q, err
	}, queueDelaysSQL, stamp(at))
}

const queueDelaysSQL = `
SELECT provider, count(*), min(` + queuedAt + `) FROM jobs
 WHERE state = 'queued' AND state <> 'succeeded' AND inline = 0 AND coalesce(dispatch, 'dispatched') = 'dispatched'
   AND ` + queuedAt + ` <= ?
 GROUP BY provider`

// WithdrawJobs takes the messages of jobs out of the outbox: for when another worker, with
// a database of its own, would get them. [DB.Requeue] puts them back.
func (d *DB) WithdrawJobs(ctx context.Context) error {
	_, err := d.write(ctx, `DELETE FROM outbox WHERE topic = 'jobs'`)
	return err
}
