package runs

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"orderbeat/db/jobqueue"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// HeaderReplyTo is the header of a run request with an additional subject for the result.
const HeaderReplyTo = "Orderbeat-Reply-To"

// StartRun stores a run and queues its jobs ([jobqueue.Store.Claim]). A finished run or one without jobs ends
// immediately with its result in the outbox. If a run with the same key exists, it is returned with
// false, and nothing is written. A request that equals a queued run joins it, unless it is from a
// schedule: that run is returned with false, and its result is published to both requesters.
//
// A low-priority job, and one that waits for an earlier run ([jobs.Run.Overlap]), can be claimed once
// it is dispatched.
func (s *Store) StartRun(ctx context.Context, run jobs.Run, js []jobs.Job) (jobs.Run, bool, error) {
	run.Jobs.Total = len(js)
	started := false
	stored := run
	err := s.do(ctx, 3*len(js)+2, sqlite.AsOpened, func(t Tx) error {
		started, stored = false, run
		earlier, found, err := t.Earlier(run.Key)
		if found && err == nil {
			err = t.repeat(&earlier, requester{run.Key, run.ReplyTo}, run.RequestedAt)
		}
		if found || err != nil {
			stored = earlier
			return err
		}
		hash := requestHash(&stored, js)
		if earlier, found, err = t.coalesce(&stored, hash); found || err != nil {
			stored = earlier
			return err
		}
		left, states, note, err := t.Queue.Overlap(&stored, js)
		if err != nil {
			return err
		}
		if len(js) > 0 && len(left) == 0 {
			stored.Note = "no jobs: " + note
		}
		started = true
		return t.Start(&stored, left, states)
	})
	if err != nil {
		return jobs.Run{}, false, fmt.Errorf("run %s: %w", run.ID, err)
	}
	return stored, started, nil
}

// Start stores a run with its jobs. states are the dispatch states of accounts that wait for another
// run.
func (t Tx) Start(run *jobs.Run, js []jobs.Job, states map[string]jobqueue.DispatchState) error {
	run.Jobs.Total = len(js)
	if err := t.insertRun(run, requestHash(run, js)); err != nil {
		return err
	}
	for i := range js {
		state := states[js[i].Account]
		if state == jobqueue.Direct && run.LowPrioritySlots > 0 {
			state = jobqueue.PendingSlot
		}
		if err := t.insertJob(&js[i], jobs.Queued, state, false); err != nil {
			return err
		}
	}
	t.Queue.Notify(run.Provider)
	if run.LowPrioritySlots > 0 {
		if err := t.Queue.FillSlots(run.Provider, run.RequestedAt); err != nil {
			return err
		}
	}
	if run.State.Ended() {
		return t.enqueueResult(run)
	}
	if len(js) == 0 {
		run.State, run.StartedAt, run.FinishedAt = run.Jobs.State(), &run.RequestedAt, &run.RequestedAt
		return t.endRun(run)
	}
	return nil
}

func (t Tx) insertRun(run *jobs.Run, hash []byte) error {
	errs, err := sqlite.EncodeJSON(run.Errors)
	if err != nil {
		return err
	}
	if run.Errors == nil {
		errs = "[]"
	}
	var accounts any
	if len(run.Accounts) > 0 {
		if accounts, err = sqlite.EncodeJSON(run.Accounts); err != nil {
			return err
		}
	}
	_, err = t.Exec(insertRunSQL, run.ID, run.Provider, run.Kind, string(run.State), run.Trigger, accounts,
		sqlite.OrNull(string(run.Params)), run.Jobs.Total, errs, sqlite.Stamp(run.RequestedAt), sqlite.StampOf(run.StartedAt),
		sqlite.StampOf(run.FinishedAt), sqlite.OrNull(run.Key), sqlite.OrNull(run.ReplyTo), sqlite.OrNull(run.Traceparent), sqlite.ZeroNull(run.LowPrioritySlots), hash, sqlite.OrNull(run.Note), sqlite.StampOf(run.PausedAt))
	return err
}

