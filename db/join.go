package db

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"orderbeat/jobs"
)

// asks is a digest of what a run asks, nil where nothing is to join it: a run without jobs,
// or one that makes up for what a consent was missed for.
func asks(run *jobs.Run, js []jobs.Job) []byte {
	if run.State != jobs.Queued || len(js) == 0 || strings.HasPrefix(run.Trigger, consentTrigger) {
		return nil
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %d\n", run.Provider, run.Kind, run.Lane)
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
	run, err := scanRun(t.row, runByKeySQL, key)
	if errors.Is(err, sql.ErrNoRows) {
		run, err = scanRun(t.row, runJoinedSQL, key)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return jobs.Run{}, false, nil
	}
	return run, true, err
}

// joinFor is how long a run that waits can be joined. One that waits for longer is stuck,
// perhaps, or far behind others.
const joinFor = 15 * time.Minute

// join finds a run that waits and asks the same, and notes who else wants its result. What
// a schedule asks for is its own: whether its runs may overlap is said there. A run that
// does not move, because it is paused or waits for too long, is not joined; one of low
// priority may wait for its turn for as long as it takes.
func (t *tx) join(run *jobs.Run, asks []byte) (jobs.Run, bool, error) {
	if asks == nil || strings.HasPrefix(run.Trigger, scheduleTrigger) {
		return jobs.Run{}, false, nil
	}
	waiting, err := scanRun(t.row, runAskingSQL, asks, stamp(run.RequestedAt.Add(-joinFor)))
	if errors.Is(err, sql.ErrNoRows) {
		return jobs.Run{}, false, nil
	}
	if err != nil || run.Key == "" {
		return waiting, true, err
	}
	_, err = t.exec(joinSQL, run.Key, waiting.ID, orNull(run.ReplyTo), stamp(run.RequestedAt))
	return waiting, true, err
}

// joinedReplies are the subjects that those who joined a run want its result on.
func (t *tx) joinedReplies(runID string) (subjects []string, err error) {
	err = t.each(joinedRepliesSQL, []any{runID}, func(rows *sql.Rows) error {
		var subject string
		err := rows.Scan(&subject)
		subjects = append(subjects, subject)
		return err
	})
	return subjects, err
}

const (
	runJoinedSQL = selectRun + ` WHERE run_id = (SELECT run_id FROM joined_requests WHERE key = ?)`
	runAskingSQL = selectRun + `
 WHERE asks = ? AND state = 'queued' AND paused_at IS NULL AND (lane > 0 OR requested_at >= ?) ORDER BY run_id DESC LIMIT 1`

	joinSQL = `INSERT INTO joined_requests (key, run_id, reply_to, requested_at) VALUES (?, ?, ?, ?)`

	joinedRepliesSQL = `SELECT reply_to FROM joined_requests WHERE run_id = ? AND reply_to IS NOT NULL`
)
