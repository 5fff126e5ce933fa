package db

import (
	"context"
	"database/sql"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/db/sqlite"
)

// Credentials returns what is known of every credential, by provider, user and key,
// for [auth.StatusOf]. Their tokens, and what those were granted for, are not read at all.
func (d *DB) Credentials(ctx context.Context) ([]auth.Row, error) {
	return sqlite.Fetch(ctx, d.readers, func(rows *sql.Rows) (row auth.Row, err error) {
		err = rows.Scan(statusDest(&row)...)
		return row, err
	}, credentialsSQL)
}

const credentialsSQL = `
SELECT ` + statusColumns + ` FROM credentials ORDER BY provider, user, key`

// statusColumns are those that hold nothing to keep to oneself.
const statusColumns = `key, provider, environment, user, state, generation, obtained_at, refresh_at, expires_at, expiry_source,
       consented_at, consent_reason, lease_owner, lease_until, intent_at, lost, failures, refusals,
       failure_class, failure_status, failure_code, failure_reason, failed_at, cooldown_until, logins, replays, saved`

// statusDest is where statusColumns are scanned into.
func statusDest(r *auth.Row) []any {
	return []any{
		&r.Key, &r.Provider, &r.Environment, &r.User, &r.State, &r.Generation,
		sqlite.Time(&r.ObtainedAt),
		sqlite.Time(&r.RefreshAt),
		sqlite.Time(&r.ExpiresAt),
		sqlite.Text(&r.Expiry),
		sqlite.Time(&r.ConsentedAt),
		sqlite.Text(&r.ConsentReason),
		sqlite.Text(&r.LeaseOwner),
		sqlite.Time(&r.LeaseUntil),
		sqlite.Time(&r.IntentAt),
		&r.Lost, &r.Failures, &r.Refusals,
		sqlite.Text(&r.Failure.Class),
		sqlite.Number(&r.Failure.Status),
		sqlite.Text(&r.Failure.Code),
		sqlite.Text(&r.Failure.Reason),
		sqlite.Time(&r.Failure.At),
		sqlite.Time(&r.CooldownUntil),
		&r.Logins, &r.Replays, &r.Saved,
	}
}

// tokenColumns are the tokens, sealed, and the fingerprint of what they were granted for.
const tokenColumns = `sealed, credential`

// tokenDest is where tokenColumns are scanned into.
func tokenDest(r *auth.Row) []any {
	return []any{secretInto{&r.Token}, sqlite.Text(&r.Credential)}
}

// secretInto scans a secret; NULL is none.
type secretInto struct{ s *secret.Secret }

func (s secretInto) Scan(src any) error {
	var text string
	err := sqlite.Text(&text).Scan(src)
	*s.s = secret.New(text)
	return err
}
