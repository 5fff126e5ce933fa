package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
)

// The states of an alert.
const (
	AlertRaised   = "raised"
	AlertResolved = "resolved"
)

// maxAlerts bounds how many alerts are listed, but for those that are raised: of these
// there is one at most of each provider, account, user, code and kind.
const maxAlerts = 1000

// Alert is something that a person should look at, or should have. Its JSON is the
// message that tells of it. There is one that is raised, at most, of a provider,
// account, user, code and kind.
type Alert struct {
	Code clients.Code `json:"code"`
	// State is [AlertRaised] or [AlertResolved].
	State    string `json:"state"`
	Provider string `json:"provider"`
	// Account and User are "" where it is about neither.
	Account string `json:"account,omitzero"`
	User    string `json:"user,omitzero"`
	Message string `json:"message"`
	// Hint says what a person can do about it.
	Hint string `json:"hint"`
	// Link is where they do so, "" when there is no such page.
	Link string `json:"link,omitzero"`
	// Since is when it was raised; Raise takes the zero time for now.
	Since time.Time `json:"since"`
	// RunID and JobID are the job that raised it, "" when none did.
	RunID string `json:"run_id,omitzero"`
	JobID string `json:"job_id,omitzero"`
	// Kind is despatch, invoice or check where a job of that kind raised it, else "".
	Kind string `json:"kind,omitzero"`

	id int64 // of its row
}

// Raise raises an alert, and tells of it, unless it is raised already: then it
// returns false and changes nothing. The alert's State is not looked at. Of the
// message the first 1,000 characters are kept.
func (d *DB) Raise(ctx context.Context, a Alert) (raised bool, err error) {
	if a.Provider == "" || a.Code == "" {
		return false, fmt.Errorf("an alert names its provider and code, not %q and %q", a.Provider, a.Code)
	}
	if a.Since.IsZero() {
		a.Since = time.Now()
	}
	err = d.do(ctx, 2, false, func(t *tx) (err error) {
		raised, err = t.raise(a, "")
		return err
	})
	if err != nil {
		return false, fmt.Errorf("alert %s of %s: %w", a.Code, a.Provider, err)
	}
	return raised, nil
}

// Reword has an alert that is raised say something else: its message, cut as Raise does,
// and hint. It is the same alert still, so that nobody is told. One that is not raised is
// left alone.
func (d *DB) Reword(ctx context.Context, a Alert) error {
	if _, err := d.write(ctx, rewordSQL, a.Message, a.Hint, a.Provider, a.Account, a.User, string(a.Code)); err != nil {
		return fmt.Errorf("alert %s of %s: %w", a.Code, a.Provider, err)
	}
	return nil
}

const rewordSQL = `
UPDATE alerts SET message = substr(?, 1, 1000), hint = ?
 WHERE state = 'raised' AND provider = ? AND account = ? AND user = ? AND code = ? AND kind = ''`

