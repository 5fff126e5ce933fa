package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/storetest"
)

// sealing is a store that is sealed over another.
func sealing(tb testing.TB, inner auth.Store) *auth.Sealed {
	tb.Helper()
	return auth.Seal(inner, load(tb, writeKeys(tb, keyPath(tb), oneKey)))
}

func TestSealKeepsAStoresPromises(t *testing.T) {
	storetest.Run(t, func(t *testing.T) auth.Store {
		t.Helper()
		return sealing(t, auth.NewMemory())
	})
}

func TestWhatIsSealedComesBack(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(r *auth.Row)
	}{
		{"a user's tokens", func(*auth.Row) {}},
		{"an access token alone", func(r *auth.Row) { r.Refresh = auth.Secret{} }},
		{"a refresh token alone", func(r *auth.Row) { r.Token = auth.Secret{} }},
		{"a refusal before the first token", func(r *auth.Row) {
			r.Token, r.Refresh, r.State, r.Generation = auth.Secret{}, auth.Secret{}, auth.StateRefused, 0
		}},
		{"tokens that nothing was judged of", func(r *auth.Row) { r.Credential = "" }},
		{"nothing", func(r *auth.Row) { r.Token, r.Refresh, r.Credential = auth.Secret{}, auth.Secret{}, "" }},
		{"a token that looks sealed", func(r *auth.Row) { r.Token = auth.NewSecret("enc:v1:00000000:AAAA") }},
		{"characters that JSON escapes", func(r *auth.Row) { r.Token = auth.NewSecret("00D!<&>\"\\\n\x00é") }},
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

func TestTheInnerStoreLearnsNothing(t *testing.T) {
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
	clean(t, "the sealed value", sealed+string(raw))
	for _, got := range inner.credentials {
		if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(got) {
			t.Errorf("credential: got %q want an HMAC", got)
		}
	}
	if first, last := inner.credentials[0], inner.credentials[len(inner.credentials)-1]; first != last {
		t.Errorf("the same credential: got %s and %s want the same HMAC", first, last)
	}
	other := newCabinet()
	store(t, auth.Seal(other, load(t, writeKeys(t, keyPath(t), anotherKey))), sealedRow("k"))
	if other.row("k").Credential == row.Credential {
		t.Error("the HMAC does not depend on the key")
	}
}

func TestTheSameTokenIsSealedDifferentlyEachTime(t *testing.T) {
	inner := newCabinet()
	s := sealing(t, inner)
	store(t, s, sealedRow("k"))
	first := inner.row("k").Token
	store(t, s, sealedRow("k"))
	if inner.row("k").Token == first {
		t.Error("the nonce is used again")
	}
}

// damaged are things that can happen to a row, of which no tokens may come.
var damaged = []struct {
	name   string
	change func(r *auth.Row, other auth.Row)
}{
	{"another user's value", func(r *auth.Row, other auth.Row) { r.Token, r.Credential = other.Token, other.Credential }},
	{"another generation", func(r *auth.Row, _ auth.Row) { r.Generation++ }},
	{"clear text", func(r *auth.Row, _ auth.Row) { r.Token = auth.NewSecret("canary") }},
	{"a refresh token in clear text", func(r *auth.Row, _ auth.Row) { r.Token, r.Refresh = auth.Secret{}, auth.NewSecret("canary") }},
	{"a later version", reworded("enc:v1:", "enc:v2:")},
	{"an unknown key", func(r *auth.Row, _ auth.Row) {
		r.Token = auth.NewSecret(strings.Replace(r.Token.Reveal(), keyID(r.Token.Reveal()), "00000000", 1))
	}},
	{"no key", reworded("enc:v1:", "enc:v1::")},
	{"nothing after the key", func(r *auth.Row, _ auth.Row) {
		r.Token = auth.NewSecret(r.Token.Reveal()[:strings.LastIndex(r.Token.Reveal(), ":")+1])
	}},
	{"nothing after the version", func(r *auth.Row, _ auth.Row) { r.Token = auth.NewSecret("enc:v1:") }},
	{"the end is missing", func(r *auth.Row, _ auth.Row) { r.Token = auth.NewSecret(r.Token.Reveal()[:len(r.Token.Reveal())-4]) }},
	{"something is added", func(r *auth.Row, _ auth.Row) { r.Token = auth.NewSecret(r.Token.Reveal() + "AAAA") }},
}

func reworded(from, to string) func(r *auth.Row, _ auth.Row) {
	return func(r *auth.Row, _ auth.Row) {
		r.Token = auth.NewSecret(strings.Replace(r.Token.Reveal(), from, to, 1))
	}
}

func TestWhatCannotBeReadIsNoToken(t *testing.T) {
	for _, tt := range damaged {
		t.Run(tt.name, func(t *testing.T) {
			inner := newCabinet()
			s := sealing(t, inner)
			row, other := sealedRow("k"), sealedRow("k2")
			row.State, row.Failures, row.ConsentedAt = auth.StateRefused, 3, time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
			store(t, s, row)
			store(t, s, other)
			raw := inner.row("k")
			tt.change(&raw, inner.row("k2"))
			inner.put(raw)

			want := raw // all other columns are as they are
			want.Token, want.Refresh, want.Credential, want.Unreadable = auth.Secret{}, auth.Secret{}, "", true
			comesBack(t, s, want)

			// The judgement was about a credential that is not known, for Load as for Lease.
			l := leaseOf(row)
			l.Generation = raw.Generation
			mayLease(t, s, l, true)
		})
	}
}

func TestAnotherKeyOpensNothing(t *testing.T) {
	inner := newCabinet()
	store(t, sealing(t, inner), sealedRow("k"))
	raw := inner.row("k")
	want := sealedRow("k")
	want.Token, want.Refresh, want.Credential, want.Unreadable = auth.Secret{}, auth.Secret{}, "", true

	s := auth.Seal(inner, load(t, writeKeys(t, keyPath(t), anotherKey)))
	comesBack(t, s, want)

	// Nor does it under the name of the right one.
	store(t, s, sealedRow("k2"))
	raw.Token = auth.NewSecret(strings.Replace(raw.Token.Reveal(), keyID(raw.Token.Reveal()), keyID(inner.row("k2").Token.Reveal()), 1))
	inner.put(raw)
	comesBack(t, s, want)

	granted := want // what is granted then is sealed over it
	granted.Token = auth.NewSecret("canary-granted")
	store(t, s, granted)
	if inner.row("k").Unreadable {
		t.Error("that it was unreadable is kept")
	}
	granted.Unreadable = false
	comesBack(t, s, granted)
}

func TestNoDamagedByteIsOverlooked(t *testing.T) {
	inner := newCabinet()
	s := sealing(t, inner)
	store(t, s, sealedRow("k"))
	raw := inner.row("k")
	whole := raw.Token.Reveal()
	for i := range whole {
		for _, mask := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 255} {
			text := []byte(whole)
			text[i] ^= mask
			raw.Token = auth.NewSecret(string(text))
			inner.put(raw)
			got, err := s.Load(t.Context(), "k")
			if err != nil {
				t.Fatal(err)
			}
			if !got.Unreadable || !got.Token.Empty() || !got.Refresh.Empty() || got.Credential != "" {
				t.Fatalf("byte %d of %d with mask %02x is read", i, len(whole), mask)
			}
		}
	}
}

