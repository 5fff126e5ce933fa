package alerts

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// codeDead is the code of the alert for a dead job.
const codeDead clients.Code = "dead_job"

// jobAlerts are the codes of the alerts that failed and dead jobs raise for their account. A later
// success of the account resolves them.
var jobAlerts = []clients.Code{clients.CodeUnauthorized, clients.CodeForbidden, clients.CodeInvalid, clients.CodeBadResponse, codeDead}

// Account groups the alerts of an account of a provider. kind is "" for orders and credentials, else
// the kind of job. Alerts of despatch and invoice jobs are separate, because an account may have
// access to orders but not to documents: a shared alert would be raised and resolved alternately.
// Alerts of checks are separate too, because a successful check proves nothing about orders.
type Account struct{ Provider, name, kind string }

// checkKind is the kind check.
const checkKind = "check"

// alertKind returns the kind of an [Account] for a kind of job.
func alertKind(kind string) string {
	switch kind {
	case "despatch", "invoice", checkKind:
		return kind
	}
	return ""
}

// Apply raises or resolves alerts for an outcome. Live requests raise no alerts: the caller
// receives the error.
func (t Tx) Apply(o *jobs.Outcome, live bool, traceparent string) error {
	if jobs.Kinds[o.Kind].Remaps {
		return nil // no request was sent
	}
	switch o.State {
	case jobs.Succeeded, jobs.Partial:
		if o.Unread > 0 && !live {
			return t.applyUnreadAlert(o, traceparent)
		}
		return t.resolveAccountAlerts(o, traceparent)
	case jobs.Failed, jobs.Dead:
		a, ok := alertOf(o)
		if live || !ok {
			return nil
		}
		_, err := t.Raise(a, traceparent)
		return err
	default: // waiting or cancelled
		return nil
	}
}

// applyUnreadAlert raises the alert for orders that could not be decoded and resolves the other
// alerts of the account, because the request succeeded.
func (t Tx) applyUnreadAlert(o *jobs.Outcome, traceparent string) error {
	a, _ := alertOf(o)
	others := slices.DeleteFunc(slices.Clone(jobAlerts), func(c clients.Code) bool { return c == a.Code })
	if _, err := t.Resolve(Account{o.Provider, o.Account, alertKind(o.Kind)}, "", others, o.FinishedAt, traceparent); err != nil {
		return err
	}
	_, err := t.Raise(a, traceparent)
	return err
}

// alertOf returns the alert for a failed or dead job; ok is false if the error code raises none. An
// invalid check raises none: the error is reported to the requester.
func alertOf(o *jobs.Outcome) (a Alert, ok bool) {
	if o.Err == nil || o.Kind == checkKind && o.Err.Code == clients.CodeInvalid {
		return a, false
	}
	a = Alert{
		Provider: o.Provider, Account: o.Account, Code: o.Err.Code, Message: o.Err.Message, Hint: o.Err.Hint,
		Since: o.FinishedAt, RunID: o.RunID, JobID: o.ID, Kind: alertKind(o.Kind),
	}
	if a.Message == "" {
		a.Message = o.Err.Error()
	}
	if a.Kind != "" {
		a.Message = a.Kind + ": " + a.Message
	}
	if o.State == jobs.Dead {
		a.Code, a.Hint = codeDead, "The next run requests the data again. To retry this job, run: orderbeat jobs retry "+o.ID
	}
	return a, slices.Contains(jobAlerts, a.Code)
}

// resolveAccountAlerts resolves the alerts of the account after a success. Received orders also
// resolve alerts of checks. The cache of alerted accounts avoids a query if there is none, which is
// the usual case.
func (t Tx) resolveAccountAlerts(o *jobs.Outcome, traceparent string) error {
	a := Account{o.Provider, o.Account, alertKind(o.Kind)}
	if err := t.resolveAlertsOf(a, o.FinishedAt, traceparent); err != nil || a.kind != "" {
		return err
	}
	a.kind = checkKind
	return t.resolveAlertsOf(a, o.FinishedAt, traceparent)
}

func (t Tx) resolveAlertsOf(a Account, at time.Time, traceparent string) error {
	if !t.store.alerted[a] {
		return nil
	}
	if _, err := t.Resolve(a, "", jobAlerts, at, traceparent); err != nil {
		return err
	}
	t.AfterCommit(func() { delete(t.store.alerted, a) })
	return nil
}

// noteRaised marks the account as alerted if a success resolves the alert. If the transaction is
// rolled back, the mark causes one unnecessary query.
func (t Tx) noteRaised(a *Alert) {
	if a.User != "" || !slices.Contains(jobAlerts, a.Code) {
		return
	}
	key := Account{a.Provider, a.Account, a.Kind}
	t.store.alerted[key] = true
	t.AfterCommit(func() { t.store.alerted[key] = true }) // after any deletion by an earlier success in the transaction
}

// LoadAlerted loads the accounts with raised alerts.
func (s *Store) LoadAlerted(ctx context.Context) error {
	codes, err := sqlite.EncodeJSON(jobAlerts)
	if err != nil {
		return err
	}
	return sqlite.Query(ctx, s.file.Readers(), func(rows *sql.Rows) error {
		var a Account
		err := rows.Scan(&a.Provider, &a.name, &a.kind)
		s.alerted[a] = true
		return err
	}, alertedSQL, codes)
}

const alertedSQL = `
SELECT a.provider, a.account, a.kind
  FROM alerts AS a
 WHERE a.state = 'raised' AND a.user = '' AND a.code IN (SELECT value FROM json_each(?))`
