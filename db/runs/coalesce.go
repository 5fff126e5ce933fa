package runs

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// requestHash returns a digest of what a run requests. It is nil for runs that other requests must not
// join: runs without jobs and catch-up runs after a consent.
func requestHash(run *jobs.Run, js []jobs.Job) []byte {
	if run.State != jobs.Queued || len(js) == 0 || jobs.IsConsent(run.Trigger) {
		return nil
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %d\n", run.Provider, run.Kind, run.LowPrioritySlots)
	for i := range js {
		fmt.Fprintf(sum, "%q %q\n", js[i].Account, js[i].Question)
	}
	return sum.Sum(nil)
}

// Earlier returns the run that a request with the same key started or joined.
func (t Tx) Earlier(key string) (jobs.Run, bool, error) {
	if key == "" {
		return jobs.Run{}, false, nil
	}
	run, err := scanRun(t.Row, runByKeySQL, key)
	if errors.Is(err, sql.ErrNoRows) {
		return jobs.Run{}, false, nil
	}
	return run, true, err
}

// joinFor is how long requests can join a queued run. A run that is queued for longer may be stuck.
const joinFor = 15 * time.Minute

// coalesce finds a queued run with the same request and adds the requester to its result. Runs of
// schedules do not join others: schedules have their own overlap policy. A run that is paused or
// queued for too long is not joined; a low-priority run is joined however long it is queued.
func (t Tx) coalesce(run *jobs.Run, hash []byte) (jobs.Run, bool, error) {
	if _, scheduled := jobs.ScheduleOf(run.Trigger); scheduled || hash == nil {
		return jobs.Run{}, false, nil
	}
	waiting, err := scanRun(t.Row, runByHashSQL, hash, sqlite.Stamp(run.RequestedAt.Add(-joinFor)))
	if errors.Is(err, sql.ErrNoRows) {
		return jobs.Run{}, false, nil
	}
	if err != nil || run.Key == "" {
		return waiting, true, err
	}
	_, err = t.Exec(joinSQL, run.Key, waiting.ID, sqlite.OrNull(run.ReplyTo), sqlite.Stamp(run.RequestedAt))
	return waiting, true, err
}

// requester is a request that receives a run's result on its own subject.
type requester struct{ key, replyTo string }

// requesters returns the requests with their own subject for a run: the one that started it, those that
// joined it, and those that repeated a key with another subject.
func (t Tx) requesters(run *jobs.Run) (list []requester, err error) {
	if run.ReplyTo != "" {
		list = append(list, requester{run.Key, run.ReplyTo})
	}
	others, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (r requester, err error) {
		err = rows.Scan(&r.key, &r.replyTo)
		return r, err
	}, requestersSQL, run.ID, run.ID)
	return append(list, others...), err
}

// replyID returns the message id of a run's result for a requester.
func (r requester) replyID(run *jobs.Run) string {
	sum := sha256.Sum256([]byte(r.key + "\x00" + r.replyTo))
	return resultID(run) + ".reply." + hex.EncodeToString(sum[:8])
}

// AnswerRepeat also publishes the result of the run that a request with this key started or joined to
// another subject, immediately if the run has ended, once per subject. It returns false if no run
// has the key.
func (s *Store) AnswerRepeat(ctx context.Context, key, replyTo string, at time.Time) (known bool, err error) {
	var registered bool
	err = s.file.Readers().QueryRowContext(ctx, subjectRegisteredSQL, key, key, key, replyTo, key, replyTo, key, replyTo).Scan(&known, &registered)
	if err != nil || !known || registered {
		return known, err
	}
	err = s.do(ctx, 2, sqlite.AsOpened, func(t Tx) error {
		run, found, err := t.Earlier(key)
		if known = found; !found || err != nil {
			return err
		}
		return t.repeat(&run, requester{key, replyTo}, at)
	})
	if err != nil {
		return false, fmt.Errorf("repeated request %.80q: %w", key, err)
	}
	return known, nil
}

// maxRepeats limits the number of subjects for repeated requests with the same key.
const maxRepeats = 1000

func (t Tx) repeat(run *jobs.Run, r requester, at time.Time) error {
	if r.replyTo == "" || r.key == run.Key && r.replyTo == run.ReplyTo {
		return nil
	}
	n, err := t.Exec(repeatSQL, r.key, r.replyTo, run.ID, sqlite.Stamp(at), r.key, r.replyTo, r.key, maxRepeats)
	if n == 0 || err != nil || !run.State.Ended() {
		return err
	}
	return t.enqueueReply(run, r)
}

const (
	runByKeySQL = selectRun + `
 WHERE run_id = coalesce((SELECT run_id FROM runs WHERE key = ?1), (SELECT run_id FROM joined_requests WHERE key = ?1))`
	runByHashSQL = selectRun + `
 WHERE request_hash = ? AND state = 'queued' AND paused_at IS NULL AND (low_priority_slots > 0 OR requested_at >= ?) ORDER BY run_id DESC LIMIT 1`

	joinSQL = `INSERT INTO joined_requests (key, run_id, reply_to, requested_at) VALUES (?, ?, ?, ?)`

	requestersSQL = `
SELECT key, reply_to FROM joined_requests WHERE run_id = ? AND reply_to IS NOT NULL
 UNION ALL
SELECT key, reply_to FROM repeated_requests WHERE run_id = ?`

	// Whether a key is known, and whether its result is published to a subject.
	subjectRegisteredSQL = `
SELECT EXISTS (SELECT 1 FROM runs WHERE key = ?) OR EXISTS (SELECT 1 FROM joined_requests WHERE key = ?),
       EXISTS (SELECT 1 FROM runs WHERE key = ? AND reply_to = ?)
    OR EXISTS (SELECT 1 FROM joined_requests WHERE key = ? AND reply_to = ?)
    OR EXISTS (SELECT 1 FROM repeated_requests WHERE key = ? AND reply_to = ?)`

	// The subject of the joined request itself is already registered.
	repeatSQL = `
INSERT INTO repeated_requests (key, reply_to, run_id, requested_at)
SELECT ?, ?, ?, ?
 WHERE NOT EXISTS (SELECT 1 FROM joined_requests AS j WHERE j.key = ? AND j.reply_to = ?)
   AND (SELECT count(*) FROM repeated_requests AS r WHERE r.key = ?) < ?
    ON CONFLICT (key, reply_to) DO NOTHING`
)