func TestARefusalOutlivesAChangeOfTheKeyByHand(t *testing.T) {
	inner, path := newCabinet(), keyPath(t)
	s := auth.Seal(inner, load(t, writeKeys(t, path, oneKey)))
	row := sealedRow("k")
	row.State = auth.StateRefused
	store(t, s, row)
	writeKeys(t, path, anotherKey, oneKey)
	comesBack(t, s, row)
	mayLease(t, s, leaseOf(row), false)
	other := leaseOf(row)
	other.Credential = "another"
	mayLease(t, s, other, true)
}

// reading calls a function when a row was read.
type reading struct {
	*cabinet
	then func()
}

func (r *reading) Load(ctx context.Context, key string) (auth.Row, error) {
	defer r.then()
	return r.cabinet.Load(ctx, key)
}

// The row's HMAC is of an old key until somebody commits: if that could happen once a
// lease has read it, the lease would be for another credential.
func TestNobodyCommitsWhileALeaseIsTaken(t *testing.T) {
	path := writeKeys(t, keyPath(t), oneKey)
	another := auth.Seal(&shelf{}, load(t, path))
	inner := &reading{newCabinet(), func() { waits(t, another) }}
	mayLease(t, auth.Seal(inner, load(t, path)), leaseOf(auth.Row{Key: "k"}), true)
	store(t, another, sealedRow("k"))
}

func TestACredentialColumnThatSomebodyClearedEndsTheRefusal(t *testing.T) {
	inner := newCabinet()
	s := sealing(t, inner)
	row := sealedRow("k")
	row.State = auth.StateRefused
	store(t, s, row)
	raw := inner.row("k")
	raw.Credential = ""
	inner.put(raw)
	want := row
	want.Credential = ""
	comesBack(t, s, want) // the tokens are as good as ever
	mayLease(t, s, leaseOf(row), true)
}

