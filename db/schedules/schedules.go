package schedules

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderbeat/db/runs"
	"orderbeat/db/sqlite"
)

// Store stores the ticks, pauses and watermarks of schedules.
type Store struct {
	file *sqlite.DB
	runs *runs.Store
}

// New returns the schedules of a file.
func New(file *sqlite.DB, runs *runs.Store) *Store {
	return &Store{file, runs}
}

// Pause is a paused schedule. It starts no runs until it is resumed.
type Pause struct {
	// Schedule is the name of the schedule.
	Schedule string `json:"schedule"`
	// PausedAt is when it was paused.
	PausedAt time.Time `json:"paused_at"`
	// Note is the reason that was given. Absent if none was.
	Note string `json:"note,omitempty"`
}

// PauseSchedule pauses a schedule. Pausing it again updates the note but not the time.
func (s *Store) PauseSchedule(ctx context.Context, name, note string, at time.Time) error {
	if _, err := s.file.Exec(ctx, pauseSQL, name, sqlite.Stamp(at), sqlite.OrNull(note)); err != nil {
		return fmt.Errorf("schedule %s: %w", name, err)
	}
	return nil
}

// ResumeSchedule resumes a schedule and reports whether it was paused.
func (s *Store) ResumeSchedule(ctx context.Context, name string) (was bool, err error) {
	n, err := s.file.Exec(ctx, resumeSQL, name)
	if err != nil {
		return false, fmt.Errorf("schedule %s: %w", name, err)
	}
	return n == 1, nil
}

// Paused returns the pause of a schedule; ok is false if it is not paused.
func (s *Store) Paused(ctx context.Context, name string) (Pause, bool, error) {
	p := Pause{Schedule: name}
	err := s.file.Readers().QueryRowContext(ctx, pausedSQL, name).Scan(sqlite.Time(&p.PausedAt), sqlite.Text(&p.Note))
	if errors.Is(err, sql.ErrNoRows) {
		return Pause{}, false, nil
	}
	return p, err == nil, err
}

// FailedInARow counts the consecutive failed runs of a schedule up to the latest, at most limit. Runs
// before the last pause and unfinished runs do not count.
func (s *Store) FailedInARow(ctx context.Context, name string, limit int) (n int, err error) {
	err = sqlite.Query(ctx, s.file.Readers(), func(rows *sql.Rows) error {
		var failed bool
		if err := rows.Scan(&failed); err != nil {
			return err
		}
		if failed {
			n++
		}
		if !failed || n == limit {
			return sqlite.ErrEnough
		}
		return nil
	}, lastRunsSQL, name)
	return n, err
}

const (
	// Newest first; reading stops at the first run that did not fail, or at a pause.
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

// Ticks returns the ticks of a schedule that were due between two times (inclusive), oldest first, at
// most 1,000.
func (s *Store) Ticks(ctx context.Context, schedule string, from, to time.Time) ([]Tick, error) {
	return sqlite.Fetch(ctx, s.file.Readers(), scanTick, ticksSQL, schedule, sqlite.Stamp(from), sqlite.Stamp(to))
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
