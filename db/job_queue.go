package db

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Claim takes up to limit jobs of a provider off the queue and returns them, in the order of
// their ids: first those that wait to be tried again, when their time has come, then those that
// are queued. They and their runs are then running, without waiting for the disk: should the
// process end, [Open] queues them again. Every job is claimed once until its outcome is
// committed ([DB.Commit]) or it is given back ([DB.Release]).
func (d *DB) Claim(ctx context.Context, provider string, now time.Time, limit int) (claimed []jobs.Job, err error) {
	claimed, err = d.claim(ctx, limit, now, claimSQL, stamp(now), provider, limit, suspectCrashes)
	if err != nil {
		return nil, fmt.Errorf("jobs of %s: %w", provider, err)
	}
	return claimed, nil
}

func (d *DB) claim(ctx context.Context, rows int, now time.Time, query string, args ...any) (claimed []jobs.Job, err error) {
	err = d.do(ctx, 2*rows, true, func(t *tx) error {
		claimed, err = sqlite.FetchIn(t.Tx, scanJob, query, args...)
		if err != nil || len(claimed) == 0 {
			return err
		}
		var runs []string
		for i := range claimed {
			runs = append(runs, claimed[i].RunID)
		}
		slices.Sort(runs)
		list, err := encode(slices.Compact(runs))
		if err != nil {
			return err
		}
		_, err = t.Exec(beginRunsSQL, stamp(now), list)
		return err
	})
	slices.SortFunc(claimed, func(a, b jobs.Job) int { return strings.Compare(a.ID, b.ID) })
	return claimed, err
}

func scanJob(rows *sql.Rows) (j jobs.Job, err error) {
	err = rows.Scan(&j.ID, &j.RunID, &j.Provider, &j.Account, &j.Kind, sqlite.JSON(&j.Question), &j.Attempt, &j.Tried, sqlite.Time(&j.FirstAt))
	return j, err
}

// Release gives back a job that was claimed, and whose outcome could not be committed: it is
// due again at a time. It does nothing if the job has ended.
func (d *DB) Release(ctx context.Context, job jobs.Job, due time.Time) error {
	err := d.do(ctx, 1, true, func(t *tx) error {
		_, err := t.Exec(releaseSQL, stamp(due), job.ID, job.Attempt)
		t.runnable(job.Provider)
		return err
	})
	if err != nil {
		return fmt.Errorf("job %s: %w", job.ID, err)
	}
	return nil
}

// NextAttempt returns when the next of a provider's jobs that wait to be tried again is due.
func (d *DB) NextAttempt(ctx context.Context, provider string) (due time.Time, ok bool, err error) {
	err = d.readers.QueryRowContext(ctx, nextAttemptSQL, provider).Scan(sqlite.Time(&due))
	return due, !due.IsZero(), err
}

// Runnable receives after jobs of a provider were queued, or made to wait: [DB.Claim] or
// [DB.NextAttempt] may find another answer than before. One goroutine may wait for it.
func (d *DB) Runnable(provider string) <-chan struct{} { return d.queues.of(provider) }

// runnable has [DB.Runnable] receive once the transaction is committed.
func (t *tx) runnable(provider string) { t.AfterCommit(func() { t.db.queues.poke(provider) }) }

// queues are the channels of [DB.Runnable], by provider. The zero value is ready.
type queues struct {
	mu    sync.Mutex // guards wakes
	wakes map[string]chan struct{}
}

func (q *queues) of(provider string) chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.wakes == nil {
		q.wakes = map[string]chan struct{}{}
	}
	if q.wakes[provider] == nil {
		q.wakes[provider] = make(chan struct{}, 1)
	}
	return q.wakes[provider]
}

func (q *queues) poke(provider string) {
	select {
	case q.of(provider) <- struct{}{}:
	default: // it is awake, or about to be
	}
}

// pokeAll pokes every provider that somebody waits for.
func (q *queues) pokeAll() {
	q.mu.Lock()
	providers := slices.Collect(maps.Keys(q.wakes))
	q.mu.Unlock()
	for _, p := range providers {
		q.poke(p)
	}
}

const (
	// queuedAt is when a job was planned, was dispatched or was retried, whatever was last: its
	// time counts from then.
	queuedAt = `max(planned_at, coalesce(dispatched_at, ''), coalesce(retried_at, ''))`

	claimable = `state = 'queued' AND inline = 0 AND coalesce(dispatch, 'dispatched') = 'dispatched'`

	claimSQL = `
UPDATE jobs SET state = 'running', started_at = ?1, next_attempt_at = NULL
 WHERE job_id IN (
       SELECT job_id FROM (SELECT job_id FROM jobs WHERE provider = ?2 AND state = 'waiting' AND next_attempt_at <= ?1 AND crashes < ?4
                            ORDER BY next_attempt_at LIMIT CAST(?3 AS INTEGER))
        UNION ALL
       SELECT job_id FROM (SELECT job_id FROM jobs WHERE provider = ?2 AND ` + claimable + ` AND crashes < ?4
                            ORDER BY job_id LIMIT CAST(?3 AS INTEGER))
        LIMIT CAST(?3 AS INTEGER))
RETURNING ` + claimedColumns

	claimedColumns = `job_id, run_id, provider, account, kind, question, attempts + 1, tried, ` + queuedAt

	beginRunsSQL = `
UPDATE runs SET state = 'running', started_at = ?
 WHERE run_id IN (SELECT value FROM json_each(?)) AND state = 'queued'`

	releaseSQL = `
UPDATE jobs SET state = 'waiting', next_attempt_at = ?
 WHERE job_id = ? AND attempts < ? AND state = 'running'`

	nextAttemptSQL = `SELECT min(next_attempt_at) FROM jobs WHERE provider = ? AND state = 'waiting'`
)

// QueueDelay is how a provider's jobs wait in the queue.
type QueueDelay struct {
	Provider string
	Jobs     int
	// Since is when the first of them was queued.
	Since time.Time
}

// QueueDelays returns the providers that have jobs which were queued at a time or before, may
// be claimed, and were not.
func (d *DB) QueueDelays(ctx context.Context, at time.Time) ([]QueueDelay, error) {
	return sqlite.Fetch(ctx, d.readers, func(rows *sql.Rows) (q QueueDelay, err error) {
		err = rows.Scan(&q.Provider, &q.Jobs, sqlite.Time(&q.Since))
		return q, err
	}, queueDelaysSQL, stamp(at))
}

const queueDelaysSQL = `
SELECT provider, count(*), min(` + queuedAt + `) FROM jobs
 WHERE ` + claimable + ` AND state <> 'succeeded' AND ` + queuedAt + ` <= ?
 GROUP BY provider`