const insertRunSQL = `
INSERT INTO runs (run_id, provider, kind, state, trigger, accounts, params, jobs_total, errors,
       requested_at, started_at, finished_at, key, reply_to, traceparent, low_priority_slots, request_hash, note, paused_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

func (t Tx) insertJob(job *jobs.Job, state jobs.State, dispatch jobqueue.DispatchState, inline bool) error {
	question, err := sqlite.EncodeJSON(job.Question)
	if err != nil {
		return err
	}
	_, err = t.Exec(insertJobSQL, job.ID, job.RunID, job.Provider, job.Account, job.Kind, question,
		string(state), sqlite.OrNull(string(dispatch)), inline, sqlite.Stamp(job.FirstAt))
	return err
}

const insertJobSQL = `
INSERT INTO jobs (job_id, run_id, provider, account, kind, question, state, dispatch, inline, planned_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// endRun stores the final state of a run with the errors of its jobs and puts its result into the
// outbox.
func (t Tx) endRun(run *jobs.Run) error {
	run.Errors = []jobs.RunError{}   // encodes an empty list as [], not null
	if run.State != jobs.Succeeded { // else no job has an error
		found, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (e jobs.RunError, err error) {
			err = rows.Scan(&e.Account, &e.Code, sqlite.Text(&e.Message), sqlite.Text(&e.Hint))
			return e, err
		}, runErrorsSQL, run.ID, jobs.MaxErrors)
		if err != nil {
			return err
		}
		run.Errors = append(run.Errors, found...)
	}
	errs, err := sqlite.EncodeJSON(run.Errors)
	if err != nil {
		return err
	}
	_, err = t.Exec(endRunSQL, string(run.State), errs, sqlite.StampOf(run.StartedAt), sqlite.StampOf(run.FinishedAt), run.ID)
	if err != nil {
		return err
	}
	return t.enqueueResult(run)
}

const (
	// An error may be a long stack trace: truncate it for publishing.
	runErrorsSQL = `
SELECT account, error_code, substr(error, 1, 1000), hint FROM jobs
 WHERE run_id = ? AND error_code IS NOT NULL ORDER BY job_id LIMIT ?`

	endRunSQL = `UPDATE runs SET state = ?, errors = ?, started_at = ?, finished_at = ? WHERE run_id = ?`
)

// resultID returns the message id of a run's result. A reopened run has a new result each time it ends.
func resultID(run *jobs.Run) string {
	id := run.ID + ".result"
	if run.Reopened > 0 {
		id += "." + strconv.Itoa(run.Reopened)
	}
	return id
}

// enqueueResult puts the result of a run into the outbox, for the results topic and each requester.
func (t Tx) enqueueResult(run *jobs.Run) error {
	e, err := resultMessage(run)
	if err != nil {
		return err
	}
	if err := outbox.Enqueue(t.Tx, &e); err != nil {
		return err
	}
	return t.enqueueReplies(run)
}

// enqueueReplies puts the result of a run into the outbox for each requester.
func (t Tx) enqueueReplies(run *jobs.Run) error {
	requesters, err := t.requesters(run)
	if err != nil {
		return err
	}
	for _, r := range requesters {
		if err := t.enqueueReply(run, r); err != nil {
			return err
		}
	}
	return nil
}

// enqueueReply puts the result of a run into the outbox for one requester.
func (t Tx) enqueueReply(run *jobs.Run, to requester) error {
	e, err := resultMessage(run)
	if err != nil {
		return err
	}
	e.Topic, e.Subject, e.MsgID = "reply", to.replyTo, to.replyID(run)
	return outbox.Enqueue(t.Tx, &e)
}

// ResultSubject is the subject of a run's result, without the prefix.
func ResultSubject(run *jobs.Run) string {
	return "results." + outbox.Token(run.Provider) + "." + outbox.Token(run.ID)
}

func resultMessage(run *jobs.Run) (outbox.Entry, error) {
	result := *run
	result.Accounts, result.Params = nil, nil // not part of the result
	body, err := sqlite.EncodeJSON(result)
	return outbox.Entry{
		Topic: "results", Subject: ResultSubject(run),
		MsgID: resultID(run), Type: outbox.TypeRunFinished, CESubject: run.ID, Provider: run.Provider,
		Time: *run.FinishedAt, Traceparent: run.Traceparent, Body: body,
	}, err
}
