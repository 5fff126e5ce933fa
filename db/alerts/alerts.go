package alerts

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
	"orderbeat/db/notifications"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
)

// The states of an alert.
const (
	AlertRaised   = "raised"
	AlertResolved = "resolved"
)

// maxAlerts limits the list of all alerts. Raised alerts are not limited: there is at most one per
// provider, account, user, code and kind.
const maxAlerts = 1000

// Alert is a problem that needs the attention of an operator. Its JSON is the body of the alert
// message. At most one alert is raised per provider, account, user, code and kind.
type Alert struct {
	// Code says what is wrong.
	Code clients.Code `json:"code"`
	// State is "raised" or "resolved".
	State string `json:"state"`
	// Provider is the name of the provider's section in the configuration.
	Provider string `json:"provider"`
	// Account is the name of an account. Absent if the alert is not about one.
	Account string `json:"account,omitzero"`
	// User is the user of a token. Absent if the alert is not about one.
	User string `json:"user,omitzero"`
	// Message is for people: its wording may change.
	Message string `json:"message"`
	// Hint is what the operator can do, or "".
	Hint string `json:"hint"`
	// Link is the page on which the operator can act. Absent if there is none.
	Link string `json:"link,omitzero"`
	// Since is when the alert was raised, also if it is resolved.
	Since time.Time `json:"since"`
	// RunID is the run that raised the alert. Absent if no job raised it.
	RunID string `json:"run_id,omitzero"`
	// JobID is the job that raised the alert. Absent if no job raised it.
	JobID string `json:"job_id,omitzero"`
	// Kind is despatch, invoice or check if a job of that kind raised the alert. Absent otherwise.
	Kind string `json:"kind,omitzero"`

	id int64 // row id
}

// Store stores alerts.
type Store struct {
	file *sqlite.DB
	// alerted has the accounts with alerts that a success resolves. It may have accounts without
	// alerts. Only transactions use it.
	alerted map[Account]bool
}

// New returns the alerts of a file.
func New(file *sqlite.DB) *Store {
	return &Store{file: file, alerted: map[Account]bool{}}
}

// Tx is a transaction on alerts.
type Tx struct {
	*sqlite.Tx
	store *Store
}

// In returns a transaction on alerts.
func (s *Store) In(t *sqlite.Tx) Tx { return Tx{t, s} }

// do runs an operation in a transaction.
func (s *Store) do(ctx context.Context, rows int, run func(Tx) error) error {
	return s.file.Write(ctx, rows, sqlite.AsOpened, func(t *sqlite.Tx) error { return run(s.In(t)) })
}

// Raise raises an alert and puts its message into the outbox. If the alert is already raised, it
// returns false and changes nothing. It ignores State, cuts Message to 1,000 characters, and sets a
// zero Since to now.
func (s *Store) Raise(ctx context.Context, a Alert) (raised bool, err error) {
	if a.Provider == "" || a.Code == "" {
		return false, fmt.Errorf("alert requires a provider and a code, got provider %q and code %q", a.Provider, a.Code)
	}
	if a.Since.IsZero() {
		a.Since = time.Now()
	}
	err = s.do(ctx, 2, func(t Tx) (err error) {
		raised, err = t.Raise(a, "")
		return err
	})
	if err != nil {
		return false, fmt.Errorf("alert %s of %s: %w", a.Code, a.Provider, err)
	}
	return raised, nil
}

// Reword updates the message (cut as in [Store.Raise]) and hint of a raised alert without publishing
// it. It does nothing if the alert is not raised.
func (s *Store) Reword(ctx context.Context, a Alert) error {
	err := s.do(ctx, 1, func(t Tx) error { return t.Reword(&a) })
	if err != nil {
		return fmt.Errorf("alert %s of %s: %w", a.Code, a.Provider, err)
	}
	return nil
}

// Reword updates the message and hint of a raised alert, as [Store.Reword] does.
func (t Tx) Reword(a *Alert) error {
	_, err := t.Exec(rewordSQL, a.Message, a.Hint, a.Provider, a.Account, a.User, string(a.Code))
	return err
}

const rewordSQL = `
UPDATE alerts SET message = substr(?, 1, 1000), hint = ?
 WHERE state = 'raised' AND provider = ? AND account = ? AND user = ? AND code = ? AND kind = ''`

