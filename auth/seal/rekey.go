package seal

import (
	"context"
	"errors"
	"fmt"

	"orderbeat/auth"
)

// Resealer is a [auth.Store] whose rows can be sealed anew, all in one step.
type Resealer interface {
	// Reseal passes every row to change and writes what it returns, in one
	// transaction that survives a power cut when Reseal returns. Only Token, Refresh
	// and Credential differ then. After an error no row has changed. change may be
	// called again with a row.
	Reseal(ctx context.Context, change func(auth.Row) auth.Row) error
}

// Rekey seals every row with a fresh key and removes the keys from before. It
// returns how many rows it has sealed, and how many it could not read and left as
// they were. The store below must be a [Resealer].
//
// Meanwhile live tokens are served as ever; who needs the store waits until it is
// done. Other processes take the new key at their next call. The old keys leave the
// file last: after an error, or a crash at any point, everything can be read, and
// Rekey can be called again. A copy of the database from before needs a copy of the
// file from before. Comments in the file are not kept.
func (s *Store) Rekey(ctx context.Context) (resealed, unreadable int, err error) {
	inner, ok := s.inner.(Resealer)
	if !ok {
		return 0, 0, errors.New("the token store cannot seal its rows anew")
	}
	old, unlock, err := s.keys.seize(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer unlock()
	fresh, err := freshKey()
	if err != nil {
		return 0, 0, err
	}
	both, err := s.keys.replace(append([]*sealKey{fresh}, old.ring...))
	if err != nil {
		return 0, 0, err
	}
	done := make(map[string]bool) // by row, whether it could be read
	if err := inner.Reseal(ctx, func(row auth.Row) auth.Row { return both.reseal(row, done) }); err != nil {
		return 0, 0, fmt.Errorf("no token is sealed with the new key yet, and the old ones stay in %s: %w", s.keys.path, err)
	}
	for _, readable := range done {
		if readable {
			resealed++
		} else {
			unreadable++
		}
	}
	if _, err := s.keys.replace([]*sealKey{fresh}); err != nil {
		return resealed, unreadable, fmt.Errorf("every token is sealed with a new key, but the old ones stay in the file: %w", err)
	}
	return resealed, unreadable, nil
}

// reseal returns a row of the inner store under the current key, and writes down
// whether it could be read. One that cannot stays as it is.
func (k *keys) reseal(row auth.Row, done map[string]bool) auth.Row {
	if row.Token.Empty() && row.Refresh.Empty() {
		return row
	}
	opened := k.open(row)
	done[row.Key] = !opened.Unreadable
	if opened.Unreadable {
		return row
	}
	return k.seal(opened)
}
