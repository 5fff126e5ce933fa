package schedules

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderbeat/db/sqlite"
)

// Watermark is the time until which the due times of a schedule are recorded.
type Watermark struct {
	// Last is the latest tick in this database; nil if there is none.
	Last *Tick
	// FirstSeenAt is when a worker first had the schedule; zero if never.
	FirstSeenAt time.Time
	// AccountedAt is the time until which a worker with another database recorded due times; zero
	// if none did.
	AccountedAt time.Time
}

// At returns the time until which due times are recorded, in this or another database, or when the
// schedule was first seen. It is zero if no worker had the schedule.
func (w Watermark) At() time.Time {
	if w.Last == nil && w.AccountedAt.IsZero() {
		return w.FirstSeenAt
	}
	if w.Last != nil && w.Last.DueAt.After(w.AccountedAt) {
		return w.Last.DueAt
	}
	return w.AccountedAt
}

// Watermark returns the watermark of a schedule.
func (s *Store) Watermark(ctx context.Context, schedule string) (Watermark, error) {
	var w Watermark
	err := s.file.Readers().QueryRowContext(ctx, progressSQL, schedule).Scan(sqlite.Time(&w.FirstSeenAt), sqlite.Time(&w.AccountedAt))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Watermark{}, err
	}
	last, ok, err := s.LastTick(ctx, schedule)
	if ok {
		w.Last = &last
	}
	return w, err
}

// ObserveSchedule records that a worker has a schedule: when it was first seen, and the time until
// which a worker with another database recorded due times (zero if none did). It returns the
// watermark.
func (s *Store) ObserveSchedule(ctx context.Context, schedule string, at, accounted time.Time) (Watermark, error) {
	w, err := s.Watermark(ctx, schedule)
	if err != nil || !w.FirstSeenAt.IsZero() && !accounted.After(w.AccountedAt) {
		return w, err
	}
	if accounted.Before(w.AccountedAt) {
		accounted = w.AccountedAt
	}
	if _, err := s.file.Exec(ctx, seeScheduleSQL, schedule, sqlite.Stamp(at), sqlite.StampOrNull(accounted)); err != nil {
		return Watermark{}, fmt.Errorf("schedule %s: %w", schedule, err)
	}
	return s.Watermark(ctx, schedule)
}

// ForgetSchedules deletes the records of [Store.ObserveSchedule] for all schedules except these. A schedule
// that is configured again later starts again.
func (s *Store) ForgetSchedules(ctx context.Context, except []string) error {
	names, err := sqlite.EncodeJSON(except)
	if err != nil {
		return err
	}
	_, err = s.file.Exec(ctx, forgetSchedulesSQL, names)
	return err
}

const (
	progressSQL = `SELECT first_seen_at, accounted_at FROM schedule_progress WHERE schedule = ?`

	seeScheduleSQL = `
INSERT INTO schedule_progress (schedule, first_seen_at, accounted_at) VALUES (?, ?, ?)
    ON CONFLICT (schedule) DO UPDATE SET accounted_at = excluded.accounted_at`

	forgetSchedulesSQL = `DELETE FROM schedule_progress WHERE schedule NOT IN (SELECT value FROM json_each(?))`
)
