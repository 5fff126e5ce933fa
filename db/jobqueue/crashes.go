package jobqueue

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

const (
	// maxCrashes is the number of process crashes during a job after which the job is dead.
	maxCrashes = 3
	// suspectCrashes is the number of crashes after which the job is a suspect ([Store.Suspects])
	// that runs once more, alone.
	suspectCrashes = maxCrashes - 1
)

// BeginShutdown records that an orderly shutdown started. If the process ends after this, its
// running jobs are not counted as crashed.
func (s *Store) BeginShutdown(ctx context.Context) error {
	return s.do(ctx, 1, sqlite.Relaxed, func(t Tx) error {
		_, err := t.Exec(beginShutdownSQL, sqlite.Stamp(time.Now()))
		return err
	})
}

// Suspects counts the jobs that would be dead after one more crash. [Store.Claim] excludes them; they are
// claimed with [Store.ClaimSuspect] and run alone, so that a job does not become dead because of
// another job that caused the crashes. due is the number of suspects that can be claimed now.
func (s *Store) Suspects(ctx context.Context, now time.Time) (n, due int, err error) {
	err = s.file.Readers().QueryRowContext(ctx, suspectsSQL, sqlite.Stamp(now), suspectCrashes).Scan(&n, &due)
	return n, due, err
}

// ClaimSuspect claims one suspect of any provider, like [Store.Claim]. ok is false if none is due.
func (s *Store) ClaimSuspect(ctx context.Context, now time.Time) (job jobs.Job, ok bool, err error) {
	claimed, err := s.claim(ctx, 1, now, claimSuspectSQL, sqlite.Stamp(now), suspectCrashes)
	if err != nil || len(claimed) == 0 {
		return job, false, err
	}
	return claimed[0], true, nil
}

// Recover queues the jobs that an earlier process left running, except those at fetchers, and returns the
// dead ones. Without an
// orderly shutdown each of them may have caused the crash: their crashes are counted, and a job with
// [maxCrashes] is dead. running is the number of jobs that may have caused it.
func (t Tx) Recover() (running int, dead []jobs.Outcome, err error) {
	orderly, err := t.Exec(endShutdownSQL)
	if err != nil {
		return 0, nil, err
	}
	err = t.Each(recoverRunningSQL, []any{orderly == 0}, func(rows *sql.Rows) error {
		o := jobs.Outcome{State: jobs.Dead, FinishedAt: time.Now()}
		crashes := 0
		err := rows.Scan(&o.ID, &o.RunID, &o.Provider, &o.Account, &o.Kind, &o.Attempt, &o.Tried, sqlite.Time(&o.AskedAt), &crashes)
		running++
		if crashes >= maxCrashes {
			o.Err = crashError(crashes)
			dead = append(dead, o)
		}
		return err
	})
	if orderly > 0 {
		running = 0
	}
	return running, dead, err
}

func crashError(times int) *clients.Error {
	return &clients.Error{
		Op: "run", Code: clients.CodeInternal, Message: fmt.Sprintf("the process ended %d times while this job was running", times),
		Hint: "Check the log before each restart for the cause. After fixing it, run \"orderbeat jobs retry\".",
	}
}

const (
	beginShutdownSQL = `INSERT INTO shutdown (started_at) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM shutdown)`
	endShutdownSQL   = `DELETE FROM shutdown`

	recoverRunningSQL = `
UPDATE jobs SET state = 'queued', crashes = crashes + ?
 WHERE state = 'running' AND state <> 'succeeded' AND inline = 0 AND remote = 0
RETURNING job_id, run_id, provider, account, kind, attempts + 1, tried, coalesce(started_at, planned_at), crashes`

	claimSuspectSQL = `
UPDATE jobs SET state = 'running', started_at = ?1, next_attempt_at = NULL, remote = 0
 WHERE job_id = (
       SELECT job_id FROM jobs
        WHERE state IN ('queued', 'waiting') AND state <> 'succeeded' AND crashes >= ?2 AND ` + suspectDue + `
        LIMIT 1)
RETURNING ` + claimedColumns

	suspectDue = `inline = 0 AND coalesce(dispatch, 'dispatched') = 'dispatched' AND coalesce(next_attempt_at, '') <= ?1`

	suspectsSQL = `
SELECT count(*), count(iif(state <> 'running' AND ` + suspectDue + `, 1, NULL)) FROM jobs WHERE state IN ('queued', 'running', 'waiting') AND state <> 'succeeded' AND crashes >= ?2`
)
