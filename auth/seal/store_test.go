package seal_test

import (
	"context"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"

	"orderbeat/auth"
	"orderbeat/auth/seal"
	"orderbeat/auth/secret"
	"orderbeat/auth/storetest"
)

// sealing is a store that is sealed over another.
func sealing(tb testing.TB, inner auth.Store) *seal.Store {
	tb.Helper()
	return seal.New(inner, load(tb, writeKeys(tb, keyPath(tb), oneKey)))
}

func TestSealImplementsTheStoreContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) auth.Store {
		t.Helper()
		return sealing(t, auth.NewMemory())
	})
}

func TestSealedTokensAreRestored(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(r *auth.Row)
	}{
		{"a user's tokens", func(*auth.Row) {}},
		{"an access token alone", func(r *auth.Row) { r.Refresh = secret.Secret{} }},
		{"a refresh token alone", func(r *auth.Row) { r.Token = secret.Secret{} }},
		{"a refusal before the first token", func(r *auth.Row) {
			r.Token, r.Refresh, r.State, r.Generation = secret.Secret{}, secret.Secret{}, auth.StateRejected, 0
		}},
		{"tokens that nothing was judged of", func(r *auth.Row) { r.Credential = "" }},
		{"nothing", func(r *auth.Row) { r.Token, r.Refresh, r.Credential = secret.Secret{}, secret.Secret{}, "" }},
		{"a token that looks sealed", func(r *auth.Row) { r.Token = secret.New("enc:v1:00000000:AAAA") }},
		{"characters that JSON escapes", func(r *auth.Row) { r.Token = secret.New("00D!<&>\"\\\n\x00é") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			row := sealedRow("k")
			tt.change(&row)
			inner := newCabinet()
			s := sealing(t, inner)
			store(t, s, row)
			comesBack(t, s, row)
			if got := inner.row("k"); !got.Refresh.Empty() || (got.Credential == "") != (row.Credential == "") {
				t.Error("the inner row has a refresh token, or no credential")
			}
		})
	}
}

// listener is a store that notes what it is asked with.
type listener struct {
	*cabinet
	credentials []string
}

func (l *listener) Lease(ctx context.Context, lease auth.Lease) (bool, error) {
	l.credentials = append(l.credentials, lease.Credential)
	return l.cabinet.Lease(ctx, lease)
}

func (l *listener) Commit(ctx context.Context, lease auth.Lease, row auth.Row) (bool, error) {
	l.credentials = append(l.credentials, lease.Credential, row.Credential)
	return l.cabinet.Commit(ctx, lease, row)
}

func TestInnerStoreHasNoPlaintext(t *testing.T) {
	inner := &listener{cabinet: newCabinet()}
	s := sealing(t, inner)
	store(t, s, sealedRow("k"))
	store(t, s, sealedRow("k"))
	row := inner.row("k")
	sealed := row.Token.Reveal()
	if !regexp.MustCompile(`^enc:v1:[0-9a-f]{8}:[A-Za-z0-9+/]+=*$`).MatchString(sealed) {
		t.Errorf("got %q want a sealed value", sealed)
	}
	if !row.Refresh.Empty() {
		t.Error("the refresh token is in its column")
	}
	raw, err := base64.StdEncoding.DecodeString(sealed[strings.LastIndex(sealed, ":")+1:])
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ToLower(sealed+string(raw)), "canary") {
		t.Errorf("the sealed value contains a secret: %s", sealed)
	}
	for _, got := range inner.credentials {
		if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(got) {
			t.Errorf("credential: got %q want an HMAC", got)
		}
	}
	if first, last := inner.credentials[0], inner.credentials[len(inner.credentials)-1]; first != last {
		t.Errorf("the same credential: got %s and %s want the same HMAC", first, last)
	}
	other := newCabinet()
	store(t, seal.New(other, load(t, writeKeys(t, keyPath(t), anotherKey))), sealedRow("k"))
	if other.row("k").Credential == row.Credential {
		t.Error("the HMAC does not depend on the key")
	}
}

func TestSameTokenIsSealedDifferentlyEachTime(t *testing.T) {
	inner := newCabinet()
	s := sealing(t, inner)
	store(t, s, sealedRow("k"))
	first := inner.row("k").Token
	store(t, s, sealedRow("k"))
	if inner.row("k").Token == first {
		t.Error("the nonce is used again")
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func TestCancelledCallIsNotStored(t *testing.T) {
	s := sealing(t, newCabinet())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, errLoad := s.Load(ctx, "k")
	_, errLease := s.Lease(ctx, auth.Lease{Key: "k"})
	_, errCommit := s.Commit(ctx, auth.Lease{Key: "k"}, auth.Row{Key: "k"})
	for _, err := range []error{errLoad, errLease, errCommit} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v want %v", err, context.Canceled)
		}
	}
	store(t, s, sealedRow("k")) // nothing stays locked
}

// shelf holds one row and takes any other.
type shelf struct{ row auth.Row }

func (s *shelf) Load(context.Context, string) (auth.Row, error)  { return s.row, nil }
func (s *shelf) Lease(context.Context, auth.Lease) (bool, error) { return true, nil }
func (s *shelf) Commit(_ context.Context, _ auth.Lease, row auth.Row) (bool, error) {
	s.row = row
	return true, nil
}

// BenchmarkSeal measures what sealing and opening one row adds to a store: the key
// file is locked and read for either.
func BenchmarkSeal(b *testing.B) {
	row := sealedRow("k")
	row.Token = secret.New(strings.Repeat("t", 1024)) // Mazda's may be that long
	s := sealing(b, &shelf{})
	l := leaseOf(row)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Commit(b.Context(), l, row); err != nil {
			b.Fatal(err)
		}
		got, err := s.Load(b.Context(), "k")
		if err != nil || got.Token != row.Token {
			b.Fatal("the row does not come back", err)
		}
	}
}
