package db

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"orderbeat/clients/exchange"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// KeptJobs returns an account's succeeded and partial jobs whose responses are recorded in full and
// can be mapped again, newest first.
func (d *DB) KeptJobs(ctx context.Context, provider, account string, r jobs.Remapping) ([]jobs.KeptJob, error) {
	query, args := keptJobsQuery(provider, account, r)
	return sqlite.Fetch(ctx, d.bulk, scanKeptJob, query, args...)
}

func scanKeptJob(rows *sql.Rows) (k jobs.KeptJob, err error) {
	err = rows.Scan(&k.ID, &k.RunID, &k.Kind, sqlite.JSON(&k.Question), sqlite.Time(&k.AskedAt))
	return k, err
}

// keptJobsQuery selects jobs by their exchanges. It excludes checks, which have no orders, and
// ignores 401 responses, after which the call was replayed.
func keptJobsQuery(provider, account string, r jobs.Remapping) (string, []any) {
	var w sqlite.Where
	w.And("j.state IN ('succeeded', 'partial') AND j.kind <> 'check'")
	if r.RunID != "" || r.JobID != "" { // few rows: use the indexes of jobs
		w.And("+x.provider = ?", provider)
	} else {
		w.And("x.provider = ?", provider)
	}
	w.And("x.account = ?", account)
	w.Add("j.run_id = ?", r.RunID)
	w.Add("j.job_id = ?", r.JobID)
	if !r.Since.IsZero() {
		w.And("j.asked_at >= ?", stamp(r.Since))
	}
	if !r.Until.IsZero() {
		w.And("j.asked_at < ?", stamp(r.Until))
	}
	return `
SELECT j.job_id, j.run_id, j.kind, j.question, j.asked_at
  FROM exchanges AS x JOIN jobs AS j ON j.job_id = x.job_id AND j.attempts = x.attempt` + w.SQL() + `
 GROUP BY j.job_id
HAVING min(` + recordedInFull + `) AND max(x.status IS NOT 401)
 ORDER BY j.asked_at DESC, j.job_id DESC`, w.Args
}

const recordedInFull = `coalesce(x.detail = 'full' AND NOT x.truncated AND x.status IS NOT NULL OR x.status = 401, 0)`

// Kept returns a job with the recorded responses of its last attempt, in order; ok is false if they
// are not recorded in full.
func (d *DB) Kept(ctx context.Context, jobID string) (k jobs.KeptJob, responses []exchange.Exchange, ok bool, err error) {
	found, err := sqlite.Fetch(ctx, d.bulk, scanKeptJob, keptJobSQL, jobID)
	if err != nil || len(found) == 0 {
		return k, nil, false, err
	}
	whole := true
	responses, err = sqlite.Fetch(ctx, d.bulk, func(rows *sql.Rows) (exchange.Exchange, error) {
		row, x, err := scanExchange(rows)
		whole = whole && row.Detail == exchange.Full && !row.Truncated && row.Status != 0
		return x, err
	}, keptSQL, jobID)
	return found[0], responses, whole && len(responses) > 0, err
}

const (
	keptJobSQL = `SELECT job_id, run_id, kind, question, asked_at FROM jobs WHERE job_id = ?`

	keptSQL = `
SELECT ` + exchangeColumns + `, ` + exchangeTexts + `
  FROM exchanges AS x
 WHERE job_id = ? AND attempt = (SELECT j.attempts FROM jobs AS j WHERE j.job_id = x.job_id) AND status IS NOT 401
 ORDER BY exchange_id`
)

// remapPause is how long a job waits for jobs of its run that map newer responses.
const remapPause = time.Second

// deferRemap postpones a remap job if it would change something while newer responses of its run
// are not mapped yet: only the newest response with an order counts.
func (t *tx) deferRemap(o *jobs.Outcome, list []reportedOrder, docs []document) (bool, error) {
	if !jobs.Kinds[o.Kind].Remaps || len(list)+len(docs) == 0 {
		return false, nil
	}
	var newer bool
	if err := t.Row(newerPendingSQL, []any{o.RunID, o.Account, o.ID}, &newer); err != nil || !newer {
		return false, err
	}
	changes, err := t.wouldChange(o, list, docs)
	if err != nil || !changes {
		return false, err
	}
	o.State, o.NextAt, o.Err = jobs.Waiting, o.FinishedAt.Add(remapPause), nil
	return true, nil
}

// wouldChange reports whether an outcome differs from the stored data.
func (t *tx) wouldChange(o *jobs.Outcome, list []reportedOrder, docs []document) (bool, error) {
	orders, err := t.storedOrders(o, list)
	if err != nil {
		return false, err
	}
	requestedAt := stamp(o.AskedAt)
	for i := range list {
		before, ok := orders[list[i].OrderID]
		if !ok || requestedAt >= before.seenAt && !before.is(&list[i]) {
			return true, nil
		}
	}
	for _, kind := range []*documentKind{&advices, &invoices} {
		known, err := t.storedDocuments(o, kind, docs)
		if err != nil {
			return false, err
		}
		for i := range docs {
			before, ok := known[docs[i].id]
			if docs[i].documentKind == kind && (!ok || requestedAt >= before.changedAt && !bytes.Equal(before.fingerprint, docs[i].fingerprint[:])) {
				return true, nil
			}
		}
	}
	return false, nil
}

// Remap jobs are planned newest first.
const newerPendingSQL = `
SELECT EXISTS (SELECT 1 FROM jobs
 WHERE run_id = ? AND account = ? AND job_id < ? AND state IN ('queued', 'running', 'waiting'))`

// changedAt returns the time of a change: when the request was sent or, for a remap job, when it
// finished.
func changedAt(o *jobs.Outcome) string {
	if jobs.Kinds[o.Kind].Remaps {
		return stamp(o.FinishedAt)
	}
	return stamp(o.AskedAt)
}
