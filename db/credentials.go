package db

import (
	"context"
	"database/sql"

	"orderbeat/auth"
)

// Credentials returns what is known of every credential, by provider, user and key,
// for [auth.StatusOf]. Their tokens, and what those were granted for, are not read at all.
func (d *DB) Credentials(ctx context.Context) ([]auth.Row, error) {
	return fetch(ctx, d.readers, func(rows *sql.Rows) (row auth.Row, err error) {
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
		timeInto{&r.ObtainedAt},
		timeInto{&r.RefreshAt},
		timeInto{&r.ExpiresAt},
		textInto[auth.Expiry]{&r.Expiry},
		timeInto{&r.ConsentedAt},
		textInto[string]{&r.ConsentReason},
		textInto[string]{&r.LeaseOwner},
		timeInto{&r.LeaseUntil},
		timeInto{&r.IntentAt},
		&r.Lost, &r.Failures, &r.Refusals,
		textInto[auth.Class]{&r.Failure.Class},
		numberInto{&r.Failure.Status},
		textInto[string]{&r.Failure.Code},
		textInto[string]{&r.Failure.Reason},
		timeInto{&r.Failure.At},
		timeInto{&r.CooldownUntil},
		&r.Logins, &r.Replays, &r.Saved,
	}
}

// tokenColumns are the tokens, sealed, and the fingerprint of what they were granted for.
const tokenColumns = `sealed, credential`

// tokenDest is where tokenColumns are scanned into.
func tokenDest(r *auth.Row) []any {
	return []any{secretInto{&r.Token}, textInto[string]{&r.Credential}}
}

// secretInto scans a secret; NULL is none.
type secretInto struct{ s *auth.Secret }

func (s secretInto) Scan(src any) error {
	var text string
	err := textInto[string]{&text}.Scan(src)
	*s.s = auth.NewSecret(text)
	return err
}
