package jobqueue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Store stores the queue of jobs: which jobs can be claimed, and when.
type Store struct {
	file   *sqlite.DB
	queues queues
}

// New returns the queue of a file.
func New(file *sqlite.DB) *Store { return &Store{file: file} }

// Tx is a transaction on the queue.
type Tx struct {
	*sqlite.Tx
	store *Store
}

// In returns a transaction on the queue.
func (s *Store) In(t *sqlite.Tx) Tx { return Tx{t, s} }

// do runs an operation in a transaction.
func (s *Store) do(ctx context.Context, rows int, wait sqlite.Durability, run func(Tx) error) error {
	return s.file.Write(ctx, rows, wait, func(t *sqlite.Tx) error { return run(s.In(t)) })
}

// Claim marks up to limit jobs of a provider, and their runs, as running and returns the jobs sorted
// by id: due retries first, then queued jobs. It does not wait for fsync: after a crash db.Open queues
// the jobs again. A job cannot be claimed again until its outcome is committed (db.DB.Commit) or it is
// released ([Store.Release]).
func (s *Store) Claim(ctx context.Context, provider string, now time.Time, limit int) (claimed []jobs.Job, err error) {
	return s.claimOf(ctx, provider, now, limit, suspectCrashes, false)
}

// ClaimRemote is [Store.Claim] for attempts that fetchers make: they continue when this process ends, and
// are listed by [Store.Remote] after the next start. Jobs that map recorded responses again need the
// database and are claimed as by Claim. With suspects, jobs during which this process crashed are
// claimed too, because this process does not make the attempts.
func (s *Store) ClaimRemote(ctx context.Context, provider string, now time.Time, limit int, suspects bool) (claimed []jobs.Job, err error) {
	crashes := suspectCrashes
	if suspects {
		crashes = maxCrashes + 1
	}
	return s.claimOf(ctx, provider, now, limit, crashes, true)
}

func (s *Store) claimOf(ctx context.Context, provider string, now time.Time, limit, crashes int, remote bool) (claimed []jobs.Job, err error) {
	claimed, err = s.claim(ctx, limit, now, claimSQL, sqlite.Stamp(now), provider, limit, crashes, remote)
	if err != nil {
		return nil, fmt.Errorf("jobs of %s: %w", provider, err)
	}
	return claimed, nil
}

// Remote lists the attempts at jobs of a provider that fetchers make.
func (s *Store) Remote(ctx context.Context, provider string) ([]jobs.Job, error) {
	list, err := sqlite.Fetch(ctx, s.file.Readers(), scanJob, remoteSQL, provider)
	if err != nil {
		return nil, fmt.Errorf("jobs of %s at fetchers: %w", provider, err)
	}
	return list, nil
}

func (s *Store) claim(ctx context.Context, rows int, now time.Time, query string, args ...any) (claimed []jobs.Job, err error) {
	err = s.do(ctx, 2*rows, sqlite.Relaxed, func(t Tx) error {
		claimed, err = sqlite.FetchIn(t.Tx, scanJob, query, args...)
		if err != nil || len(claimed) == 0 {
			return err
		}
		var runs []string
		for i := range claimed {
			runs = append(runs, claimed[i].RunID)
		}
		slices.Sort(runs)
		list, err := sqlite.EncodeJSON(slices.Compact(runs))
		if err != nil {
			return err
		}
		_, err = t.Exec(beginRunsSQL, sqlite.Stamp(now), list)
		return err
	})
	slices.SortFunc(claimed, func(a, b jobs.Job) int { return strings.Compare(a.ID, b.ID) })
	return claimed, err
}

func scanJob(rows *sql.Rows) (j jobs.Job, err error) {
	err = rows.Scan(&j.ID, &j.RunID, &j.Provider, &j.Account, &j.Kind, sqlite.JSON(&j.Question), &j.Attempt, &j.Tried, sqlite.Time(&j.FirstAt))
	return j, err
}

// Release returns a claimed job, whose outcome could not be committed, to the queue. The job is due
// at the given time. Release does nothing if the job has ended.
func (s *Store) Release(ctx context.Context, job jobs.Job, due time.Time) error {
	err := s.do(ctx, 1, sqlite.Relaxed, func(t Tx) error {
		_, err := t.Exec(releaseSQL, sqlite.Stamp(due), job.ID, job.Attempt)
		t.Notify(job.Provider)
		return err
	})
	if err != nil {
		return fmt.Errorf("job %s: %w", job.ID, err)
	}
	return nil
}

