package jobqueue

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// DispatchState is what a job is waiting for before it can be claimed.
type DispatchState string

// The dispatch states.
const (
	Direct      DispatchState = ""             // can be claimed immediately
	PendingSlot DispatchState = "pending_slot" // waits for a low-priority slot of its provider
	blocked     DispatchState = "blocked"      // waits for the account's earlier run of the same schedule
	Dispatched  DispatchState = "dispatched"   // occupies a low-priority slot
)

// Overlap applies [jobs.Run.Overlap]. It returns the jobs without those of skipped accounts, the
// dispatch states of accounts that wait for an earlier run, and a note about these accounts.
func (t Tx) Overlap(run *jobs.Run, js []jobs.Job) (left []jobs.Job, states map[string]DispatchState, note string, err error) {
	if run.Overlap != jobs.OverlapSkip && run.Overlap != jobs.OverlapQueueOne {
		return js, nil, "", nil
	}
	type busyAccount struct {
		name  string
		waits bool // another run is already blocked
	}
	busy, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (b busyAccount, err error) {
		err = rows.Scan(&b.name, &b.waits)
		return b, err
	}, busySQL, run.Trigger)
	states = map[string]DispatchState{}
	var skipped, waiting []string
	for _, b := range busy {
		switch {
		case !slices.ContainsFunc(js, func(j jobs.Job) bool { return j.Account == b.name }):
		case run.Overlap == jobs.OverlapQueueOne && !b.waits:
			states[b.name] = blocked
			waiting = append(waiting, b.name)
		default:
			skipped = append(skipped, b.name)
		}
	}
	left = slices.DeleteFunc(slices.Clone(js), func(j jobs.Job) bool { return slices.Contains(skipped, j.Account) })
	return left, states, overlapNote(run.Overlap, len(left) > 0, skipped, waiting), err
}

// overlapNote describes the accounts that are skipped or wait because of an earlier run.
func overlapNote(policy string, anyLeft bool, skipped, waiting []string) string {
	var notes []string
	switch {
	case !anyLeft && policy == jobs.OverlapQueueOne:
		return "every account already waits for an earlier run"
	case !anyLeft:
		return "every account still works on an earlier run"
	case len(skipped) > 0 && policy == jobs.OverlapQueueOne:
		notes = append(notes, fmt.Sprintf("skipped %v: already waiting for an earlier run", skipped))
	case len(skipped) > 0:
		notes = append(notes, fmt.Sprintf("skipped %v: still working on an earlier run", skipped))
	}
	if len(waiting) > 0 {
		notes = append(notes, fmt.Sprintf("%v will start after an earlier run", waiting))
	}
	return strings.Join(notes, "; ")
}

// DispatchNext dispatches the jobs that were waiting for an attempt of another job. had and trigger
// are the dispatch state of that job and the trigger of its run.
func (t Tx) DispatchNext(o *jobs.Outcome, had DispatchState, trigger string) error {
	freed := had == Dispatched
	if _, scheduled := jobs.ScheduleOf(trigger); scheduled && o.State.Ended() {
		pending, err := t.releaseBlocked(o.Provider, o.Account, trigger, o.FinishedAt)
		if err != nil {
			return err
		}
		freed = freed || pending
	}
	if !freed {
		return nil
	}
	return t.FillSlots(o.Provider, o.FinishedAt)
}

// FillSlots dispatches low-priority jobs of a provider while slots are free: as many as the run
// allows and at most one per account. A job that waits for a retry does not occupy a slot, so that a
// failing account does not block others.
func (t Tx) FillSlots(provider string, at time.Time) error {
	for {
		var next queuedJob
		err := t.Row(nextPendingSQL, []any{provider, provider}, next.dest()...)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		var used int
		if err := t.Row(usedSlotsSQL, []any{provider}, &used); err != nil || used >= next.slots {
			return err
		}
		if err := t.dispatch(&next, Dispatched, at); err != nil {
			return err
		}
	}
}

// releaseBlocked dispatches the blocked jobs of an account after the last job of its earlier run has
// ended. It reports whether any of them now waits for a slot.
func (t Tx) releaseBlocked(provider, account, trigger string, at time.Time) (pending bool, err error) {
	list, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (w queuedJob, err error) {
		err = rows.Scan(w.dest()...)
		return w, err
	}, blockedJobsSQL, provider, account, trigger)
	if err != nil || len(list) == 0 {
		return false, err
	}
	var active bool
	if err := t.Row(earlierRunActiveSQL, []any{provider, account, trigger}, &active); err != nil || active {
		return false, err
	}
	for i := range list {
		if list[i].slots > 0 {
			pending = true
			_, err = t.Exec(setPendingSQL, list[i].id)
		} else {
			err = t.dispatch(&list[i], Direct, at)
		}
		if err != nil {
			return false, err
		}
	}
	return pending, nil
}

// queuedJob is a job waiting to be dispatched.
type queuedJob struct {
	id, provider string
	slots        int
}

func (w *queuedJob) dest() []any { return []any{&w.id, &w.provider, sqlite.Number(&w.slots)} }

// dispatch makes a job claimable and starts its time limit.
func (t Tx) dispatch(w *queuedJob, to DispatchState, at time.Time) error {
	_, err := t.Exec(dispatchSQL, sqlite.OrNull(string(to)), sqlite.Stamp(at), w.id)
	t.Notify(w.provider)
	return err
}

const (
	selectQueuedJob = `
SELECT j.job_id, j.provider, r.low_priority_slots
  FROM jobs AS j CROSS JOIN runs AS r USING (run_id)`

	nextPendingSQL = selectQueuedJob + `
 WHERE j.provider = ? AND j.dispatch = 'pending_slot' AND r.paused_at IS NULL
   AND j.account NOT IN (SELECT account FROM jobs WHERE provider = ? AND dispatch = 'dispatched')
 ORDER BY j.job_id LIMIT 1`

	usedSlotsSQL = `SELECT count(*) FROM jobs WHERE provider = ? AND dispatch = 'dispatched' AND state <> 'waiting'`

	blockedJobsSQL = selectQueuedJob + `
 WHERE j.provider = ? AND j.dispatch = 'blocked' AND j.account = ? AND r.trigger = ? ORDER BY j.job_id`

	// CROSS JOIN keeps the order of the tables: from the few open jobs to their runs.
	busySQL = `
SELECT j.account, max(coalesce(j.dispatch = 'blocked', 0)) FROM jobs AS j CROSS JOIN runs AS r USING (run_id)
 WHERE j.state IN ('queued', 'running', 'waiting') AND j.state <> 'succeeded' AND r.trigger = ?
 GROUP BY j.account ORDER BY j.account`

	earlierRunActiveSQL = `
SELECT EXISTS (SELECT 1 FROM jobs AS j CROSS JOIN runs AS r USING (run_id)
 WHERE j.state IN ('queued', 'running', 'waiting') AND j.state <> 'succeeded' AND j.dispatch IS NOT 'blocked'
   AND j.provider = ? AND j.account = ? AND r.trigger = ?)`

	dispatchSQL   = `UPDATE jobs SET dispatch = ?, dispatched_at = ? WHERE job_id = ?`
	setPendingSQL = `UPDATE jobs SET dispatch = 'pending_slot' WHERE job_id = ?`
)