// Resolve resolves the raised alerts with these codes for exactly this provider, account and user
// and without a kind. It puts a message for each into the outbox and returns them.
func (s *Store) Resolve(ctx context.Context, provider, name, user string, codes ...clients.Code) (resolved []Alert, err error) {
	err = s.do(ctx, 2, func(t Tx) (err error) {
		resolved, err = t.Resolve(Account{Provider: provider, name: name}, user, codes, time.Now(), "")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("alerts of %s: %w", provider, err)
	}
	return resolved, nil
}

// ResolveAlerts resolves the alerts in the list that are still raised and puts a message for each
// into the outbox.
func (s *Store) ResolveAlerts(ctx context.Context, list []Alert) error {
	return s.do(ctx, 2*len(list), func(t Tx) error {
		for _, a := range list {
			of := Account{Provider: a.Provider, name: a.Account, kind: a.Kind}
			if _, err := t.Resolve(of, a.User, []clients.Code{a.Code}, time.Now(), ""); err != nil {
				return fmt.Errorf("alert %s of %s: %w", a.Code, a.Provider, err)
			}
		}
		return nil
	})
}

// RaisedAlerts counts the raised alerts by provider and code.
func (s *Store) RaisedAlerts(ctx context.Context) (counts map[AlertKey]int, err error) {
	counts = map[AlertKey]int{}
	err = sqlite.Query(ctx, s.file.Readers(), func(rows *sql.Rows) error {
		var key AlertKey
		var n int
		err := rows.Scan(&key.Provider, &key.Code, &n)
		counts[key] = n
		return err
	}, countAlertsSQL)
	return counts, err
}

// AlertKey is the key of [Store.RaisedAlerts].
type AlertKey struct {
	Provider string
	Code     clients.Code
}

// Alerts returns all raised alerts, or the latest 1,000 alerts in any state, newest first.
func (s *Store) Alerts(ctx context.Context, raisedOnly bool) ([]Alert, error) {
	if raisedOnly {
		return sqlite.Fetch(ctx, s.file.Readers(), scanAlert, raisedAlertsSQL)
	}
	return sqlite.Fetch(ctx, s.file.Readers(), scanAlert, allAlertsSQL, maxAlerts)
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

// dest returns the scan destinations for alertColumns.
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

// Raise stores an alert and puts its message into the outbox, unless it is already raised.
func (t Tx) Raise(a Alert, traceparent string) (bool, error) {
	err := t.Row(raiseSQL, []any{
		a.Provider, a.Account, a.User, string(a.Code), a.Message, a.Hint, sqlite.OrNull(a.Link), sqlite.Stamp(a.Since), sqlite.OrNull(a.RunID), sqlite.OrNull(a.JobID), a.Kind,
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

// Resolve resolves the raised alerts of an account and user with these codes and puts their
// messages into the outbox.
func (t Tx) Resolve(of Account, user string, codes []clients.Code, at time.Time, traceparent string) ([]Alert, error) {
	list, err := sqlite.EncodeJSON(codes)
	if err != nil {
		return nil, err
	}
	resolved, err := sqlite.FetchIn(t.Tx, scanAlert, resolveSQL, sqlite.Stamp(at), of.Provider, of.name, user, list, of.kind)
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

// enqueueAlert puts the message of a raised or resolved alert into the outbox, and notifications of it
// into the queues of their targets. The message id consists of the row id and the state, so that each
// change is published once.
func (t Tx) enqueueAlert(a *Alert, at time.Time, traceparent string) error {
	if err := notifications.Enqueue(t.Tx, a.id, time.Now()); err != nil {
		return err
	}
	body, err := sqlite.EncodeJSON(a)
	if err != nil {
		return err
	}
	kind := outbox.TypeAlertRaised
	if a.State == AlertResolved {
		kind = outbox.TypeAlertResolved
	}
	key := outbox.Token(a.Provider) + "." + outbox.Token(string(a.Code))
	id := key + "." + strconv.FormatInt(a.id, 10)
	return outbox.Enqueue(t.Tx, &outbox.Entry{
		Topic: "alerts", Subject: "alerts." + key, MsgID: id + "." + a.State, Type: kind, CESubject: id,
		Provider: a.Provider, Time: at, Traceparent: traceparent, Body: body,
	})
}
