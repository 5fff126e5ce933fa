package runs

import (
	"encoding/json"
	"errors"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Decode decodes the body of a published result.
func Decode(body []byte) (run jobs.Run, err error) {
	if err := json.Unmarshal(body, &run); err != nil {
		return run, err
	}
	if run.ID == "" || run.Provider == "" || run.FinishedAt == nil || !run.State.Ended() {
		return run, errors.New("the message is not the result of a run")
	}
	return run, nil
}

// Replicate stores the published result of a run, without jobs, and reports whether it was new. A run that is
// stored with this result or a later one is not changed. An open run is deleted with its jobs, and replaced. The
// run of a due time has the key of that due time, so that no second run is started for it.
func (t Tx) Replicate(run *jobs.Run) (bool, error) {
	if _, err := t.Exec(displaceRunSQL, run.ID, run.Reopened); err != nil {
		return false, err
	}
	errs, err := sqlite.EncodeJSON(append([]jobs.RunError{}, run.Errors...))
	if err != nil {
		return false, err
	}
	key := ""
	if schedule, ok := jobs.ScheduleOf(run.Trigger); ok && run.DueAt != nil {
		key = jobs.TickKey(schedule, *run.DueAt)
	}
	n, err := t.Exec(replicateRunSQL, run.ID, run.Provider, run.Kind, string(run.State), run.Trigger, run.Jobs.Total,
		run.Jobs.Succeeded, run.Jobs.Partial, run.Jobs.Failed, run.Jobs.Dead, run.Jobs.Cancelled,
		run.Orders.Seen, run.Orders.Created, run.Orders.Changed, run.Orders.Unchanged,
		errs, sqlite.Stamp(run.RequestedAt), sqlite.StampOf(run.StartedAt), sqlite.StampOf(run.FinishedAt), run.Reopened, sqlite.OrNull(run.Note), sqlite.OrNull(key))
	return n > 0, err
}

// Withdraw removes the runs that have not ended, and those whose result is still in the outbox, with their
// jobs. It returns the number of runs and of open jobs, and whether a run has an earlier result.
func (t Tx) Withdraw() (runs, jobs int, earlier bool, err error) {
	if err := t.Row(countWithdrawnSQL, nil, &jobs); err != nil {
		return 0, 0, false, err
	}
	if err := t.Row(earlierWithdrawnSQL, nil, &earlier); err != nil {
		return 0, 0, false, err
	}
	n, err := t.Exec(withdrawRunsSQL)
	return int(n), jobs, earlier, err
}

const (
	displaceRunSQL = `
DELETE FROM runs WHERE run_id = ?1 AND (reopened < ?2 OR reopened = ?2 AND state IN ('queued', 'running'))`

	replicateRunSQL = `
INSERT INTO runs (run_id, provider, kind, state, trigger, jobs_total, jobs_succeeded, jobs_partial, jobs_failed, jobs_dead, jobs_cancelled,
       orders_seen, orders_created, orders_changed, orders_unchanged, errors, requested_at, started_at, finished_at, reopened, note, key)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT k FROM (SELECT ? AS k) WHERE NOT EXISTS (SELECT 1 FROM runs WHERE key = k)))
    ON CONFLICT DO NOTHING`

	withdrawnRuns = ` WHERE run_id IN (
       SELECT run_id FROM runs WHERE state IN ('queued', 'running')
        UNION ALL
       SELECT ce_subject FROM outbox WHERE topic = 'results')`

	countWithdrawnSQL   = `SELECT count(*) FROM jobs` + withdrawnRuns + ` AND state IN ('queued', 'running', 'waiting')`
	earlierWithdrawnSQL = `SELECT EXISTS (SELECT 1 FROM runs` + withdrawnRuns + ` AND reopened > 0)`
	withdrawRunsSQL     = `DELETE FROM runs` + withdrawnRuns
)
