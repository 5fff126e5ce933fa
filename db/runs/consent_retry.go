package runs

import (
	"orderbeat/clients"
	"orderbeat/jobs"
)

// RetryAfterConsent schedules an immediate retry of a job that failed with a missing consent if the
// consent was granted after the attempt started: the catch-up runs do not include this job. An
// attempt that started after the consent fails.
func (t Tx) RetryAfterConsent(o *jobs.Outcome) error {
	if o.State != jobs.Failed || o.Err == nil || o.Err.Code != clients.CodeConsent {
		return nil
	}
	granted, err := t.Alerts.ConsentGranted(o.Provider, o.Account, o.AskedAt)
	if err != nil || !granted {
		return err
	}
	o.State, o.NextAt = jobs.Waiting, o.FinishedAt
	return nil
}
