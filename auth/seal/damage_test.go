package seal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/seal"
	"orderbeat/auth/secret"
)

// damaged are things that can happen to a row, of which no tokens may come.
var damaged = []struct {
	name   string
	change func(r *auth.Row, other auth.Row)
}{
	{"another user's value", func(r *auth.Row, other auth.Row) { r.Token, r.Credential = other.Token, other.Credential }},
	{"another generation", func(r *auth.Row, _ auth.Row) { r.Generation++ }},
	{"clear text", func(r *auth.Row, _ auth.Row) { r.Token = secret.New("canary") }},
	{"a refresh token in clear text", func(r *auth.Row, _ auth.Row) { r.Token, r.Refresh = secret.Secret{}, secret.New("canary") }},
	{"a later version", reworded("enc:v1:", "enc:v2:")},
	{"an unknown key", func(r *auth.Row, _ auth.Row) {
		r.Token = secret.New(strings.Replace(r.Token.Reveal(), keyID(r.Token.Reveal()), "00000000", 1))
	}},
	{"no key", reworded("enc:v1:", "enc:v1::")},
	{"nothing after the key", func(r *auth.Row, _ auth.Row) {
		r.Token = secret.New(r.Token.Reveal()[:strings.LastIndex(r.Token.Reveal(), ":")+1])
	}},
	{"nothing after the version", func(r *auth.Row, _ auth.Row) { r.Token = secret.New("enc:v1:") }},
	{"the end is missing", func(r *auth.Row, _ auth.Row) { r.Token = secret.New(r.Token.Reveal()[:len(r.Token.Reveal())-4]) }},
	{"something is added", func(r *auth.Row, _ auth.Row) { r.Token = secret.New(r.Token.Reveal() + "AAAA") }},
}

func reworded(from, to string) func(r *auth.Row, _ auth.Row) {
	return func(r *auth.Row, _ auth.Row) {
		r.Token = secret.New(strings.Replace(r.Token.Reveal(), from, to, 1))
	}
}

func TestUnreadableTokenIsIgnored(t *testing.T) {
	for _, tt := range damaged {
		t.Run(tt.name, func(t *testing.T) {
			inner := newCabinet()
			s := sealing(t, inner)
			row, other := sealedRow("k"), sealedRow("k2")
			row.State, row.Failures, row.ConsentedAt = auth.StateRejected, 3, time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
			store(t, s, row)
			store(t, s, other)
			raw := inner.row("k")
			tt.change(&raw, inner.row("k2"))
			inner.put(raw)

			want := raw // all other columns are as they are
			want.Token, want.Refresh, want.Credential, want.Unreadable, want.Kept = secret.Secret{}, secret.Secret{}, "", true, raw.Token
			comesBack(t, s, want)

			// The judgement was about a credential that is not known, for Load as for Lease.
			l := leaseOf(row)
			l.Generation = raw.Generation
			mayLease(t, s, l, true)
		})
	}
}

func TestOtherKeyCannotOpen(t *testing.T) {
	inner := newCabinet()
	store(t, sealing(t, inner), sealedRow("k"))
	raw := inner.row("k")
	want := sealedRow("k")
	want.Token, want.Refresh, want.Credential, want.Unreadable, want.Kept = secret.Secret{}, secret.Secret{}, "", true, raw.Token

	s := seal.New(inner, load(t, writeKeys(t, keyPath(t), anotherKey)))
	comesBack(t, s, want)

	// Nor does it under the name of the right one.
	store(t, s, sealedRow("k2"))
	raw.Token = secret.New(strings.Replace(raw.Token.Reveal(), keyID(raw.Token.Reveal()), keyID(inner.row("k2").Token.Reveal()), 1))
	inner.put(raw)
	want.Kept = raw.Token
	comesBack(t, s, want)

	store(t, s, want) // nothing is granted, and it stays as it is
	if got := inner.row("k").Token; got != raw.Token {
		t.Errorf("got %q want what was sealed to stay", got.Reveal())
	}
	comesBack(t, s, want)

	granted := want // what is granted then is sealed over it
	granted.Token = secret.New("canary-granted")
	store(t, s, granted)
	if inner.row("k").Unreadable {
		t.Error("that it was unreadable is kept")
	}
	granted.Unreadable, granted.Kept = false, secret.Secret{}
	comesBack(t, s, granted)
}

func TestEveryDamagedByteIsDetected(t *testing.T) {
	inner := newCabinet()
	s := sealing(t, inner)
	store(t, s, sealedRow("k"))
	raw := inner.row("k")
	whole := raw.Token.Reveal()
	for i := range whole {
		for _, mask := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 255} {
			text := []byte(whole)
			text[i] ^= mask
			raw.Token = secret.New(string(text))
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
		row.Token, row.Generation = secret.New(text), generation
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
			want.Token, want.Credential, want.Unreadable, want.Kept = secret.Secret{}, "", true, row.Token
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
