package db

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

// requestHash is a digest of what a run requests, nil where nothing is to join it: a run without jobs,
// or one for what was missed until a consent.
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

// earlier is the run that was kept, or joined, for a request with the same key.
func (t *tx) earlier(key string) (jobs.Run, bool, error) {
	if key == "" {
		return jobs.Run{}, false, nil
	}
	run, err := scanRun(t.Row, runByKeySQL, key)
	if errors.Is(err, sql.ErrNoRows) {
		run, err = scanRun(t.Row, runJoinedSQL, key)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return jobs.Run{}, false, nil
	}
	return run, true, err
}

// joinFor is how long a run that waits can be joined. One that waits for longer is stuck,
// perhaps, or far behind others.
const joinFor = 15 * time.Minute

// coalesce finds a run that waits and asks the same, and notes who else wants its result. What
// a schedule asks for is its own: whether its runs may overlap is said there. A run that
// does not move, because it is paused or waits for too long, is not joined; one of low
// priority may wait for its turn for as long as it takes.
func (t *tx) coalesce(run *jobs.Run, hash []byte) (jobs.Run, bool, error) {
	if _, scheduled := jobs.ScheduleOf(run.Trigger); scheduled || hash == nil {
		return jobs.Run{}, false, nil
	}
	waiting, err := scanRun(t.Row, runAskingSQL, hash, stamp(run.RequestedAt.Add(-joinFor)))
	if errors.Is(err, sql.ErrNoRows) {
		return jobs.Run{}, false, nil
	}
	if err != nil || run.Key == "" {
		return waiting, true, err
	}
	_, err = t.Exec(joinSQL, run.Key, waiting.ID, sqlite.OrNull(run.ReplyTo), stamp(run.RequestedAt))
	return waiting, true, err
}

// requester is a request that wants a run's result on a subject of its own.
type requester struct{ key, replyTo string }

// requesters are those of a run: the one that started it, those that joined it, and those
// that repeated a key with another subject.
func (t *tx) requesters(run *jobs.Run) (list []requester, err error) {
	if run.ReplyTo != "" {
		list = append(list, requester{run.Key, run.ReplyTo})
	}
	others, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (r requester, err error) {
		err = rows.Scan(&r.key, &r.replyTo)
		return r, err
	}, requestersSQL, run.ID, run.ID)
	return append(list, others...), err
}

// replyID makes the result of a run once for each requester.
func (r requester) replyID(run *jobs.Run) string {
	sum := sha256.Sum256([]byte(r.key + "\x00" + r.replyTo))
	return resultID(run) + ".reply." + hex.EncodeToString(sum[:8])
}

// AnswerRepeat has the result of the run that was started, or joined, by a request with
// this key go to another subject too: at once if the run has ended. It does so once for
// each subject, and returns false when no run has the key.
func (d *DB) AnswerRepeat(ctx context.Context, key, replyTo string, at time.Time) (known bool, err error) {
	var answered bool
	err = d.readers.QueryRowContext(ctx, answeredSQL, key, key, key, replyTo, key, replyTo, key, replyTo).Scan(&known, &answered)
	if err != nil || !known || answered {
		return known, err
	}
	err = d.do(ctx, 2, false, func(t *tx) error {
		run, found, err := t.earlier(key)
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

// maxRepeats bounds to how many subjects the result of one key goes, for repeated requests.
const maxRepeats = 1000

func (t *tx) repeat(run *jobs.Run, r requester, at time.Time) error {
	if r.replyTo == "" || r.key == run.Key && r.replyTo == run.ReplyTo {
		return nil
	}
	n, err := t.Exec(repeatSQL, r.key, r.replyTo, run.ID, stamp(at), r.key, r.replyTo, r.key, maxRepeats)
	if n == 0 || err != nil || !run.State.Ended() {
		return err
	}
	e, err := resultEntry(run)
	if err != nil {
		return err
	}
	return t.enqueueReply(e, run, r)
}

const (
	runJoinedSQL = selectRun + ` WHERE run_id = (SELECT run_id FROM joined_requests WHERE key = ?)`
	runAskingSQL = selectRun + `
 WHERE request_hash = ? AND state = 'queued' AND paused_at IS NULL AND (low_priority_slots > 0 OR requested_at >= ?) ORDER BY run_id DESC LIMIT 1`

	joinSQL = `INSERT INTO joined_requests (key, run_id, reply_to, requested_at) VALUES (?, ?, ?, ?)`

	requestersSQL = `
SELECT key, reply_to FROM joined_requests WHERE run_id = ? AND reply_to IS NOT NULL
 UNION ALL
SELECT key, reply_to FROM repeated_requests WHERE run_id = ?`

	// Whether a key is known, and whether its result goes to a subject.
	answeredSQL = `
SELECT EXISTS (SELECT 1 FROM runs WHERE key = ?) OR EXISTS (SELECT 1 FROM joined_requests WHERE key = ?),
       EXISTS (SELECT 1 FROM runs WHERE key = ? AND reply_to = ?)
    OR EXISTS (SELECT 1 FROM joined_requests WHERE key = ? AND reply_to = ?)
    OR EXISTS (SELECT 1 FROM repeated_requests WHERE key = ? AND reply_to = ?)`

	// The subject of the joined request itself is answered already.
	repeatSQL = `
INSERT INTO repeated_requests (key, reply_to, run_id, requested_at)
SELECT ?, ?, ?, ?
 WHERE NOT EXISTS (SELECT 1 FROM joined_requests AS j WHERE j.key = ? AND j.reply_to = ?)
   AND (SELECT count(*) FROM repeated_requests AS r WHERE r.key = ?) < ?
    ON CONFLICT (key, reply_to) DO NOTHING`
)
