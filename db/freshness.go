package db

import (
	"context"
	"database/sql"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// AccountFreshness says how well an account is known.
type AccountFreshness struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	// LastSuccessAt is when the provider was last asked with success, if only in
	// part; nil when it never was.
	LastSuccessAt *time.Time `json:"last_success_at"`
	// LastFailureAt is when it was last asked without; nil when it never was.
	LastFailureAt *time.Time   `json:"last_failure_at"`
	FailureCode   clients.Code `json:"failure_code,omitempty"`
}

// Freshness returns the accounts of a provider that were ever asked about, by
// name; those of all providers when it is "".
func (d *DB) Freshness(ctx context.Context, provider string) ([]AccountFreshness, error) {
	return sqlite.Fetch(ctx, d.readers, func(rows *sql.Rows) (f AccountFreshness, err error) {
		err = rows.Scan(&f.Provider, &f.Account, sqlite.TimeOrNil(&f.LastSuccessAt), sqlite.TimeOrNil(&f.LastFailureAt),
			sqlite.Text(&f.FailureCode))
		return f, err
	}, freshnessSQL, provider, provider)
}

const freshnessSQL = `
SELECT provider, account, last_success_at, last_failure_at, failure_code FROM freshness
 WHERE ? = '' OR provider = ? ORDER BY provider, account`

// updateFreshness notes how asking about an account went. What does not ask for orders, or asks
// nobody, says nothing about how well they are known.
func (t *tx) updateFreshness(o *jobs.Outcome) error {
	if kind := jobs.Kinds[o.Kind]; kind.Ask != nil || kind.Remaps {
		return nil
	}
	asked := stamp(o.AskedAt)
	switch o.State {
	case jobs.Succeeded, jobs.Partial:
		_, err := t.Exec(succeededSQL, o.Provider, o.Account, asked)
		return err
	case jobs.Failed, jobs.Dead, jobs.Waiting:
		var code any
		if o.Err != nil {
			code = string(o.Err.Code)
		}
		_, err := t.Exec(failedSQL, o.Provider, o.Account, asked, code)
		return err
	default: // cancelled: nobody asked
		return nil
	}
}

const (
	succeededSQL = `
INSERT INTO freshness (provider, account, last_success_at) VALUES (?, ?, ?)
    ON CONFLICT (provider, account) DO UPDATE SET
       last_success_at = max(coalesce(last_success_at, ''), excluded.last_success_at)`

	failedSQL = `
INSERT INTO freshness (provider, account, last_failure_at, failure_code) VALUES (?, ?, ?, ?)
    ON CONFLICT (provider, account) DO UPDATE SET
       last_failure_at = excluded.last_failure_at, failure_code = excluded.failure_code
 WHERE coalesce(last_failure_at, '') <= excluded.last_failure_at`
)
