package notifications

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
)

// maxGroup is the number of notifications that are read, sent and deleted at once.
const maxGroup = 1000

// Target is a target with its filters. An empty filter matches everything.
type Target struct {
	Name      string
	Codes     []clients.Code
	Providers []string
}

// Notification is a raised or resolved alert to send to a target.
type Notification struct {
	ID       int64
	At       time.Time // when the alert was raised or resolved
	State    string    // raised | resolved
	Provider string
	Account  string // "" if the alert is not about one
	User     string // likewise
	Kind     string // of the job, or ""
	Code     clients.Code
	Message  string
	Hint     string
	Link     string
	Since    time.Time // when the alert was raised
}

// Store stores notifications.
type Store struct{ file *sqlite.DB }

// New returns the notifications of a file.
func New(file *sqlite.DB) *Store { return &Store{file} }

// Enqueue adds a notification of an alert for each target whose filters match it.
func Enqueue(t *sqlite.Tx, alertID int64, now time.Time) error {
	_, err := t.Exec(enqueueSQL, sqlite.Stamp(now), alertID)
	return err
}

// SetTargets replaces the targets. A new one is notified of the alerts that are currently raised. The
// notifications of a removed one are deleted.
func (s *Store) SetTargets(ctx context.Context, targets []Target, now time.Time) error {
	names := make([]string, len(targets))
	for i := range targets {
		names[i] = targets[i].Name
	}
	list, err := sqlite.EncodeJSON(names)
	if err != nil {
		return err
	}
	return s.file.Write(ctx, len(targets)+1, sqlite.AsOpened, func(t *sqlite.Tx) error {
		for _, query := range []string{removeTargetsSQL, removeNotificationsSQL} {
			if _, err := t.Exec(query, list); err != nil {
				return err
			}
		}
		for i := range targets {
			if err := setTarget(t, &targets[i], now); err != nil {
				return fmt.Errorf("target %s: %w", targets[i].Name, err)
			}
		}
		return nil
	})
}

func setTarget(t *sqlite.Tx, target *Target, now time.Time) error {
	codes, err := encode(target.Codes)
	if err != nil {
		return err
	}
	providers, err := encode(target.Providers)
	if err != nil {
		return err
	}
	updated, err := t.Exec(updateTargetSQL, codes, providers, target.Name)
	if err != nil || updated > 0 {
		return err
	}
	if _, err := t.Exec(insertTargetSQL, target.Name, codes, providers); err != nil {
		return err
	}
	_, err = t.Exec(enqueueRaisedSQL, sqlite.Stamp(now), target.Name)
	return err
}

// encode returns a list as a JSON array, also if it is nil.
func encode[T any](list []T) (string, error) {
	if len(list) == 0 {
		return "[]", nil
	}
	return sqlite.EncodeJSON(list)
}

// Next returns the oldest notification of a target with those that can be sent in the same
// message: with the same code and state, and before any with the same code and another state. It
// returns at most 1,000, oldest first.
func (s *Store) Next(ctx context.Context, target string) ([]Notification, error) {
	var code, state string
	err := s.file.Readers().QueryRowContext(ctx, oldestSQL, target).Scan(&code, &state)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return sqlite.Fetch(ctx, s.file.Readers(), scan, groupSQL, target, code, state, target, code, state, maxGroup)
}

func scan(rows *sql.Rows) (n Notification, err error) {
	err = rows.Scan(&n.ID, sqlite.Time(&n.At), &n.State, &n.Provider, &n.Account, &n.User, &n.Kind, &n.Code, &n.Message, &n.Hint,
		sqlite.Text(&n.Link), sqlite.Time(&n.Since))
	return n, err
}

// Delete deletes notifications that were sent or given up.
func (s *Store) Delete(ctx context.Context, list []Notification) error {
	ids := make([]int64, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	encoded, err := sqlite.EncodeJSON(ids)
	if err != nil {
		return err
	}
	_, err = s.file.Exec(ctx, deleteSQL, encoded)
	return err
}

// Trim deletes the oldest notifications of a target except the newest ones, and returns how many
// it deleted.
func (s *Store) Trim(ctx context.Context, target string, newest int) (int64, error) {
	return s.file.Exec(ctx, trimSQL, target, target, newest)
}

const (
	columns = `notification_id, at, state, provider, account, user, kind, code, message, hint, link, since`

	enqueue = `
INSERT INTO notifications (target, at, state, provider, account, user, kind, code, message, hint, link, since)
SELECT notification_targets.target, ?, a.state, a.provider, a.account, a.user, a.kind, a.code, a.message, a.hint, a.link, a.since
  FROM alerts AS a CROSS JOIN notification_targets
 WHERE (codes = '[]' OR a.code IN (SELECT value FROM json_each(codes)))
   AND (providers = '[]' OR a.provider IN (SELECT value FROM json_each(providers)))`
	enqueueSQL       = enqueue + ` AND a.alert_id = ?`
	enqueueRaisedSQL = enqueue + ` AND a.state = 'raised' AND notification_targets.target = ? ORDER BY a.alert_id`

	removeTargetsSQL       = `DELETE FROM notification_targets WHERE target NOT IN (SELECT value FROM json_each(?))`
	removeNotificationsSQL = `DELETE FROM notifications WHERE target NOT IN (SELECT value FROM json_each(?))`
	updateTargetSQL        = `UPDATE notification_targets SET codes = ?, providers = ? WHERE target = ?`
	insertTargetSQL        = `INSERT INTO notification_targets (target, codes, providers) VALUES (?, ?, ?)`

	oldestSQL = `SELECT code, state FROM notifications WHERE target = ? ORDER BY notification_id LIMIT 1`
	groupSQL  = `
SELECT ` + columns + ` FROM notifications
 WHERE target = ? AND code = ? AND state = ?
   AND notification_id < coalesce((SELECT min(m.notification_id) FROM notifications AS m
                                    WHERE m.target = ? AND m.code = ? AND m.state <> ?), 9223372036854775807)
 ORDER BY notification_id LIMIT ?`
	deleteSQL = `DELETE FROM notifications WHERE notification_id IN (SELECT value FROM json_each(?))`
	trimSQL   = `
DELETE FROM notifications
 WHERE target = ? AND notification_id <= (SELECT m.notification_id FROM notifications AS m
                                           WHERE m.target = ? ORDER BY m.notification_id DESC LIMIT 1 OFFSET ?)`
)
