package orders

import (
	"context"
	"database/sql"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// AccountFreshness is the time of the last successful and failed sync of an account.
type AccountFreshness struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	// LastSuccessAt is when the last succeeded or partial request was sent; nil if there was
	// none.
	LastSuccessAt *time.Time `json:"last_success_at"`
	// LastFailureAt is when the last failed request was sent; nil if there was none.
	LastFailureAt *time.Time   `json:"last_failure_at"`
	FailureCode   clients.Code `json:"failure_code,omitempty"`
}

// Freshness returns the accounts of a provider ("" for all) for which orders were requested, sorted
// by name.
func (s *Store) Freshness(ctx context.Context, provider string) ([]AccountFreshness, error) {
	return sqlite.Fetch(ctx, s.file.Readers(), func(rows *sql.Rows) (f AccountFreshness, err error) {
		err = rows.Scan(&f.Provider, &f.Account, sqlite.TimeOrNil(&f.LastSuccessAt), sqlite.TimeOrNil(&f.LastFailureAt),
			sqlite.Text(&f.FailureCode))
		return f, err
	}, freshnessSQL, provider, provider)
}

const freshnessSQL = `
SELECT provider, account, last_success_at, last_failure_at, failure_code FROM freshness
 WHERE ? = '' OR provider = ? ORDER BY provider, account`

// UpdateFreshness records the result of a request for orders and, for a complete response for a range
// of order dates, the range: open orders of that range that were not seen since are unlisted
// ([Store.OpenOrders]). Kinds that do not request orders do not affect freshness.
func (t Tx) UpdateFreshness(o *jobs.Outcome) error {
	if kind := jobs.Kinds[o.Kind]; kind.Request != nil || kind.Remaps {
		return nil
	}
	requestedAt := sqlite.Stamp(o.AskedAt)
	switch o.State {
	case jobs.Succeeded, jobs.Partial:
		query, args := succeededSQL, []any{o.Provider, o.Account, requestedAt}
		if o.State == jobs.Succeeded && o.From != "" {
			query, args = completeSQL, append(args, o.From, o.To)
		}
		_, err := t.Exec(query, args...)
		return err
	case jobs.Failed, jobs.Dead, jobs.Waiting:
		var code any
		if o.Err != nil {
			code = string(o.Err.Code)
		}
		_, err := t.Exec(failedSQL, o.Provider, o.Account, requestedAt, code)
		return err
	default: // cancelled: no result
		return nil
	}
}

const (
	latestRequest = `
    ON CONFLICT (provider, account, from_on, to_on) DO UPDATE SET
       requested_at = max(coalesce(requested_at, ''), excluded.requested_at)`

	succeededSQL = `
INSERT INTO responses (provider, account, from_on, to_on, requested_at)
VALUES (?1, ?2, '', '', ?3)` + latestRequest

	completeSQL = `
INSERT INTO responses (provider, account, from_on, to_on, requested_at)
VALUES (?1, ?2, '', '', ?3), (?1, ?2, ?4, ?5, ?3)` + latestRequest

	failedSQL = `
INSERT INTO responses (provider, account, from_on, to_on, last_failure_at, failure_code) VALUES (?, ?, '', '', ?, ?)
    ON CONFLICT (provider, account, from_on, to_on) DO UPDATE SET
       last_failure_at = excluded.last_failure_at, failure_code = excluded.failure_code
 WHERE coalesce(last_failure_at, '') <= excluded.last_failure_at`
)
