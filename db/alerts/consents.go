package alerts

import (
	"time"

	"orderbeat/db/sqlite"
)

// SetAccounts records the accounts that a user granted access to when the alert was resolved, a JSON list.
func (t Tx) SetAccounts(a *Alert, accounts string) error {
	_, err := t.Exec(setConsentAccountsSQL, accounts, a.id)
	return err
}

const setConsentAccountsSQL = `UPDATE alerts SET accounts = ? WHERE alert_id = ?`

// ConsentGranted reports whether access to an account was granted at or after a time.
func (t Tx) ConsentGranted(provider, account string, since time.Time) (granted bool, err error) {
	err = t.Row(consentGrantedSQL, []any{provider, sqlite.Stamp(since), sqlite.Stamp(time.Now()), account}, &granted)
	return granted, err
}

// Times have millisecond precision: within the same millisecond the order is unknown. A time in the
// future was recorded before a backward clock change and is ignored.
const consentGrantedSQL = `
SELECT EXISTS (SELECT 1 FROM alerts
 WHERE provider = ? AND code = 'consent_required' AND state = 'resolved' AND resolved_at >= ? AND resolved_at <= ?
   AND ? IN (SELECT value FROM json_each(accounts)))`
