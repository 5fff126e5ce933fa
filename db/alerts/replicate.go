package alerts

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"orderbeat/db/sqlite"
)

// Published is a published alert, to be applied to this database ([Tx.Replicate]).
type Published struct {
	Alert
	at time.Time
}

// Decode decodes the body of a published alert. id and at are its CloudEvents id and time.
func Decode(id string, at time.Time, body []byte) (p Published, err error) {
	if err := json.Unmarshal(body, &p.Alert); err != nil {
		return p, err
	}
	p.at = at
	number := strings.TrimSuffix(id, "."+p.State)
	number = number[strings.LastIndexByte(number, '.')+1:]
	p.id, err = strconv.ParseInt(number, 10, 64)
	if err != nil || p.Provider == "" || p.Code == "" || p.State != AlertRaised && p.State != AlertResolved {
		return p, errors.New("the message is not an alert")
	}
	return p, nil
}

// Replicate stores a published alert with its number and state. An alert of this database with
// that number, or raised for the same subject, was never published and is removed. It reports whether the
// alert was new.
func (t Tx) Replicate(p *Published) (bool, error) {
	key := []any{p.id, p.Provider, p.Account, p.User, string(p.Code), p.Kind}
	if _, err := t.Exec(displacedSQL, append(key, sqlite.Stamp(p.Since))...); err != nil {
		return false, err
	}
	var resolved any
	if p.State == AlertResolved {
		resolved = sqlite.Stamp(p.at)
	}
	n, err := t.Exec(replicateSQL, append(key, p.State, p.Message, p.Hint, sqlite.OrNull(p.Link), sqlite.Stamp(p.Since), resolved,
		sqlite.OrNull(p.RunID), sqlite.OrNull(p.JobID))...)
	return n > 0, err
}

// Withdraw undoes the alerts that were raised or resolved and whose messages are still in the outbox. It
// returns their number.
func (t Tx) Withdraw() (int, error) {
	raised, err := t.Exec(withdrawRaisedSQL)
	if err != nil {
		return 0, err
	}
	resolved, err := t.Exec(withdrawResolvedSQL)
	return int(raised + resolved), err
}

const (
	displacedSQL = `
DELETE FROM alerts
 WHERE alert_id = ?1 AND (provider <> ?2 OR account <> ?3 OR user <> ?4 OR code <> ?5 OR kind <> ?6 OR since <> ?7)
    OR state = 'raised' AND provider = ?2 AND account = ?3 AND user = ?4 AND code = ?5 AND kind = ?6 AND alert_id <> ?1`

	replicateSQL = `
INSERT INTO alerts (alert_id, provider, account, user, code, kind, state, message, hint, link, since, resolved_at, run_id, job_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (alert_id) DO UPDATE SET state = excluded.state, resolved_at = excluded.resolved_at
 WHERE state = 'raised' AND excluded.state = 'resolved'`

	pendingAlert = `
 WHERE alert_id IN (SELECT CAST(replace(m.ce_subject, rtrim(m.ce_subject, '0123456789'), '') AS INTEGER)
                      FROM outbox AS m WHERE m.topic = 'alerts' AND m.type = 'orderbeat.alert.`

	withdrawRaisedSQL = `DELETE FROM alerts` + pendingAlert + `raised.v1')`

	withdrawResolvedSQL = `UPDATE alerts SET state = 'raised', resolved_at = NULL` + pendingAlert + `resolved.v1')
   AND NOT EXISTS (SELECT 1 FROM alerts AS r WHERE r.state = 'raised' AND r.provider = alerts.provider AND r.account = alerts.account
                      AND r.user = alerts.user AND r.code = alerts.code AND r.kind = alerts.kind)`
)
