package db

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

// dispatchState says what a job waits for before it can be claimed.
type dispatchState string

// The states.
const (
	direct      dispatchState = ""             // it can be claimed at once
	pendingSlot dispatchState = "pending_slot" // it waits for a low-priority slot of its provider
	blocked     dispatchState = "blocked"      // it waits for the end of the account's earlier run of the same schedule
	dispatched  dispatchState = "dispatched"   // it occupies a low-priority slot
)

// overlap leaves out the jobs of accounts that still work at an earlier run, as
// [jobs.Run.Overlap] says, and returns the dispatch states of those that wait for it. note says
// which accounts were busy.
func (t *tx) overlap(run *jobs.Run, js []jobs.Job) (left []jobs.Job, states map[string]dispatchState, note string, err error) {
	if run.Overlap != jobs.OverlapSkip && run.Overlap != jobs.OverlapQueueOne {
		return js, nil, "", nil
	}
	type busyAccount struct {
		name  string
		waits bool // behind an earlier run already
	}
	busy, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (b busyAccount, err error) {
		err = rows.Scan(&b.name, &b.waits)
		return b, err
	}, busySQL, run.Trigger)
	states = map[string]dispatchState{}
	var without, after []string
	for _, b := range busy {
		switch {
		case !slices.ContainsFunc(js, func(j jobs.Job) bool { return j.Account == b.name }):
		case run.Overlap == jobs.OverlapQueueOne && !b.waits:
			states[b.name] = blocked
			after = append(after, b.name)
		default:
			without = append(without, b.name)
		}
	}
	left = slices.DeleteFunc(slices.Clone(js), func(j jobs.Job) bool { return slices.Contains(without, j.Account) })
	return left, states, overlapNote(run.Overlap, len(left) > 0, without, after), err
}

// overlapNote says which accounts are left out, and which are asked later, for an earlier run.
func overlapNote(policy string, some bool, without, after []string) string {
	var notes []string
	switch {
	case !some && policy == jobs.OverlapQueueOne:
		return "every account waits for an earlier run already"
	case !some:
		return "every account still works at an earlier run"
	case len(without) > 0 && policy == jobs.OverlapQueueOne:
		notes = append(notes, fmt.Sprintf("without %v, which wait for an earlier run already", without))
	case len(without) > 0:
		notes = append(notes, fmt.Sprintf("without %v, which still work at an earlier run", without))
	}
	if len(after) > 0 {
		notes = append(notes, fmt.Sprintf("%v when they have ended an earlier run", after))
	}
	return strings.Join(notes, "; ")
}

// dispatchNext gives their states to those who wait for an attempt of an account's job to be
// over: the job had a turn, and its run a trigger.
func (t *tx) dispatchNext(o *jobs.Outcome, had dispatchState, trigger string) error {
	freed := had == dispatched
	if _, scheduled := jobs.ScheduleOf(trigger); scheduled && o.State.Ended() {
		lined, err := t.releaseBlocked(o.Provider, o.Account, trigger, o.FinishedAt)
		if err != nil {
			return err
		}
		freed = freed || lined
	}
	if !freed {
		return nil
	}
	return t.fillSlots(o.Provider, o.FinishedAt)
}

// fillSlots lets jobs of low priority go out at a provider while there is room for them: as
// many at once as their run says, and one of each account. One that waits to be tried again
// takes no room, so that an account that cannot be asked holds up no other.
func (t *tx) fillSlots(provider string, at time.Time) error {
	for {
		var next queuedJob
		err := t.Row(nextHeldSQL, []any{provider, provider}, next.dest()...)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		var taken int
		if err := t.Row(takenSQL, []any{provider}, &taken); err != nil || taken >= next.slots {
			return err
		}
		if err := t.dispatch(&next, dispatched, at); err != nil {
			return err
		}
	}
}

// releaseBlocked lets the jobs go that waited behind an account's earlier run, when the last job of
// that one has ended. It reports whether they wait for a slot now.
func (t *tx) releaseBlocked(provider, account, trigger string, at time.Time) (lined bool, err error) {
	list, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (w queuedJob, err error) {
		err = rows.Scan(w.dest()...)
		return w, err
	}, behindSQL, provider, account, trigger)
	if err != nil || len(list) == 0 {
		return false, err
	}
	var working bool
	if err := t.Row(workingSQL, []any{provider, account, trigger}, &working); err != nil || working {
		return false, err
	}
	for i := range list {
		if list[i].slots > 0 {
			lined = true
			_, err = t.Exec(pendSQL, list[i].id)
		} else {
			err = t.dispatch(&list[i], direct, at)
		}
		if err != nil {
			return false, err
		}
	}
	return lined, nil
}

// queuedJob is a job that waits to be dispatched.
type queuedJob struct {
	id, provider string
	slots        int
}

func (w *queuedJob) dest() []any { return []any{&w.id, &w.provider, sqlite.Number(&w.slots)} }

// dispatch lets a job be claimed, whose time begins.
func (t *tx) dispatch(w *queuedJob, to dispatchState, at time.Time) error {
	_, err := t.Exec(dispatchSQL, sqlite.OrNull(string(to)), stamp(at), w.id)
	t.runnable(w.provider)
	return err
}

const (
	selectWaiter = `
SELECT j.job_id, j.provider, r.low_priority_slots
  FROM jobs AS j CROSS JOIN runs AS r USING (run_id)`

	nextHeldSQL = selectWaiter + `
 WHERE j.provider = ? AND j.dispatch = 'pending_slot' AND r.paused_at IS NULL
   AND j.account NOT IN (SELECT account FROM jobs WHERE provider = ? AND dispatch = 'dispatched')
 ORDER BY j.job_id LIMIT 1`

	takenSQL = `SELECT count(*) FROM jobs WHERE provider = ? AND dispatch = 'dispatched' AND state <> 'waiting'`

	behindSQL = selectWaiter + `
 WHERE j.provider = ? AND j.dispatch = 'blocked' AND j.account = ? AND r.trigger = ? ORDER BY j.job_id`

	// CROSS JOIN keeps the order of the tables: from the few open jobs to their runs.
	busySQL = `
SELECT j.account, max(coalesce(j.dispatch = 'blocked', 0)) FROM jobs AS j CROSS JOIN runs AS r USING (run_id)
 WHERE j.state IN ('queued', 'running', 'waiting') AND j.state <> 'succeeded' AND r.trigger = ?
 GROUP BY j.account ORDER BY j.account`

	workingSQL = `
SELECT EXISTS (SELECT 1 FROM jobs AS j CROSS JOIN runs AS r USING (run_id)
 WHERE j.state IN ('queued', 'running', 'waiting') AND j.state <> 'succeeded' AND j.dispatch IS NOT 'blocked'
   AND j.provider = ? AND j.account = ? AND r.trigger = ?)`

	dispatchSQL = `UPDATE jobs SET dispatch = ?, dispatched_at = ? WHERE job_id = ?`
	pendSQL     = `UPDATE jobs SET dispatch = 'pending_slot' WHERE job_id = ?`
)
