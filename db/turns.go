package db

import (
	"database/sql"
	"errors"
	"slices"
	"time"

	"orderbeat/jobs"
)

// jobTurn says whether a job waits for its turn, before which no message tells of it.
type jobTurn string

// The turns.
const (
	none   jobTurn = ""       // it does not wait for one
	held   jobTurn = "held"   // until there is room in the provider's lane
	behind jobTurn = "behind" // until the account's earlier run of the same schedule has ended
	out    jobTurn = "out"    // it has a place in the lane
)

// lineUp tells which turns the jobs of a run wait for, by account, and leaves out the jobs
// of accounts that wait behind an earlier run already.
func (t *tx) lineUp(run *jobs.Run, js []jobs.Job) ([]jobs.Job, map[string]jobTurn, error) {
	turns := map[string]jobTurn{}
	if run.Lane > 0 {
		for i := range js {
			turns[js[i].Account] = held
		}
	}
	if !run.LineUp {
		return js, turns, nil
	}
	busy, err := fetchIn(t, scanBusy, busySQL, run.Trigger)
	waits := map[string]bool{}
	for _, b := range busy {
		turns[b.Account], waits[b.Account] = behind, b.LinedUp
	}
	left := slices.DeleteFunc(slices.Clone(js), func(j jobs.Job) bool { return waits[j.Account] })
	return left, turns, err
}

// nextTurns gives their turns to those who wait for an attempt of an account's job to be
// over: the job had a turn, and its run a trigger.
func (t *tx) nextTurns(o *jobs.Outcome, had jobTurn, trigger string) error {
	freed := had == out
	if _, scheduled := jobs.ScheduleOf(trigger); scheduled && o.State.Ended() {
		lined, err := t.follow(o.Provider, o.Account, trigger, o.FinishedAt)
		if err != nil {
			return err
		}
		freed = freed || lined
	}
	if !freed {
		return nil
	}
	return t.fillLane(o.Provider, o.FinishedAt)
}

// fillLane lets jobs of low priority go out at a provider while there is room for them: as
// many at once as their run says, and one of each account. One that waits to be tried again
// takes no room, so that an account that cannot be asked holds up no other.
func (t *tx) fillLane(provider string, at time.Time) error {
	for {
		var next waiter
		err := t.row(nextHeldSQL, []any{provider, provider}, next.dest()...)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		var taken int
		if err := t.row(takenSQL, []any{provider}, &taken); err != nil || taken >= next.lane {
			return err
		}
		if err := t.letGo(&next, out, at); err != nil {
			return err
		}
	}
}

// follow lets the jobs go that waited behind an account's earlier run, when the last job of
// that one has ended. It reports whether they wait for room in the lane now.
func (t *tx) follow(provider, account, trigger string, at time.Time) (lined bool, err error) {
	list, err := fetchIn(t, func(rows *sql.Rows) (w waiter, err error) {
		err = rows.Scan(w.dest()...)
		return w, err
	}, behindSQL, provider, account, trigger)
	if err != nil || len(list) == 0 {
		return false, err
	}
	var working bool
	if err := t.row(workingSQL, []any{provider, account, trigger}, &working); err != nil || working {
		return false, err
	}
	for i := range list {
		if list[i].lane > 0 {
			lined = true
			_, err = t.exec(holdSQL, list[i].ID)
		} else {
			err = t.letGo(&list[i], none, at)
		}
		if err != nil {
			return false, err
		}
	}
	return lined, nil
}

// waiter is a job that waits for its turn.
type waiter struct {
	jobs.Job
	traceparent string
	lane        int
}

func (w *waiter) dest() []any {
	return []any{
		&w.ID, &w.RunID, &w.Provider, &w.Account, &w.Kind,
		jsonInto{&w.Question},
		&w.Attempt, &w.Tried,
		textInto[string]{&w.traceparent},
		numberInto{&w.lane},
	}
}

// letGo gives a job its turn: its message goes into the outbox, and its time begins.
func (t *tx) letGo(w *waiter, to jobTurn, at time.Time) error {
	w.FirstAt = at
	if _, err := t.exec(letGoSQL, orNull(string(to)), stamp(at), w.ID); err != nil {
		return err
	}
	return t.putJob(&w.Job, "", w.traceparent, at, time.Time{})
}

const (
	selectWaiter = `
SELECT j.job_id, j.run_id, j.provider, j.account, j.kind, j.question, j.attempts + 1, j.tried, r.traceparent, r.lane
  FROM jobs AS j CROSS JOIN runs AS r USING (run_id)`

	nextHeldSQL = selectWaiter + `
 WHERE j.provider = ? AND j.turn = 'held' AND r.paused_at IS NULL
   AND j.account NOT IN (SELECT account FROM jobs WHERE provider = ? AND turn = 'out')
 ORDER BY j.job_id LIMIT 1`

	takenSQL = `SELECT count(*) FROM jobs WHERE provider = ? AND turn = 'out' AND state <> 'waiting'`

	behindSQL = selectWaiter + `
 WHERE j.provider = ? AND j.turn = 'behind' AND j.account = ? AND r.trigger = ? ORDER BY j.job_id`

	workingSQL = `
SELECT EXISTS (SELECT 1 FROM jobs AS j CROSS JOIN runs AS r USING (run_id)
 WHERE j.state IN ('queued', 'running', 'waiting') AND j.state <> 'succeeded' AND j.turn IS NOT 'behind'
   AND j.provider = ? AND j.account = ? AND r.trigger = ?)`

	letGoSQL = `UPDATE jobs SET turn = ?, turn_at = ? WHERE job_id = ?`
	holdSQL  = `UPDATE jobs SET turn = 'held' WHERE job_id = ?`
)