// NextAttempt returns when the next retry of a provider's jobs is due; ok is false if there is none.
// Suspects are left out, as by [Store.Claim].
func (s *Store) NextAttempt(ctx context.Context, provider string) (due time.Time, ok bool, err error) {
	err = s.file.Readers().QueryRowContext(ctx, nextAttemptSQL, provider, suspectCrashes).Scan(sqlite.Time(&due))
	if errors.Is(err, sql.ErrNoRows) {
		return due, false, nil
	}
	return due, err == nil, err
}

// Runnable receives after jobs of a provider were queued or scheduled for a retry: the results of
// [Store.Claim] and [Store.NextAttempt] may have changed. Only one goroutine may receive from it.
func (s *Store) Runnable(provider string) <-chan struct{} { return s.queues.of(provider) }

// Notify notifies [Store.Runnable] after the commit of the transaction.
func (t Tx) Notify(provider string) { t.AfterCommit(func() { t.store.queues.notify(provider) }) }

// queues are the channels of [Store.Runnable], by provider. The zero value is ready.
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

func (q *queues) notify(provider string) {
	select {
	case q.of(provider) <- struct{}{}:
	default: // already notified
	}
}

// notifyAll notifies every provider.
func (q *queues) notifyAll() {
	q.mu.Lock()
	providers := slices.Collect(maps.Keys(q.wakes))
	q.mu.Unlock()
	for _, p := range providers {
		q.notify(p)
	}
}

const (
	// QueuedAt is when a job was planned, dispatched or retried, whichever was last. Its time
	// limit starts then.
	QueuedAt = `max(planned_at, coalesce(dispatched_at, ''), coalesce(retried_at, ''))`

	claimable = `state = 'queued' AND inline = 0 AND coalesce(dispatch, 'dispatched') = 'dispatched'`

	claimSQL = `
UPDATE jobs SET state = 'running', started_at = ?1, next_attempt_at = NULL, remote = ?5 AND kind <> 'remap'
 WHERE job_id IN (
       SELECT job_id FROM (SELECT job_id FROM jobs WHERE provider = ?2 AND state = 'waiting' AND next_attempt_at <= ?1 AND crashes < ?4
                            ORDER BY next_attempt_at LIMIT CAST(?3 AS INTEGER))
        UNION ALL
       SELECT job_id FROM (SELECT job_id FROM jobs WHERE provider = ?2 AND ` + claimable + ` AND crashes < ?4
                            ORDER BY job_id LIMIT CAST(?3 AS INTEGER))
        LIMIT CAST(?3 AS INTEGER))
RETURNING ` + claimedColumns

	claimedColumns = `job_id, run_id, provider, account, kind, question, attempts + 1, tried, ` + QueuedAt

	remoteSQL = `
SELECT ` + claimedColumns + ` FROM jobs WHERE state = 'running' AND state <> 'succeeded' AND remote AND provider = ?`

	beginRunsSQL = `
UPDATE runs SET state = 'running', started_at = ?
 WHERE run_id IN (SELECT value FROM json_each(?)) AND state = 'queued'`

	releaseSQL = `
UPDATE jobs SET state = 'waiting', next_attempt_at = ?
 WHERE job_id = ? AND attempts < ? AND state = 'running'`

	nextAttemptSQL = `
SELECT next_attempt_at FROM jobs WHERE provider = ? AND state = 'waiting' AND crashes < ? ORDER BY next_attempt_at LIMIT 1`
)

// ShiftRetries changes the times of retries that are later than now by an SQLite modifier, such as "-3.5
// seconds", after the clock was set back.
func (t Tx) ShiftRetries(by, now string) error {
	_, err := t.Exec(shiftJobsSQL, by, now)
	t.AfterCommit(t.store.queues.notifyAll)
	return err
}

const shiftJobsSQL = `
UPDATE jobs SET next_attempt_at = strftime('%Y-%m-%dT%H:%M:%fZ', next_attempt_at, ?)
 WHERE state IN ('queued', 'running', 'waiting') AND state <> 'succeeded' AND next_attempt_at > ?`

// QueueDelay describes the delayed jobs of a provider.
type QueueDelay struct {
	Provider string
	Jobs     int
	// Since is when the oldest of them was queued.
	Since time.Time
}

// QueueDelays returns the providers with claimable jobs that were queued at or before a time.
func (s *Store) QueueDelays(ctx context.Context, at time.Time) ([]QueueDelay, error) {
	return sqlite.Fetch(ctx, s.file.Readers(), func(rows *sql.Rows) (q QueueDelay, err error) {
		err = rows.Scan(&q.Provider, &q.Jobs, sqlite.Time(&q.Since))
		return q, err
	}, queueDelaysSQL, sqlite.Stamp(at))
}

const queueDelaysSQL = `
SELECT provider, count(*), min(` + QueuedAt + `) FROM jobs
 WHERE ` + claimable + ` AND state <> 'succeeded' AND ` + QueuedAt + ` <= ?
 GROUP BY provider`
