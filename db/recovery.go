package db

import (
	"context"
	"fmt"
	"log/slog"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// endInterrupted cancels the live runs of an earlier process.
func (d *DB) endInterrupted(ctx context.Context) error {
	interrupted, err := d.Interrupted(ctx)
	if err != nil {
		return err
	}
	for i := range interrupted {
		if _, err := d.Commit(ctx, interrupted[i]); err != nil {
			return err
		}
	}
	return nil
}

// recoverRunning queues the jobs that an earlier process left running, and commits those that are dead
// after too many crashes.
func (d *DB) recoverRunning(ctx context.Context, log *slog.Logger) error {
	var running int
	var dead []jobs.Outcome
	err := d.data.Write(ctx, 1, sqlite.AsOpened, func(t *sqlite.Tx) (err error) {
		if running, dead, err = d.queueStore.In(t).Recover(); err != nil {
			return err
		}
		for i := range dead {
			if _, err := d.in(t).applyOutcome(&dead[i], nil, nil); err != nil {
				return fmt.Errorf("job %s: %w", dead[i].ID, err)
			}
		}
		return nil
	})
	if err == nil && running > 0 {
		log.Warn("the previous process ended while jobs were running", "jobs", running, "dead", len(dead))
	}
	return err
}