func TestASealedColumnThatSomebodyClearedIsAnEmptyRow(t *testing.T) {
	inner := newCabinet()
	s := sealing(t, inner)
	row := sealedRow("k")
	row.State = auth.StateRefused
	store(t, s, row)
	raw := inner.row("k")
	raw.Token = auth.Secret{}
	inner.put(raw)
	want := row
	want.Token, want.Refresh, want.Credential = auth.Secret{}, auth.Secret{}, ""
	comesBack(t, s, want)
	mayLease(t, s, leaseOf(row), true) // though the column has its HMAC: Load tells of another one
}

func TestWithoutItsKeyFileAStoreIsOnlyRead(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, path string)
		want string
	}{
		{"the file is gone", func(t *testing.T, path string) { t.Helper(); must(t, os.Remove(path)) }, "no such file"},
		{"the folder is gone", func(t *testing.T, path string) { t.Helper(); must(t, os.RemoveAll(filepath.Dir(path))) }, "no such file"},
		{"the file is damaged", func(t *testing.T, path string) { t.Helper(); writeKeys(t, path, "canary") }, "line 1"},
		{"others may read another key", func(t *testing.T, path string) {
			t.Helper()
			writeKeys(t, path, anotherKey)
			must(t, os.Chmod(path, 0o644))
		}, "chmod 600"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := keyPath(t)
			s := auth.Seal(newCabinet(), load(t, writeKeys(t, path, oneKey)))
			row := sealedRow("k")
			store(t, s, row)
			tt.do(t, path)
			comesBack(t, s, row)
			_, err := s.Lease(t.Context(), leaseOf(row))
			tells(t, err, filepath.Dir(path), tt.want)
			_, err = s.Commit(t.Context(), leaseOf(row), row)
			tells(t, err, filepath.Dir(path), tt.want)

			must(t, os.MkdirAll(filepath.Dir(path), 0o700))
			writeKeys(t, path, oneKey)
			must(t, os.Chmod(path, 0o600))
			store(t, s, row)
		})
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func TestACallThatHasEndedIsNotStored(t *testing.T) {
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

func TestASourceTakesUpASealedToken(t *testing.T) {
	e, inner, path := &endpoint{}, newCabinet(), keyPath(t)
	start := func() *auth.Source {
		c := config(e)
		c.Store = auth.Seal(inner, load(t, path))
		return open(t, c)
	}
	writeKeys(t, path, oneKey)
	mustToken(t, start())
	if got := mustToken(t, start()).Access.Reveal(); got != "token-1" {
		t.Errorf("after a restart: got %s want token-1", got)
	}
	e.got(t, 1)

	writeKeys(t, path, anotherKey) // the key is lost
	s := start()
	must(t, s.Prepare(t.Context()))
	if !s.Status().Unreadable {
		t.Error("nobody is told of a token that cannot be read")
	}
	if got := mustToken(t, s).Access.Reveal(); got != "token-2" {
		t.Errorf("without its key: got %s want token-2", got)
	}
	e.got(t, 2)
}

// FuzzOpen puts anything where a sealed value stands.
func FuzzOpen(f *testing.F) {
	inner := newCabinet()
	s := sealing(f, inner)
	store(f, s, sealedRow("k"))
	raw := inner.row("k")
	whole := raw.Token.Reveal()
	for _, text := range []string{
		whole, whole[:len(whole)-1], whole + "=", "enc:v1:", "enc:v1:" + keyID(whole) + ":", "enc:v1:" + keyID(whole) + ":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"enc:v2:" + keyID(whole) + ":AAAA", "enc:v1::", "clear text", "::::", "",
	} {
		f.Add(text, int64(1))
	}
	f.Add(whole, int64(2))
	whose := sealedRow("k")
	f.Fuzz(func(t *testing.T, text string, generation int64) {
		row := raw
		row.Token, row.Generation = auth.NewSecret(text), generation
		inner.put(row)
		got, err := s.Load(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		want := row
		switch {
		case text == "":
			want.Credential = ""
		case got.Unreadable || generation != whose.Generation:
			want.Token, want.Credential, want.Unreadable = auth.Secret{}, "", true
		default: // only what was sealed can be read
			want.Token, want.Refresh, want.Credential = whose.Token, whose.Refresh, whose.Credential
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("row (-want +got):\n%s", diff)
		}
		if text == whole && generation == whose.Generation && got.Unreadable {
			t.Error("what was sealed cannot be read")
		}
	})
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
	row.Token = auth.NewSecret(strings.Repeat("t", 1024)) // Mazda's may be that long
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
