package db

import (
	"context"
	"fmt"
	"time"
)

// ClockSetBack moves by so much what waits for its time: the next attempts of jobs. Without,
// they would wait for as long again as the clock was set back.
func (d *DB) ClockSetBack(ctx context.Context, by time.Duration) error {
	shift := fmt.Sprintf("-%.3f seconds", by.Seconds())
	now := stamp(time.Now())
	return d.do(ctx, 1, false, func(t *tx) error {
		if _, err := t.Exec(moveDueSQL, shift, now); err != nil {
			return err
		}
		_, err := t.Exec(moveAttemptsSQL, shift, now)
		t.Wake() // something may be due now
		t.AfterCommit(t.db.queues.pokeAll)
		return err
	})
}

const (
	moveDueSQL = `UPDATE outbox SET due_at = strftime('%Y-%m-%dT%H:%M:%fZ', due_at, ?) WHERE due_at > ?`

	moveAttemptsSQL = `
UPDATE jobs SET next_attempt_at = strftime('%Y-%m-%dT%H:%M:%fZ', next_attempt_at, ?)
 WHERE state IN ('queued', 'running', 'waiting') AND state <> 'succeeded' AND next_attempt_at > ?`
)
