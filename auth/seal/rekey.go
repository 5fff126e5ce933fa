package seal

import (
	"context"
	"errors"
	"fmt"

	"orderbeat/auth"
)

// Resealer is an [auth.Store] whose rows can be re-encrypted.
type Resealer interface {
	// Reseal passes every row to change and writes the result, row by row or all rows in one transaction. It
	// is durable when Reseal returns. change changes only Token, Refresh and Credential. After an error some rows
	// may have changed. change may be called more than once for a row.
	Reseal(ctx context.Context, change func(auth.Row) auth.Row) error
}

// Rekey encrypts every row with a new key and removes the old keys. It returns the number of rows
// that it encrypted, and the number of rows that it could not decrypt and left unchanged. The inner store must
// be a [Resealer].
//
// During the change valid tokens are served from memory; other uses of the store wait. Other processes read
// the new key at their next call. The old keys are removed from the file last: after an error, or a crash at any
// point, everything can be decrypted, and Rekey can be repeated. An older copy of the database needs
// the matching copy of the file. Comments in the file are lost.
func (s *Store) Rekey(ctx context.Context) (resealed, unreadable int, err error) {
	inner, ok := s.inner.(Resealer)
	if !ok {
		return 0, 0, errors.New("the token store cannot re-encrypt its rows")
	}
	old, unlock, err := s.keys.lockExclusive(ctx)
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
	done := make(map[string]bool) // by row, whether it could be decrypted
	if err := inner.Reseal(ctx, func(row auth.Row) auth.Row { return both.reseal(row, done) }); err != nil {
		return 0, 0, fmt.Errorf("not all tokens are encrypted with the new key, so the old keys stay in %s: %w", s.keys.path, err)
	}
	for _, readable := range done {
		if readable {
			resealed++
		} else {
			unreadable++
		}
	}
	if _, err := s.keys.replace([]*sealKey{fresh}); err != nil {
		return resealed, unreadable, fmt.Errorf("all tokens are encrypted with the new key, but the old keys are still in the file: %w", err)
	}
	return resealed, unreadable, nil
}

// reseal re-encrypts a row of the inner store with the current key, and notes in done whether it could be
// decrypted. If not, the row stays unchanged.
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
