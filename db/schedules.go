package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderbeat/db/sqlite"
)

// Pause is a schedule that starts nothing until somebody resumes it.
type Pause struct {
	Schedule string    `json:"schedule"`
	PausedAt time.Time `json:"paused_at"`
	// Note says why, in somebody's words; "" when nobody said.
	Note string `json:"note,omitempty"`
}

// PauseSchedule has a schedule start nothing; paused again it keeps its time and takes
// the new note.
func (d *DB) PauseSchedule(ctx context.Context, name, note string, at time.Time) error {
	if _, err := d.write(ctx, pauseSQL, name, stamp(at), sqlite.OrNull(note)); err != nil {
		return fmt.Errorf("schedule %s: %w", name, err)
	}
	return nil
}

// ResumeSchedule ends a schedule's pause, and reports whether there was one.
func (d *DB) ResumeSchedule(ctx context.Context, name string) (was bool, err error) {
	n, err := d.write(ctx, resumeSQL, name)
	if err != nil {
		return false, fmt.Errorf("schedule %s: %w", name, err)
	}
	return n == 1, nil
}

// Paused returns a schedule's pause, false when it has none.
func (d *DB) Paused(ctx context.Context, name string) (Pause, bool, error) {
	p := Pause{Schedule: name}
	err := d.readers.QueryRowContext(ctx, pausedSQL, name).Scan(sqlite.Time(&p.PausedAt), sqlite.Text(&p.Note))
	if errors.Is(err, sql.ErrNoRows) {
		return Pause{}, false, nil
	}
	return p, err == nil, err
}

// FailedInARow counts the last runs of a schedule that failed one after the other, most at
// most. Those before its last pause do not count, nor do those that have not ended.
func (d *DB) FailedInARow(ctx context.Context, name string, most int) (n int, err error) {
	err = sqlite.Query(ctx, d.readers, func(rows *sql.Rows) error {
		var failed bool
		if err := rows.Scan(&failed); err != nil {
			return err
		}
		if failed {
			n++
		}
		if !failed || n == most {
			return sqlite.ErrEnough
		}
		return nil
	}, lastRunsSQL, name)
	return n, err
}

const (
	// The newest comes first, and few are read: until one that did not fail, or a pause.
	lastRunsSQL = `
SELECT coalesce(r.state = 'failed', 0) FROM ticks AS t LEFT JOIN runs AS r USING (run_id)
 WHERE t.schedule = ? AND (r.finished_at IS NOT NULL OR t.outcome = 'skipped' AND t.reason LIKE 'paused%')
 ORDER BY t.due_at DESC`

	pauseSQL = `
INSERT INTO schedules (schedule, paused_at, note) VALUES (?, ?, ?)
    ON CONFLICT (schedule) DO UPDATE SET note = excluded.note`
	resumeSQL = `DELETE FROM schedules WHERE schedule = ?`
	pausedSQL = `SELECT paused_at, note FROM schedules WHERE schedule = ?`
)

// Ticks returns the ticks of a schedule that were due from one time to another, both
// included, oldest first; never more than 1,000.
func (d *DB) Ticks(ctx context.Context, schedule string, from, to time.Time) ([]Tick, error) {
	return sqlite.Fetch(ctx, d.readers, scanTick, ticksSQL, schedule, stamp(from), stamp(to))
}

func scanTick(rows *sql.Rows) (t Tick, err error) {
	err = rows.Scan(&t.Schedule, sqlite.Time(&t.DueAt), &t.Outcome, sqlite.Text(&t.Reason), sqlite.Text(&t.RunID))
	return t, err
}

const (
	tickColumns = `schedule, due_at, outcome, reason, run_id`

	ticksSQL = `
SELECT ` + tickColumns + ` FROM ticks WHERE schedule = ? AND due_at >= ? AND due_at <= ? ORDER BY due_at LIMIT 1000`
)
