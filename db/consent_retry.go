package db

import (
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// retryAfterConsent schedules an immediate retry of a job that failed with a missing consent if the
// consent was granted after the attempt started: the catch-up runs do not include this job. An
// attempt that started after the consent fails.
func (t runTx) retryAfterConsent(o *jobs.Outcome) error {
	if o.State != jobs.Failed || o.Err == nil || o.Err.Code != clients.CodeConsent {
		return nil
	}
	var granted bool
	if err := t.Row(consentGrantedSQL, []any{o.Provider, sqlite.Stamp(o.AskedAt), sqlite.Stamp(time.Now()), o.Account}, &granted); err != nil || !granted {
		return err
	}
	o.State, o.NextAt = jobs.Waiting, o.FinishedAt
	return nil
}

// Times have millisecond precision: within the same millisecond the order is unknown. A time in the
// future was recorded before a backward clock change and is ignored.
const consentGrantedSQL = `
SELECT EXISTS (SELECT 1 FROM alerts
 WHERE provider = ? AND code = 'consent_required' AND state = 'resolved' AND resolved_at >= ? AND resolved_at <= ?
   AND ? IN (SELECT value FROM json_each(accounts)))`
