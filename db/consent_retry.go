package db

import (
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// retryAfterConsent makes a job wait, and be due at once, if it failed for want of a consent
// that came after the provider was asked: the runs that the consent asked for know
// nothing of it. An attempt that began after the consent fails as it is told.
func (t *tx) retryAfterConsent(o *jobs.Outcome) error {
	if o.State != jobs.Failed || o.Err == nil || o.Err.Code != clients.CodeConsent {
		return nil
	}
	var came bool
	if err := t.Row(cameSQL, []any{o.Provider, stamp(o.AskedAt), stamp(time.Now()), o.Account}, &came); err != nil || !came {
		return err
	}
	o.State, o.NextAt = jobs.Waiting, o.FinishedAt
	return nil
}

// Times are cut to milliseconds: within the same one, nobody knows what was first. A time
// that is still to come is of a clock that was set back since, and tells nothing.
const cameSQL = `
SELECT EXISTS (SELECT 1 FROM alerts
 WHERE provider = ? AND code = 'consent_required' AND state = 'resolved' AND resolved_at >= ? AND resolved_at <= ?
   AND ? IN (SELECT value FROM json_each(accounts)))`
