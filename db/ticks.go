package db

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Tick is one due time of a schedule, and what became of it.
type Tick struct {
	Schedule string `json:"schedule"`
	// DueAt is a whole second; what is finer is cut off.
	DueAt time.Time `json:"due_at"`
	// Outcome is "started", "skipped", "missed" or "caught_up".
	Outcome string `json:"outcome"`
	// Reason says why, in words; "" when there is nothing to say.
	Reason string `json:"reason,omitempty"`
	// RunID is the run that the tick started, "" for one that started none.
	RunID string `json:"run_id,omitempty"`
}

// Key is the key of the run that the tick starts.
func (t Tick) Key() string { return jobs.TickKey(t.Schedule, t.DueAt) }

// RecordTicks records ticks, each once: those whose due time of the schedule is on record
// already are left out. It returns those that it recorded.
func (d *DB) RecordTicks(ctx context.Context, ticks ...Tick) (recorded []Tick, err error) {
	if len(ticks) == 0 {
		return nil, nil
	}
	err = d.do(ctx, len(ticks), false, func(t *tx) error {
		recorded = recorded[:0]
		for _, tick := range ticks {
			fresh, err := t.recordTick(&tick)
			if err != nil {
				return err
			}
			if fresh {
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

// Started is what became of a tick that was to start a run.
type Started struct {
	Tick *Tick     // as recorded, nil when its due time was on record already
	Run  *jobs.Run // as stored, nil when none was started
}

// StartTick records a tick together with the run that it starts, in one transaction, so
// that a tick says started when its run is there, and only then. It writes nothing when the
// due time is on record already. When a run with the tick's key exists, the tick is skipped.
func (d *DB) StartTick(ctx context.Context, tick Tick, run jobs.Run, js []jobs.Job) (started Started, err error) {
	run.Key, run.Jobs.Total = tick.Key(), len(js)
	err = d.do(ctx, 3*len(js)+3, false, func(t *tx) error {
		started = Started{}
		kept, starting := tick, run
		earlier, found, err := t.earlier(run.Key)
		if err != nil {
			return err
		}
		left, states, note, err := t.overlap(&run, js)
		if err != nil {
			return err
		}
		kept.RunID, kept.Reason = run.ID, cmp.Or(note, tick.Reason)
		if found {
			kept.Outcome, kept.Reason, kept.RunID = "skipped", "run "+earlier.ID+" has the key of this due time", ""
		} else if len(left) == 0 && len(js) > 0 {
			kept.Outcome, kept.RunID = "skipped", ""
		}
		recorded, err := t.recordTick(&kept)
		if err != nil || !recorded {
			return err
		}
		if started.Tick = &kept; kept.RunID == "" {
			return nil
		}
		started.Run = &starting
		return t.startRun(&starting, left, states)
	})
	if err != nil {
		return Started{}, fmt.Errorf("tick %s: %w", tick.Key(), err)
	}
	return started, nil
}

func (t *tx) recordTick(tick *Tick) (recorded bool, err error) {
	tick.DueAt = tick.DueAt.UTC().Truncate(time.Second)
	n, err := t.Exec(recordTickSQL, tick.Schedule, stamp(tick.DueAt), tick.Outcome, sqlite.OrNull(tick.Reason), sqlite.OrNull(tick.RunID))
	return n == 1, err
}

const recordTickSQL = `
INSERT INTO ticks (schedule, due_at, outcome, reason, run_id) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (schedule, due_at) DO NOTHING`

// LastTick returns the latest tick of a schedule, false when there is none.
func (d *DB) LastTick(ctx context.Context, schedule string) (Tick, bool, error) {
	found, err := sqlite.Fetch(ctx, d.readers, scanTick, lastTickSQL, schedule)
	if err != nil || len(found) == 0 {
		return Tick{}, false, err
	}
	return found[0], true, nil
}

const lastTickSQL = `SELECT ` + tickColumns + ` FROM ticks WHERE schedule = ? ORDER BY due_at DESC LIMIT 1`