// Resolve resolves those alerts with these codes that are raised of exactly this
// provider, account and user, and of no kind, tells of each, and returns them.
func (d *DB) Resolve(ctx context.Context, provider, name, user string, codes ...clients.Code) (resolved []Alert, err error) {
	err = d.do(ctx, 2, false, func(t *tx) (err error) {
		resolved, err = t.resolve(account{provider: provider, name: name}, user, codes, time.Now(), "")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("alerts of %s: %w", provider, err)
	}
	return resolved, nil
}

// ResolveAlerts resolves those of the alerts that are still raised, and tells of each.
func (d *DB) ResolveAlerts(ctx context.Context, list []Alert) error {
	return d.do(ctx, 2*len(list), false, func(t *tx) error {
		for _, a := range list {
			of := account{provider: a.Provider, name: a.Account, apart: a.Kind}
			if _, err := t.resolve(of, a.User, []clients.Code{a.Code}, time.Now(), ""); err != nil {
				return fmt.Errorf("alert %s of %s: %w", a.Code, a.Provider, err)
			}
		}
		return nil
	})
}

// RaisedAlerts counts the alerts that are raised, by provider and code.
func (d *DB) RaisedAlerts(ctx context.Context) (counts map[AlertKey]int, err error) {
	counts = map[AlertKey]int{}
	err = sqlite.Query(ctx, d.readers, func(rows *sql.Rows) error {
		var key AlertKey
		var n int
		err := rows.Scan(&key.Provider, &key.Code, &n)
		counts[key] = n
		return err
	}, countAlertsSQL)
	return counts, err
}

// AlertKey is what [DB.RaisedAlerts] counts by.
type AlertKey struct {
	Provider string
	Code     clients.Code
}

// Alerts returns all alerts that are raised, or the latest 1,000 of all, newest first.
func (d *DB) Alerts(ctx context.Context, raisedOnly bool) ([]Alert, error) {
	if raisedOnly {
		return sqlite.Fetch(ctx, d.readers, scanAlert, raisedAlertsSQL)
	}
	return sqlite.Fetch(ctx, d.readers, scanAlert, allAlertsSQL, maxAlerts)
}

func scanAlert(rows *sql.Rows) (a Alert, err error) {
	err = rows.Scan(a.dest()...)
	return a, err
}

const (
	alertColumns = `alert_id, provider, account, user, code, state, message, hint, link, since, run_id, job_id, kind`

	allAlertsSQL    = `SELECT ` + alertColumns + ` FROM alerts ORDER BY alert_id DESC LIMIT ?`
	raisedAlertsSQL = `SELECT ` + alertColumns + ` FROM alerts INDEXED BY alerts_raised
 WHERE state = 'raised' ORDER BY alert_id DESC`
	countAlertsSQL = `
SELECT provider, code, count(*) FROM alerts INDEXED BY alerts_raised WHERE state = 'raised' GROUP BY provider, code`
)

// dest is where alertColumns are scanned into.
func (a *Alert) dest() []any {
	return []any{
		&a.id, &a.Provider, &a.Account, &a.User, &a.Code, &a.State, &a.Message, &a.Hint,
		sqlite.Text(&a.Link),
		sqlite.Time(&a.Since),
		sqlite.Text(&a.RunID),
		sqlite.Text(&a.JobID),
		&a.Kind,
	}
}

// raise keeps an alert and puts the message into the outbox, unless it is raised already.
func (t *tx) raise(a Alert, traceparent string) (bool, error) {
	err := t.Row(raiseSQL, []any{
		a.Provider, a.Account, a.User, string(a.Code), a.Message, a.Hint, sqlite.OrNull(a.Link), stamp(a.Since), sqlite.OrNull(a.RunID), sqlite.OrNull(a.JobID), a.Kind,
	}, a.dest()...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	t.noteRaised(&a)
	return true, t.enqueueAlert(&a, a.Since, traceparent)
}

const raiseSQL = `
INSERT INTO alerts (provider, account, user, code, state, message, hint, link, since, run_id, job_id, kind)
VALUES (?, ?, ?, ?, 'raised', substr(?, 1, 1000), ?, ?, ?, ?, ?, ?)
    ON CONFLICT (provider, account, user, code, kind) WHERE state = 'raised' DO NOTHING
RETURNING ` + alertColumns

// resolve ends the alerts with these codes that are raised of somebody, and puts their
// messages into the outbox.
func (t *tx) resolve(of account, user string, codes []clients.Code, at time.Time, traceparent string) ([]Alert, error) {
	list, err := encode(codes)
	if err != nil {
		return nil, err
	}
	resolved, err := sqlite.FetchIn(t.Tx, scanAlert, resolveSQL, stamp(at), of.provider, of.name, user, list, of.apart)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(resolved, func(a, b Alert) int { return cmp.Compare(a.id, b.id) })
	for i := range resolved {
		if err := t.enqueueAlert(&resolved[i], at, traceparent); err != nil {
			return nil, err
		}
	}
	return resolved, nil
}

const resolveSQL = `
UPDATE alerts SET state = 'resolved', resolved_at = ?
 WHERE state = 'raised' AND provider = ? AND account = ? AND user = ?
   AND code IN (SELECT value FROM json_each(?))
   AND kind = ?
RETURNING ` + alertColumns

// enqueueAlert tells of an alert that was raised or resolved at a time. The message's id is
// made of the row's and the state: each is told once.
func (t *tx) enqueueAlert(a *Alert, at time.Time, traceparent string) error {
	body, err := encode(a)
	if err != nil {
		return err
	}
	kind := TypeAlertRaised
	if a.State == AlertResolved {
		kind = TypeAlertResolved
	}
	key := Token(a.Provider) + "." + Token(string(a.Code))
	id := key + "." + strconv.FormatInt(a.id, 10)
	return t.enqueue(&outboxMessage{
		topic: "alerts", subject: "alerts." + key, msgID: id + "." + a.State, kind: kind, ceSubject: id,
		provider: a.Provider, time: at, traceparent: traceparent, body: body,
	})
}
