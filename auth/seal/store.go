package seal

import (
	"context"

	"orderbeat/auth"
)

// Store is a [auth.Store] whose tokens are sealed in the store below it; see [New]. It
// is safe for concurrent use, by several processes too if they use the same key file.
type Store struct {
	inner auth.Store
	keys  *Keyring
}

// New keeps tokens in inner so that only who has the keys can read them, or put
// others in their place.
//
// A row's Token, Refresh and Credential become one value in inner's Token, AES-256-GCM
// bound to the row's key and generation: "enc:v1:<key id>:<base64>". Inner's Refresh is
// empty, and its Credential is an HMAC of the fingerprint, which tells nothing but
// whether two are the same. All other columns are written as they are.
//
// What cannot be opened is no error but a row without tokens that is Unreadable: the
// key is lost, the value is damaged, is another row's, or was never sealed.
func New(inner auth.Store, keys *Keyring) *Store { return &Store{inner: inner, keys: keys} }

// Load implements [auth.Store]. The credential that an unreadable row was judged with is
// not known: its refusal and its cooldown are taken for another's, and end.
func (s *Store) Load(ctx context.Context, key string) (auth.Row, error) {
	keys, unlock, err := s.keys.share(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return auth.Row{}, ctx.Err()
	case err != nil:
		keys, unlock = s.keys.last.Load(), func() {} // what we could open we still can
	}
	defer unlock()
	row, err := s.inner.Load(ctx, key)
	if err != nil {
		return auth.Row{}, err
	}
	return keys.open(row), nil
}

// Lease implements [auth.Store]. It needs the key file, as what comes of a lease cannot be
// written without.
func (s *Store) Lease(ctx context.Context, l auth.Lease) (bool, error) {
	// Alone: were the row sealed with another key once it is read, inner would take
	// a credential that is the same for another one.
	keys, unlock, err := s.keys.seize(ctx)
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

// Commit implements [auth.Store]. It needs the key file: what is sealed with a key that is
// there no more is lost.
func (s *Store) Commit(ctx context.Context, l auth.Lease, row auth.Row) (bool, error) {
	keys, unlock, err := s.keys.share(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	l.Credential = keys.current().fingerprint(l.Credential)
	return s.inner.Commit(ctx, l, keys.seal(row))
}
