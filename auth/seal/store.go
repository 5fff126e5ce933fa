package seal

import (
	"context"

	"orderbeat/auth"
)

// Store is an [auth.Store] that encrypts the tokens in an inner store; see [New]. It is safe for
// concurrent use, including by several processes with the same key file.
type Store struct {
	inner auth.Store
	keys  *Keyring
}

// New stores tokens in inner so that only a holder of the keys can read or forge them.
//
// A row's Token, Refresh and Credential become one value in inner's Token, AES-256-GCM bound to the
// row's key and generation: "enc:v1:<key id>:<base64>". Inner's Refresh is empty, and its Credential
// is an HMAC of the fingerprint, which only shows whether two credentials are equal. All other fields are
// written unchanged.
//
// A value that cannot be decrypted is not an error: the row has no tokens and is Unreadable, because the
// key is lost, or the value is damaged, belongs to another row or was never encrypted.
func New(inner auth.Store, keys *Keyring) *Store { return &Store{inner: inner, keys: keys} }

// Load implements [auth.Store]. The credential of an unreadable row is unknown: its rejections and
// its cooldown count as those of another credential, and end.
func (s *Store) Load(ctx context.Context, key string) (auth.Row, error) {
	keys, unlock, err := s.keys.lockShared(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return auth.Row{}, ctx.Err()
	case err != nil:
		keys, unlock = s.keys.last.Load(), func() {} // what could be decrypted before still can
	}
	defer unlock()
	row, err := s.inner.Load(ctx, key)
	if err != nil {
		return auth.Row{}, err
	}
	return keys.open(row), nil
}

// Lease implements [auth.Store]. It needs the key file: without it a token response could not
// be stored.
func (s *Store) Lease(ctx context.Context, l auth.Lease) (bool, error) {
	// Exclusive: if the row were encrypted with another key after it is read, inner would see another
	// credential.
	keys, unlock, err := s.keys.lockExclusive(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	row, err := s.inner.Load(ctx, l.Key)
	if err != nil {
		return false, err
	}
	l.Credential = keys.credential(row, l.Credential)
	return s.inner.Lease(ctx, l)
}

// Commit implements [auth.Store]. It needs the key file: a value encrypted with a removed key is
// lost.
func (s *Store) Commit(ctx context.Context, l auth.Lease, row auth.Row) (bool, error) {
	keys, unlock, err := s.keys.lockShared(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	l.Credential = keys.current().fingerprint(l.Credential)
	return s.inner.Commit(ctx, l, keys.seal(row))
}
