package db

import (
	"context"
	"fmt"
	"time"
)

// ClockSetBack reschedules waiting jobs and postponed messages after a backward clock change, so
// that they do not wait longer than planned.
func (d *DB) ClockSetBack(ctx context.Context, by time.Duration) error {
	shift := fmt.Sprintf("-%.3f seconds", by.Seconds())
	now := stamp(time.Now())
	return d.do(ctx, 1, false, func(t *tx) error {
		if _, err := t.Exec(shiftMessagesSQL, shift, now); err != nil {
			return err
		}
		_, err := t.Exec(shiftJobsSQL, shift, now)
		t.Wake() // messages may be due now
		t.AfterCommit(t.db.queues.pokeAll)
		return err
	})
}

const (
	shiftMessagesSQL = `UPDATE outbox SET due_at = strftime('%Y-%m-%dT%H:%M:%fZ', due_at, ?) WHERE due_at > ?`

	shiftJobsSQL = `
UPDATE jobs SET next_attempt_at = strftime('%Y-%m-%dT%H:%M:%fZ', next_attempt_at, ?)
 WHERE state IN ('queued', 'running', 'waiting') AND state <> 'succeeded' AND next_attempt_at > ?`
)
