package schedules

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Tick is one due time of a schedule and its outcome.
type Tick struct {
	// Schedule is the name of the schedule.
	Schedule string `json:"schedule"`
	// DueAt is the due time, in whole seconds.
	DueAt time.Time `json:"due_at"`
	// Outcome is "started", "skipped", "missed" or "caught_up".
	Outcome string `json:"outcome"`
	// Reason is the reason for the outcome. Absent if there is none.
	Reason string `json:"reason,omitempty"`
	// RunID is the run that the tick started. Absent if it started none.
	RunID string `json:"run_id,omitempty"`
}

// Key returns the key of the run that the tick starts.
func (t Tick) Key() string { return jobs.TickKey(t.Schedule, t.DueAt) }

// RecordTicks records ticks whose due time is not recorded yet, and returns those that it recorded.
func (s *Store) RecordTicks(ctx context.Context, ticks ...Tick) (recorded []Tick, err error) {
	if len(ticks) == 0 {
		return nil, nil
	}
	err = s.file.Write(ctx, len(ticks), sqlite.AsOpened, func(t *sqlite.Tx) error {
		recorded = recorded[:0]
		for _, tick := range ticks {
			isNew, err := recordTick(t, &tick)
			if err != nil {
				return err
			}
			if isNew {
				recorded = append(recorded, tick)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("tick %s: %w", ticks[0].Key(), err)
	}
	return recorded, nil
}

// Started is the result of [Store.StartTick].
type Started struct {
	Tick *Tick     // as recorded, nil if its due time was already recorded
	Run  *jobs.Run // as stored, nil if none was started
}

// StartTick records a tick and starts its run in one transaction, so that a tick is started if and only
// if its run exists. It writes nothing if the due time is already recorded. If a run with the tick's
// key exists, the tick is skipped.
func (s *Store) StartTick(ctx context.Context, tick Tick, run jobs.Run, js []jobs.Job) (started Started, err error) {
	run.Key, run.Jobs.Total = tick.Key(), len(js)
	err = s.file.Write(ctx, 3*len(js)+3, sqlite.AsOpened, func(t *sqlite.Tx) error {
		started = Started{}
		recordedTick, starting := tick, run
		runs := s.runs.In(t)
		earlier, found, err := runs.Earlier(run.Key)
		if err != nil {
			return err
		}
		left, states, note, err := runs.Queue.Overlap(&run, js)
		if err != nil {
			return err
		}
		recordedTick.RunID, recordedTick.Reason = run.ID, cmp.Or(note, tick.Reason)
		of, _ := jobs.ScheduleOf(earlier.Trigger)
		switch {
		case found && of == tick.Schedule: // another process planned it, and ended before the tick was recorded
			recordedTick.RunID = earlier.ID
		case found:
			recordedTick.Outcome, recordedTick.Reason, recordedTick.RunID = "skipped", "run "+earlier.ID+" has the key of this due time", ""
		case len(left) == 0 && len(js) > 0:
			recordedTick.Outcome, recordedTick.RunID = "skipped", ""
		}
		recorded, err := recordTick(t, &recordedTick)
		if err != nil || !recorded {
			return err
		}
		if started.Tick = &recordedTick; recordedTick.RunID != run.ID {
			return nil
		}
		started.Run = &starting
		return runs.Start(&starting, left, states)
	})
	if err != nil {
		return Started{}, fmt.Errorf("tick %s: %w", tick.Key(), err)
	}
	return started, nil
}

func recordTick(t *sqlite.Tx, tick *Tick) (recorded bool, err error) {
	tick.DueAt = tick.DueAt.UTC().Truncate(time.Second)
	n, err := t.Exec(recordTickSQL, tick.Schedule, sqlite.Stamp(tick.DueAt), tick.Outcome, sqlite.OrNull(tick.Reason), sqlite.OrNull(tick.RunID))
	return n == 1, err
}

const recordTickSQL = `
INSERT INTO ticks (schedule, due_at, outcome, reason, run_id) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (schedule, due_at) DO NOTHING`

// LastTick returns the latest tick of a schedule; ok is false if there is none.
func (s *Store) LastTick(ctx context.Context, schedule string) (Tick, bool, error) {
	found, err := sqlite.Fetch(ctx, s.file.Readers(), scanTick, lastTickSQL, schedule)
	if err != nil || len(found) == 0 {
		return Tick{}, false, err
	}
	return found[0], true, nil
}

const lastTickSQL = `SELECT ` + tickColumns + ` FROM ticks WHERE schedule = ? ORDER BY due_at DESC LIMIT 1`
