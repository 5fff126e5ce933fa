package db

import (
	"context"
	"fmt"
	"time"

	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
)

// ClockSetBack reschedules waiting jobs and postponed messages after a backward clock change, so
// that they do not wait longer than planned.
func (d *DB) ClockSetBack(ctx context.Context, by time.Duration) error {
	shift := fmt.Sprintf("-%.3f seconds", by.Seconds())
	now := sqlite.Stamp(time.Now())
	return d.data.Write(ctx, 1, sqlite.AsOpened, func(t *sqlite.Tx) error {
		if err := outbox.ShiftDue(t, shift, now); err != nil {
			return err
		}
		return d.queueStore.In(t).ShiftRetries(shift, now)
	})
}
