package runs

import (
	"context"
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
		for _, j := range joined { // of a run with jobs, which has not ended
			if _, err := t.Exec(joinAgainSQL, j.Key, run.ID, sqlite.OrNull(j.ReplyTo), sqlite.Stamp(at)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return jobs.Run{}, false, fmt.Errorf("run %s: %w", run.ID, err)
	}
	return stored, started, nil
}

// Answer puts the result of an ended run into the outbox again for those who asked for it, and stores who
// they are, if this database has the run from the stream of results only. The process that ended it may
// have replied to some of them: their replies have the same message ids.
func (s *Store) Answer(ctx context.Context, run jobs.Run, joined []Joined, at time.Time) error {
	if run.Key == "" && run.ReplyTo == "" && len(joined) == 0 {
		return nil
	}
	err := s.do(ctx, 2+2*len(joined), sqlite.AsOpened, func(t Tx) error {
		if _, found, err := t.Earlier(run.Key); found || err != nil {
			return err
		}
		n, err := t.Exec(adoptRunSQL, sqlite.OrNull(run.Key), sqlite.OrNull(run.ReplyTo), run.ID)
		if err != nil || n == 0 {
			return err
		}
		for _, j := range joined {
			if _, err := t.Exec(joinAgainSQL, j.Key, run.ID, sqlite.OrNull(j.ReplyTo), sqlite.Stamp(at)); err != nil {
				return err
			}
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

// Unanswered returns those of some runs that have messages in the outbox: their result, or that for a
// requester.
func (s *Store) Unanswered(ctx context.Context, runIDs []string) ([]string, error) {
	list, err := sqlite.EncodeJSON(runIDs)
	if err != nil {
		return nil, err
	}
	return sqlite.Fetch(ctx, s.file.Readers(), sqlite.Column[string], unansweredSQL, list)
}

const (
	runExistsSQL = `SELECT EXISTS (SELECT 1 FROM runs WHERE run_id = ?)`

	adoptRunSQL = `
UPDATE runs SET key = ?, reply_to = ?
 WHERE run_id = ? AND key IS NULL AND reply_to IS NULL AND finished_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.run_id = runs.run_id)`

	joinAgainSQL = `
INSERT INTO joined_requests (key, run_id, reply_to, requested_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO NOTHING`

	unansweredSQL = `
SELECT value FROM json_each(?)
 WHERE value IN (SELECT ce_subject FROM outbox WHERE topic IN ('results', 'reply'))`
)
