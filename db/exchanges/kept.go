package exchanges

import (
	"context"
	"database/sql"

	"orderbeat/clients/exchange"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// KeptJobs returns an account's succeeded and partial jobs whose responses are recorded in full and
// can be mapped again, newest first.
func (s *Store) KeptJobs(ctx context.Context, provider, account string, r jobs.Remapping) ([]jobs.KeptJob, error) {
	query, args := keptJobsQuery(provider, account, r)
	return sqlite.Fetch(ctx, s.file.Bulk(), scanKeptJob, query, args...)
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
		w.And("j.asked_at >= ?", sqlite.Stamp(r.Since))
	}
	if !r.Until.IsZero() {
		w.And("j.asked_at < ?", sqlite.Stamp(r.Until))
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
func (s *Store) Kept(ctx context.Context, jobID string) (k jobs.KeptJob, responses []exchange.Exchange, ok bool, err error) {
	found, err := sqlite.Fetch(ctx, s.file.Bulk(), scanKeptJob, keptJobSQL, jobID)
	if err != nil || len(found) == 0 {
		return k, nil, false, err
	}
	whole := true
	responses, err = sqlite.Fetch(ctx, s.file.Bulk(), func(rows *sql.Rows) (exchange.Exchange, error) {
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
