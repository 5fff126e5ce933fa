package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

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
	err = d.writer.do(ctx, len(ticks), false, func(t *tx) error {
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
	err = d.writer.do(ctx, 3*len(js)+3, false, func(t *tx) error {
		started = Started{}
		kept, starting := tick, run
		earlier, found, err := t.earlier(run.Key)
		if err != nil {
			return err
		}
		kept.RunID = run.ID
		if found {
			kept.Outcome, kept.Reason, kept.RunID = "skipped", "run "+earlier.ID+" has the key of this due time", ""
		}
		if recorded, err := t.recordTick(&kept); err != nil || !recorded {
			return err
		}
		if started.Tick = &kept; found {
			return nil
		}
		started.Run = &starting
		return t.startRun(&starting, js, asks(&starting, js))
	})
	if err != nil {
		return Started{}, fmt.Errorf("tick %s: %w", tick.Key(), err)
	}
	return started, nil
}

func (t *tx) recordTick(tick *Tick) (recorded bool, err error) {
	tick.DueAt = tick.DueAt.UTC().Truncate(time.Second)
	n, err := t.exec(recordTickSQL, tick.Schedule, stamp(tick.DueAt), tick.Outcome, orNull(tick.Reason), orNull(tick.RunID))
	return n == 1, err
}

const recordTickSQL = `
INSERT INTO ticks (schedule, due_at, outcome, reason, run_id) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (schedule, due_at) DO NOTHING`

// LastTick returns the latest tick of a schedule, false when there is none.
func (d *DB) LastTick(ctx context.Context, schedule string) (Tick, bool, error) {
	found, err := fetch(ctx, d.readers, scanTick, lastTickSQL, schedule)
	if err != nil || len(found) == 0 {
		return Tick{}, false, err
	}
	return found[0], true, nil
}

const lastTickSQL = `SELECT ` + tickColumns + ` FROM ticks WHERE schedule = ? ORDER BY due_at DESC LIMIT 1`

// BusyAccount is an account that still has jobs of runs with a trigger.
type BusyAccount struct {
	Account string
	// LinedUp tells that it waits behind an earlier run already ([jobs.Run.LineUp]).
	LinedUp bool
}

// BusyAccounts returns the accounts, sorted, that still have jobs of runs with this trigger.
func (d *DB) BusyAccounts(ctx context.Context, trigger string) ([]BusyAccount, error) {
	return fetch(ctx, d.readers, scanBusy, busySQL, trigger)
}

func scanBusy(rows *sql.Rows) (b BusyAccount, err error) {
	err = rows.Scan(&b.Account, &b.LinedUp)
	return b, err
}

// CROSS JOIN keeps the order of the tables: from the few open jobs to their runs.
const busySQL = `
SELECT j.account, max(coalesce(j.turn = 'behind', 0)) FROM jobs AS j CROSS JOIN runs AS r USING (run_id)
 WHERE j.state IN ('queued', 'running', 'waiting') AND j.state <> 'succeeded' AND r.trigger = ?
 GROUP BY j.account ORDER BY j.account`
