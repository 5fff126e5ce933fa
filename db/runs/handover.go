package runs

import (
	"context"
	"database/sql"
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
// database has the run only from the stream of results. The process that ended the run may have replied to some
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

// EachUnpublished calls do for the runs that have no published result, with all their jobs, except runs that a
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

	unpublishedRunsSQL = selectRun + withdrawnRuns + ` AND reopened = 0 AND run_id > ? ORDER BY run_id LIMIT 1000`

	plannedJobsSQL = `SELECT job_id, account, question FROM jobs WHERE run_id = ? ORDER BY job_id`
)
