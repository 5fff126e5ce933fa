package tokens

import (
	"context"
	"database/sql"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/db/sqlite"
)

// Credentials returns every credential without its tokens and fingerprint, sorted by provider, user and
// key, for [auth.StatusOf].
func (s *Store) Credentials(ctx context.Context) ([]auth.Row, error) {
	return sqlite.Fetch(ctx, s.file.Readers(), func(rows *sql.Rows) (row auth.Row, err error) {
		err = rows.Scan(statusDest(&row)...)
		return row, err
	}, credentialsSQL)
}

const credentialsSQL = `
SELECT ` + statusColumns + ` FROM credentials ORDER BY provider, user, key`

// statusColumns are the columns without secrets.
const statusColumns = `key, provider, environment, user, state, generation, obtained_at, refresh_at, expires_at, expiry_source,
       consented_at, consent_reason, lease_owner, lease_until, intent_at, lost, failures, refusals,
       failure_class, failure_status, failure_code, failure_reason, failed_at, cooldown_until, logins, replays, saved`

// statusDest returns the scan destinations for statusColumns.
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

// tokenColumns are the sealed tokens and the fingerprint of the credential they were granted for.
const tokenColumns = `sealed, credential`

// tokenDest returns the scan destinations for tokenColumns.
func tokenDest(r *auth.Row) []any {
	return []any{secretInto{&r.Token}, sqlite.Text(&r.Credential)}
}

// secretInto scans a secret; NULL is the empty secret.
type secretInto struct{ s *secret.Secret }

func (s secretInto) Scan(src any) error {
	var text string
	err := sqlite.Text(&text).Scan(src)
	*s.s = secret.New(text)
	return err
}
