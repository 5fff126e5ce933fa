package tokens

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderbeat/auth"
	"orderbeat/db/sqlite"
)

// Store is an [auth.Store] and a [seal.Resealer]: it stores the rows of credentials in a table. See
// db.DB.Tokens.
type Store struct{ file *sqlite.DB }

// New returns the tokens of a file.
func New(file *sqlite.DB) *Store { return &Store{file} }

// Load implements [auth.Store].
func (s *Store) Load(ctx context.Context, key string) (auth.Row, error) {
	row := auth.Row{Key: key}
	err := s.file.Readers().QueryRowContext(ctx, loadTokenSQL, key).Scan(append(statusDest(&row), tokenDest(&row)...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return auth.Row{Key: key, State: auth.StateEmpty}, nil
	}
	if err != nil {
		return auth.Row{}, fmt.Errorf("credential %s: %w", key, err)
	}
	return row, nil
}

const loadTokenSQL = `
SELECT ` + statusColumns + `, ` + tokenColumns + ` FROM credentials WHERE key = ?`

// Lease implements [auth.Store].
func (s *Store) Lease(ctx context.Context, l auth.Lease) (won bool, err error) {
	won, err = s.write(ctx, leaseSQL, l.Key, l.Generation, l.Owner, sqlite.StampUp(l.Until), sqlite.Stamp(l.At), l.Lost,
		l.Override, sqlite.OrNull(l.Credential), l.Provider, l.Environment, l.User, sqlite.Stamp(time.Now()))
	if err != nil {
		return false, fmt.Errorf("credential %s: lease: %w", l.Key, err)
	}
	return won, nil
}

// Inserts the first row of a key; for an existing row the conditions apply. The WHERE of the SELECT
// rejects a generation other than 0 without a row.
const leaseSQL = `
INSERT INTO credentials (key, generation, lease_owner, lease_until, intent_at, lost, provider, environment, user, state, updated_at)
SELECT ?1, 0, ?3, ?4, ?5, ?6, ?9, ?10, ?11, 'empty', ?12
 WHERE ?2 = 0 OR EXISTS (SELECT 1 FROM credentials WHERE key = ?1)
    ON CONFLICT (key) DO UPDATE SET
       lease_owner = ?3, lease_until = ?4, intent_at = ?5, lost = ?6, updated_at = ?12
 WHERE generation = ?2 AND (lease_until IS NULL OR lease_until <= ?5)
   AND (?7 OR credential IS NOT ?8
        OR state NOT IN ('rejected', 'consent_required') AND (cooldown_until IS NULL OR cooldown_until <= ?5 OR failed_at > ?5))`

// Commit implements [auth.Store].
func (s *Store) Commit(ctx context.Context, l auth.Lease, row auth.Row) (committed bool, err error) {
	if !row.Refresh.Empty() {
		return false, fmt.Errorf("credential %s: refresh token is not sealed and would be readable in the database", l.Key)
	}
	f := row.Failure
	committed, err = s.write(
		ctx, commitTokenSQL, row.Provider, row.Environment, row.User, string(row.State), row.Generation,
		sqlite.StampOrNull(row.ObtainedAt), sqlite.StampOrNull(row.RefreshAt), sqlite.StampOrNull(row.ExpiresAt), sqlite.OrNull(string(row.Expiry)),
		sqlite.StampOrNull(row.ConsentedAt), sqlite.OrNull(row.ConsentReason), row.Lost, row.Failures, row.Refusals,
		sqlite.OrNull(string(f.Class)), sqlite.ZeroNull(f.Status), sqlite.OrNull(f.Code), sqlite.OrNull(f.Reason), sqlite.StampOrNull(f.At), sqlite.StampUpOrNull(row.CooldownUntil),
		row.Logins, row.Replays, row.Saved, sqlite.OrNull(row.Token.Reveal()), sqlite.OrNull(row.Credential), sqlite.Stamp(time.Now()),
		l.Key, l.Generation, l.Owner,
	)
	if err != nil {
		return false, fmt.Errorf("credential %s: commit: %w", l.Key, err)
	}
	return committed, nil
}

const commitTokenSQL = `
UPDATE credentials SET provider = ?, environment = ?, user = ?, state = ?, generation = ?,
       obtained_at = ?, refresh_at = ?, expires_at = ?, expiry_source = ?,
       consented_at = ?, consent_reason = ?, lost = ?, failures = ?, refusals = ?,
       failure_class = ?, failure_status = ?, failure_code = ?, failure_reason = ?, failed_at = ?, cooldown_until = ?,
       logins = ?, replays = ?, saved = ?, sealed = ?, credential = ?, updated_at = ?,
       lease_owner = NULL, lease_until = NULL, intent_at = NULL
 WHERE key = ? AND generation = ? AND lease_owner = ?`

// write runs one conditional statement on one row and reports whether it applied.
func (s *Store) write(ctx context.Context, query string, args ...any) (applied bool, err error) {
	err = s.file.Write(ctx, 1, sqlite.Durable, func(t *sqlite.Tx) error {
		n, err := t.Exec(query, args...)
		applied = n == 1
		return err
	})
	return applied && err == nil, err
}

// Reseal implements [seal.Resealer].
func (s *Store) Reseal(ctx context.Context, change func(auth.Row) auth.Row) error {
	return s.file.Write(ctx, 1, sqlite.Durable, func(t *sqlite.Tx) error {
		all, err := sqlite.FetchIn(t, scanRow, allTokensSQL)
		if err != nil {
			return err
		}
		for _, row := range all {
			row = change(row)
			if !row.Refresh.Empty() {
				return fmt.Errorf("credential %s: refresh token is not sealed", row.Key)
			}
			if _, err := t.Exec(resealSQL, sqlite.OrNull(row.Token.Reveal()), sqlite.OrNull(row.Credential), row.Key); err != nil {
				return fmt.Errorf("credential %s: %w", row.Key, err)
			}
		}
		return nil
	})
}

const (
	allTokensSQL = `
SELECT ` + statusColumns + `, ` + tokenColumns + ` FROM credentials`

	resealSQL = `UPDATE credentials SET sealed = ?, credential = ? WHERE key = ?`
)

func scanRow(rows *sql.Rows) (row auth.Row, err error) {
	err = rows.Scan(append(statusDest(&row), tokenDest(&row)...)...)
	return row, err
}

// Rows returns all rows with their sealed tokens, to move them to another store.
func (s *Store) Rows(ctx context.Context) ([]auth.Row, error) {
	return sqlite.Fetch(ctx, s.file.Readers(), scanRow, allTokensSQL)
}

// Delete deletes a row if it still has that generation.
func (s *Store) Delete(ctx context.Context, key string, generation int64) error {
	_, err := s.write(ctx, deleteTokenSQL, key, generation)
	if err != nil {
		return fmt.Errorf("credential %s: delete: %w", key, err)
	}
	return nil
}

const deleteTokenSQL = `DELETE FROM credentials WHERE key = ? AND generation = ?`

// EndLeases ends all leases on credentials. The caller must ensure that no other process renews tokens:
// the holders of the leases must have crashed. The recorded intents are not changed.
func (s *Store) EndLeases(ctx context.Context) error {
	return s.file.Write(ctx, 1, sqlite.Durable, func(t *sqlite.Tx) error {
		_, err := t.Exec(endLeasesSQL)
		return err
	})
}

const endLeasesSQL = `UPDATE credentials SET lease_owner = NULL, lease_until = NULL WHERE lease_owner IS NOT NULL`
