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

// KeptJobs returns an account's jobs whose answers can be mapped again, newest first: they
// succeeded, at least in part, and what they were answered is kept as a whole.
func (d *DB) KeptJobs(ctx context.Context, provider, account string, r jobs.Remapping) ([]jobs.KeptJob, error) {
	query, args := keptJobs(provider, account, r)
	return sqlite.Fetch(ctx, d.bulk, scanKeptJob, query, args...)
}

func scanKeptJob(rows *sql.Rows) (k jobs.KeptJob, err error) {
	err = rows.Scan(&k.ID, &k.RunID, &k.Kind, sqlite.JSON(&k.Question), sqlite.Time(&k.AskedAt))
	return k, err
}

// keptJobs finds them by their exchanges; a check has some too, which tell of no order. A 401 behind which a call was sent again is no
// answer that anybody maps.
func keptJobs(provider, account string, r jobs.Remapping) (string, []any) {
	var w sqlite.Where
	w.And("j.state IN ('succeeded', 'partial') AND j.kind <> 'check'")
	if r.RunID != "" || r.JobID != "" { // few: by the jobs' own indexes
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
HAVING min(` + keptWhole + `) AND max(x.status IS NOT 401)
 ORDER BY j.asked_at DESC, j.job_id DESC`, w.Args
}

const keptWhole = `coalesce(x.detail = 'full' AND NOT x.truncated AND x.status IS NOT NULL OR x.status = 401, 0)`

// Kept returns a job with the answers of its last attempt, in order; false when they are
// not kept, or not as a whole.
func (d *DB) Kept(ctx context.Context, jobID string) (k jobs.KeptJob, answers []exchange.Exchange, ok bool, err error) {
	found, err := sqlite.Fetch(ctx, d.bulk, scanKeptJob, keptJobSQL, jobID)
	if err != nil || len(found) == 0 {
		return k, nil, false, err
	}
	whole := true
	answers, err = sqlite.Fetch(ctx, d.bulk, func(rows *sql.Rows) (exchange.Exchange, error) {
		row, x, err := scanExchange(rows)
		whole = whole && row.Detail == exchange.Full && !row.Truncated && row.Status != 0
		return x, err
	}, keptSQL, jobID)
	return found[0], answers, whole && len(answers) > 0, err
}

const (
	keptJobSQL = `SELECT job_id, run_id, kind, question, asked_at FROM jobs WHERE job_id = ?`

	keptSQL = `
SELECT ` + exchangeColumns + `, ` + exchangeTexts + `
  FROM exchanges AS x
 WHERE job_id = ? AND attempt = (SELECT j.attempts FROM jobs AS j WHERE j.job_id = x.job_id) AND status IS NOT 401
 ORDER BY exchange_id`
)

// remapPause is how long a job waits for others of its run that map newer answers.
const remapPause = time.Second

// deferRemap makes a job that maps answers again wait, if it would change something while newer
// answers of its run are still to be mapped: only the newest counts that tells of an order.
func (t *tx) deferRemap(o *jobs.Outcome, list []reportedOrder, papers []document) (bool, error) {
	if !jobs.Kinds[o.Kind].Remaps || len(list)+len(papers) == 0 {
		return false, nil
	}
	var newer bool
	if err := t.Row(newerSQL, []any{o.RunID, o.Account, o.ID}, &newer); err != nil || !newer {
		return false, err
	}
	changes, err := t.wouldChange(o, list, papers)
	if err != nil || !changes {
		return false, err
	}
	o.State, o.NextAt, o.Err = jobs.Waiting, o.FinishedAt.Add(remapPause), nil
	return true, nil
}

// wouldChange reports whether anything of an outcome is not stored as it tells.
func (t *tx) wouldChange(o *jobs.Outcome, list []reportedOrder, papers []document) (bool, error) {
	orders, err := t.storedOrders(o, list)
	if err != nil {
		return false, err
	}
	asked := stamp(o.AskedAt)
	for i := range list {
		before, ok := orders[list[i].OrderID]
		if !ok || asked >= before.seenAt && !before.is(&list[i]) {
			return true, nil
		}
	}
	for _, kind := range []*documentKind{&advices, &invoices} {
		known, err := t.storedDocuments(o, kind, papers)
		if err != nil {
			return false, err
		}
		for i := range papers {
			before, ok := known[papers[i].id]
			if papers[i].documentKind == kind && (!ok || asked >= before.changedAt && !bytes.Equal(before.fingerprint, papers[i].fingerprint[:])) {
				return true, nil
			}
		}
	}
	return false, nil
}

// Jobs that map answers again are planned the newest first.
const newerSQL = `
SELECT EXISTS (SELECT 1 FROM jobs
 WHERE run_id = ? AND account = ? AND job_id < ? AND state IN ('queued', 'running', 'waiting'))`

// changedAt is when an outcome changes what is stored: as the provider was asked or, of
// kept answers, now.
func changedAt(o *jobs.Outcome) string {
	if jobs.Kinds[o.Kind].Remaps {
		return stamp(o.FinishedAt)
	}
	return stamp(o.AskedAt)
}
