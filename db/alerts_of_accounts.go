package db

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// codeDead is the alert's about a job whose attempts, or whose time, are used up.
const codeDead clients.Code = "dead_job"

// jobAlerts are the codes of the alerts that jobs raise about their account, and that a
// later success there resolves: why a job failed, or that it is dead.
var jobAlerts = []clients.Code{clients.CodeUnauthorized, clients.CodeForbidden, clients.CodeInvalid, clients.CodeBadResponse, codeDead}

// account is one account of a provider, and what its alerts are about: orders and
// credentials where apart is "", else the documents that this kind of job asks for. They
// come and go apart, because a supplier may give an account the one and not the other:
// one alert for both would be resolved by every success here, and raised by every
// failure there. So do those of checks, which prove nothing about orders.
type account struct{ provider, name, apart string }

// checkKind is [account.apart] of the kind check.
const checkKind = "check"

// apartOf is [account.apart] of a job.
func apartOf(kind string) string {
	switch kind {
	case "despatch", "invoice", checkKind:
		return kind
	}
	return ""
}

// applyAlerts raises and resolves the alerts that an outcome is about. What a caller asked
// in line raises none: a stranger's wrong question is nobody's trouble but theirs.
func (t *tx) applyAlerts(o *jobs.Outcome, inline bool, traceparent string) error {
	if jobs.Kinds[o.Kind].Remaps {
		return nil // nobody was asked, which says nothing of how the account is
	}
	switch o.State {
	case jobs.Succeeded, jobs.Partial:
		if o.Unread > 0 && !inline {
			return t.applyUnreadAlert(o, traceparent)
		}
		return t.resolveAccountAlerts(o, traceparent)
	case jobs.Failed, jobs.Dead:
		a, ok := alertOf(o)
		if inline || !ok {
			return nil
		}
		_, err := t.raise(a, traceparent)
		return err
	default: // it is tried again, or nobody knows
		return nil
	}
}

// applyUnreadAlert raises the alert about orders that could not be read, and resolves every other
// of the account, which was asked with success.
func (t *tx) applyUnreadAlert(o *jobs.Outcome, traceparent string) error {
	a, _ := alertOf(o)
	others := slices.DeleteFunc(slices.Clone(jobAlerts), func(c clients.Code) bool { return c == a.Code })
	if _, err := t.resolve(account{o.Provider, o.Account, apartOf(o.Kind)}, "", others, o.FinishedAt, traceparent); err != nil {
		return err
	}
	_, err := t.raise(a, traceparent)
	return err
}

// alertOf is the alert about the account of a job that failed or is dead, if that is
// something a person should know of. A check that is not possible is an answer to who
// wanted it, and no trouble of the account.
func alertOf(o *jobs.Outcome) (a Alert, ok bool) {
	if o.Err == nil || o.Kind == checkKind && o.Err.Code == clients.CodeInvalid {
		return a, false
	}
	a = Alert{
		Provider: o.Provider, Account: o.Account, Code: o.Err.Code, Message: o.Err.Message, Hint: o.Err.Hint,
		Since: o.FinishedAt, RunID: o.RunID, JobID: o.ID, Kind: apartOf(o.Kind),
	}
	if a.Message == "" {
		a.Message = o.Err.Error()
	}
	if a.Kind != "" {
		a.Message = a.Kind + ": " + a.Message
	}
	if o.State == jobs.Dead {
		a.Code, a.Hint = codeDead, "the next run asks again; or bring it back: orderbeat jobs retry "+o.ID
	}
	return a, slices.Contains(jobAlerts, a.Code)
}

// resolveAccountAlerts resolves what earlier jobs of the account raised; orders that come prove what a
// check does, too. Nearly always that is nothing, which the writer knows without asking
// the database.
func (t *tx) resolveAccountAlerts(o *jobs.Outcome, traceparent string) error {
	a := account{o.Provider, o.Account, apartOf(o.Kind)}
	if err := t.resolveAlertsOf(a, o.FinishedAt, traceparent); err != nil || a.apart != "" {
		return err
	}
	a.apart = checkKind
	return t.resolveAlertsOf(a, o.FinishedAt, traceparent)
}

func (t *tx) resolveAlertsOf(a account, at time.Time, traceparent string) error {
	if !t.db.alarmed[a] {
		return nil
	}
	if _, err := t.resolve(a, "", jobAlerts, at, traceparent); err != nil {
		return err
	}
	t.AfterCommit(func() { delete(t.db.alarmed, a) })
	return nil
}

// noteRaised notes that an alert was raised which a success resolves. Should the
// transaction fail, the account is looked at once too often.
func (t *tx) noteRaised(a *Alert) {
	if a.User != "" || !slices.Contains(jobAlerts, a.Code) {
		return
	}
	key := account{a.Provider, a.Account, a.Kind}
	t.db.alarmed[key] = true
	t.AfterCommit(func() { t.db.alarmed[key] = true }) // whatever a success before it in the transaction does
}

// loadAlarmed loads which accounts have alerts from before.
func (d *DB) loadAlarmed(ctx context.Context) error {
	codes, err := encode(jobAlerts)
	if err != nil {
		return err
	}
	return sqlite.Query(ctx, d.readers, func(rows *sql.Rows) error {
		var a account
		err := rows.Scan(&a.provider, &a.name, &a.apart)
		d.alarmed[a] = true
		return err
	}, alarmedSQL, codes)
}

const alarmedSQL = `
SELECT a.provider, a.account, a.kind
  FROM alerts AS a
 WHERE a.state = 'raised' AND a.user = '' AND a.code IN (SELECT value FROM json_each(?))`
