package runs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Joined is a request that joined a run: its key, and its subject for the result or "".
type Joined struct{ Key, ReplyTo string }

// TakeOver stores a run that another process accepted, under its id, with its jobs and the requests that
// joined it. Unlike [Store.StartRun] it joins no other run. It returns false, and writes nothing, if a run
// with this id or this key exists.
func (s *Store) TakeOver(ctx context.Context, run jobs.Run, js []jobs.Job, joined []Joined, at time.Time) (jobs.Run, bool, error) {
	started, stored := false, run
	err := s.do(ctx, 3*len(js)+2+len(joined), sqlite.AsOpened, func(t Tx) error {
		started, stored = false, run
		var exists bool
		if err := t.Row(runExistsSQL, []any{run.ID}, &exists); err != nil || exists {
			return err
		}
		if earlier, found, err := t.Earlier(run.Key); found || err != nil {
			stored = earlier
			return err
		}
		left, states, note, err := t.Queue.Overlap(&stored, js)
		if err != nil {
			return err
		}
		if len(js) > 0 && len(left) == 0 {
			stored.Note = "no jobs: " + note
		}
		started = true
		if err := t.Start(&stored, left, states); err != nil {
			return err
		}
		for _, j := range joined {
			n, err := t.Exec(joinAgainSQL, j.Key, run.ID, sqlite.OrNull(j.ReplyTo), sqlite.Stamp(at))
			if err != nil {
				return err
			}
			if n > 0 && j.ReplyTo != "" && stored.State.Ended() { // all its jobs were skipped
				if err := t.enqueueReply(&stored, requester{j.Key, j.ReplyTo}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return jobs.Run{}, false, fmt.Errorf("run %s: %w", run.ID, err)
	}
	return stored, started, nil
}

// Answer puts the result of an ended run into the outbox for its requesters, and stores the requesters, if this
// database has the run from the stream of results only. The process that ended the run may have replied to some
// of them: their replies have the same message ids.
func (s *Store) Answer(ctx context.Context, run jobs.Run, joined []Joined, at time.Time) error {
	if run.Key == "" && run.ReplyTo == "" && len(joined) == 0 {
		return nil
	}
	err := s.do(ctx, 2+2*len(joined), sqlite.AsOpened, func(t Tx) error {
		if earlier, found, err := t.Earlier(run.Key); found && earlier.ID != run.ID || err != nil {
			return err
		}
		n, err := t.Exec(adoptRunSQL, sqlite.OrNull(run.Key), sqlite.OrNull(run.ReplyTo), run.ID)
		if err != nil || n == 0 {
			return err
		}
		unknown := run.ReplyTo != "" // requesters
		for _, j := range joined {
			n, err := t.Exec(joinAgainSQL, j.Key, run.ID, sqlite.OrNull(j.ReplyTo), sqlite.Stamp(at))
			if err != nil {
				return err
			}
			unknown = unknown || n > 0
		}
		if !unknown {
			return nil
		}
		ended, err := scanRun(t.Row, runSQL, run.ID)
		if err != nil {
			return err
		}
		return t.enqueueReplies(&ended)
	})
	if err != nil {
		return fmt.Errorf("run %s: %w", run.ID, err)
	}
	return nil
}

// EachUnpublished calls do for the runs that have no published result, with all their jobs, except those that a
// retry reopened.
func (s *Store) EachUnpublished(ctx context.Context, do func(jobs.Run, []jobs.Job)) error {
	for last := ""; ; {
		list, err := sqlite.Fetch(ctx, s.file.Bulk(), func(rows *sql.Rows) (jobs.Run, error) {
			return scanRun(func(_ string, _ []any, dest ...any) error { return rows.Scan(dest...) }, "")
		}, unpublishedRunsSQL, last)
		for i := 0; err == nil && i < len(list); i++ {
			var js []jobs.Job
			if js, err = sqlite.Fetch(ctx, s.file.Bulk(), scanPlanned, plannedJobsSQL, list[i].ID); err == nil {
				do(list[i], js)
			}
		}
		if err != nil {
			return fmt.Errorf("runs without a published result: %w", err)
		}
		if len(list) < unpublishedPage {
			return nil
		}
		last = list[len(list)-1].ID
	}
}

// unpublishedPage is the limit in unpublishedRunsSQL.
const unpublishedPage = 1000

func scanPlanned(rows *sql.Rows) (j jobs.Job, err error) {
	err = rows.Scan(&j.ID, &j.Account, sqlite.JSON(&j.Question))
	return j, err
}

// Unanswered returns the runs among runIDs that have messages in the outbox: their result, or a reply to a
// requester.
func (s *Store) Unanswered(ctx context.Context, runIDs []string) ([]string, error) {
	return s.waiting(ctx, unansweredSQL, runIDs)
}

// WithoutPublishedResult returns the runs among runIDs whose result is in the outbox.
func (s *Store) WithoutPublishedResult(ctx context.Context, runIDs []string) ([]string, error) {
	return s.waiting(ctx, resultWaitsSQL, runIDs)
}

func (s *Store) waiting(ctx context.Context, query string, runIDs []string) ([]string, error) {
	list, err := sqlite.EncodeJSON(runIDs)
	if err != nil {
		return nil, err
	}
	return sqlite.Fetch(ctx, s.file.Readers(), sqlite.Column[string], query, list)
}

const (
	runExistsSQL = `SELECT EXISTS (SELECT 1 FROM runs WHERE run_id = ?)`

	adoptRunSQL = `
UPDATE runs SET key = ?1, reply_to = ?2
 WHERE run_id = ?3 AND coalesce(key, ?1) IS ?1 AND reply_to IS NULL AND finished_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.run_id = runs.run_id)`

	joinAgainSQL = `
INSERT INTO joined_requests (key, run_id, reply_to, requested_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO NOTHING`

	unansweredSQL = `
SELECT value FROM json_each(?)
 WHERE value IN (SELECT ce_subject FROM outbox WHERE topic IN ('results', 'reply'))`

	resultWaitsSQL = `
SELECT value FROM json_each(?)
 WHERE value IN (SELECT ce_subject FROM outbox WHERE topic = 'results')`
)

// Decode decodes the body of a published result.
func Decode(body []byte) (run jobs.Run, err error) {
	if err := json.Unmarshal(body, &run); err != nil {
		return run, err
	}
	if run.ID == "" || run.Provider == "" || run.FinishedAt == nil || !run.State.Ended() {
		return run, errors.New("the message is not the result of a run")
	}
	return run, nil
}

// Replicate stores the published result of a run, without jobs, and reports whether it was new. A run that is
// stored with this end or a later one stays as it is. An open run is deleted with its jobs, and replaced. The
// run of a due time has the key of that due time, so that no second run is started for it.
func (t Tx) Replicate(run *jobs.Run) (bool, error) {
	if _, err := t.Exec(displaceRunSQL, run.ID, run.Reopened); err != nil {
		return false, err
	}
	errs, err := sqlite.EncodeJSON(append([]jobs.RunError{}, run.Errors...))
	if err != nil {
		return false, err
	}
	key := ""
	if schedule, ok := jobs.ScheduleOf(run.Trigger); ok && run.DueAt != nil {
		key = jobs.TickKey(schedule, *run.DueAt)
	}
	n, err := t.Exec(replicateRunSQL, run.ID, run.Provider, run.Kind, string(run.State), run.Trigger, run.Jobs.Total,
		run.Jobs.Succeeded, run.Jobs.Partial, run.Jobs.Failed, run.Jobs.Dead, run.Jobs.Cancelled,
		run.Orders.Seen, run.Orders.Created, run.Orders.Changed, run.Orders.Unchanged,
		errs, sqlite.Stamp(run.RequestedAt), sqlite.StampOf(run.StartedAt), sqlite.StampOf(run.FinishedAt), run.Reopened, sqlite.OrNull(run.Note), sqlite.OrNull(key))
	return n > 0, err
}

// Withdraw removes the runs that have not ended, and those whose result is still in the outbox, with their
// jobs. It returns the number of runs and of open jobs, and whether a run has an earlier result.
func (t Tx) Withdraw() (runs, jobs int, earlier bool, err error) {
	if err := t.Row(countWithdrawnSQL, nil, &jobs); err != nil {
		return 0, 0, false, err
	}
	if err := t.Row(earlierWithdrawnSQL, nil, &earlier); err != nil {
		return 0, 0, false, err
	}
	n, err := t.Exec(withdrawRunsSQL)
	return int(n), jobs, earlier, err
}

const (
	displaceRunSQL = `
DELETE FROM runs WHERE run_id = ?1 AND (reopened < ?2 OR reopened = ?2 AND state IN ('queued', 'running'))`

	replicateRunSQL = `
INSERT INTO runs (run_id, provider, kind, state, trigger, jobs_total, jobs_succeeded, jobs_partial, jobs_failed, jobs_dead, jobs_cancelled,
       orders_seen, orders_created, orders_changed, orders_unchanged, errors, requested_at, started_at, finished_at, reopened, note, key)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT k FROM (SELECT ? AS k) WHERE NOT EXISTS (SELECT 1 FROM runs WHERE key = k)))
    ON CONFLICT DO NOTHING`

	withdrawnRuns = ` WHERE run_id IN (
       SELECT run_id FROM runs WHERE state IN ('queued', 'running')
        UNION ALL
       SELECT ce_subject FROM outbox WHERE topic = 'results')`

	unpublishedRunsSQL = selectRun + withdrawnRuns + ` AND reopened = 0 AND run_id > ? ORDER BY run_id LIMIT 1000`

	plannedJobsSQL = `SELECT job_id, account, question FROM jobs WHERE run_id = ? ORDER BY job_id`

	countWithdrawnSQL   = `SELECT count(*) FROM jobs` + withdrawnRuns + ` AND state IN ('queued', 'running', 'waiting')`
	earlierWithdrawnSQL = `SELECT EXISTS (SELECT 1 FROM runs` + withdrawnRuns + ` AND reopened > 0)`
	withdrawRunsSQL     = `DELETE FROM runs` + withdrawnRuns
)
