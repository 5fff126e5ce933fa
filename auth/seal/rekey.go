package seal

import (
	"context"
	"errors"
	"fmt"

	"orderbeat/auth"
)

// Resealer is a [auth.Store] whose rows can be re-encrypted.
type Resealer interface {
	// Reseal passes every row to change and writes the result, each in a step of its own or all in one. It
	// is durable when Reseal returns. Only Token, Refresh and Credential differ. After an error some rows
	// may have changed. change may be called again with a row.
	Reseal(ctx context.Context, change func(auth.Row) auth.Row) error
}

// Rekey encrypts every row with a new key and removes the old keys. It returns the number of rows
// that it encrypted, and of those that it could not decrypt and left unchanged. The store below must
// be a [Resealer].
//
// Meanwhile valid tokens are served from memory; other uses of the store wait. Other processes read
// the new key at their next call. The old keys leave the file last: after an error, or a crash at any
// point, everything can be decrypted, and Rekey can be repeated. An older copy of the database needs
// the matching copy of the file. Comments in the file are lost.
func (s *Store) Rekey(ctx context.Context) (resealed, unreadable int, err error) {
	inner, ok := s.inner.(Resealer)
	if !ok {
		return 0, 0, errors.New("the token store cannot re-encrypt its rows")
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
	done := make(map[string]bool) // by row, whether it could be decrypted
	if err := inner.Reseal(ctx, func(row auth.Row) auth.Row { return both.reseal(row, done) }); err != nil {
		return 0, 0, fmt.Errorf("not every token is encrypted with the new key, and the old keys stay in %s: %w", s.keys.path, err)
	}
	for _, readable := range done {
		if readable {
			resealed++
		} else {
			unreadable++
		}
	}
	if _, err := s.keys.replace([]*sealKey{fresh}); err != nil {
		return resealed, unreadable, fmt.Errorf("every token is encrypted with a new key, but the old keys stay in the file: %w", err)
	}
	return resealed, unreadable, nil
}

// reseal returns a row of the inner store under the current key, and notes whether it could be
// decrypted. Otherwise it stays unchanged.
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
