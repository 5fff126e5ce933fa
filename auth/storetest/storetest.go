// Package storetest checks that a store keeps its promises to auth. Every
// implementation of [auth.Store] runs it in its own tests.
package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
)

// Run checks the store that open gives; each check gets one of its own, empty.
func Run(t *testing.T, open func(t *testing.T) auth.Store) {
	t.Helper()
	t.Run("a row that is not there is empty", func(t *testing.T) { absent(t, open(t)) })
	t.Run("a row comes back as it was committed", func(t *testing.T) { roundTrip(t, open(t)) })
	t.Run("a lease is taken under its conditions only", func(t *testing.T) { leases(t, open) })
	t.Run("a commit needs the lease", func(t *testing.T) { commits(t, open(t)) })
	t.Run("of many who want the lease one gets it", func(t *testing.T) { contended(t, open(t)) })
}

// now has whole milliseconds, so that a database may round.
var now = time.Date(2026, 11, 20, 6, 0, 0, int(3*time.Millisecond), time.UTC)

func lease() auth.Lease {
	return auth.Lease{Key: "k", Credential: "c", Owner: "me", At: now, Until: now.Add(time.Minute)}
}

// full has every field set.
func full() auth.Row {
	return auth.Row{
		Key: "k", State: auth.StateValid, Generation: 1, Token: auth.NewSecret("00D!token"),
		ObtainedAt: now, RefreshAt: now.Add(time.Hour), ExpiresAt: now.Add(2 * time.Hour), Expiry: auth.ExpiryDefault, Credential: "c",
		Failures: 2, Refusals: 1, CooldownUntil: now.Add(time.Second),
		Failure: auth.Failure{Class: auth.ClassCredential, Status: 400, Code: "invalid_client", Reason: "refused", At: now},
	}
}

func absent(t *testing.T, s auth.Store) {
	t.Helper()
	got, err := s.Load(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(auth.Row{Key: "k", State: auth.StateEmpty}, got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}

func roundTrip(t *testing.T, s auth.Store) {
	t.Helper()
	put(t, s, full())
	got, err := s.Load(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full(), got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	take(t, s, auth.Lease{Key: "k", Generation: 1, Credential: "other", Owner: "me", At: now, Until: now.Add(time.Minute)}, true)
	got, err = s.Load(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	want := full()
	want.LeaseOwner, want.LeaseUntil, want.IntentAt = "me", now.Add(time.Minute), now
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row under the lease (-want +got):\n%s", diff)
	}
}

func leases(t *testing.T, open func(t *testing.T) auth.Store) {
	t.Helper()
	for _, tt := range []struct {
		name  string
		row   func(r *auth.Row) // nil for no row
		lease func(l *auth.Lease)
		want  bool
	}{
		{"no row yet", nil, func(*auth.Lease) {}, true},
		{"no row yet, but a generation", nil, func(l *auth.Lease) { l.Generation = 1 }, false},
		{"a row at rest no more", func(r *auth.Row) { r.CooldownUntil = now }, func(l *auth.Lease) { l.Generation = 1 }, true},
		{"a row in its cooldown", func(*auth.Row) {}, func(l *auth.Lease) { l.Generation = 1 }, false},
		{"a row in its cooldown, another credential", func(*auth.Row) {}, func(l *auth.Lease) { l.Generation, l.Credential = 1, "other" }, true},
		{"a refused row", func(r *auth.Row) { r.State, r.CooldownUntil = auth.StateRefused, time.Time{} }, func(l *auth.Lease) { l.Generation = 1 }, false},
		{"a refused row, another credential", func(r *auth.Row) { r.State = auth.StateRefused }, func(l *auth.Lease) { l.Generation, l.Credential = 1, "other" }, true},
		{"an older generation", func(r *auth.Row) { r.CooldownUntil = now }, func(*auth.Lease) {}, false},
		{"another key", func(*auth.Row) {}, func(l *auth.Lease) { l.Key = "k2" }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, l := open(t), lease()
			if tt.row != nil {
				row := full()
				tt.row(&row)
				put(t, s, row)
			}
			tt.lease(&l)
			take(t, s, l, tt.want)
		})
	}
}

func commits(t *testing.T, s auth.Store) {
	t.Helper()
	first := lease()
	commit(t, s, first, full(), false) // without any lease
	take(t, s, first, true)

	second := first
	second.Owner = "you"
	take(t, s, second, false) // it is held
	commit(t, s, second, full(), false)
	second.At, second.Until = first.Until, first.Until.Add(time.Minute)
	take(t, s, second, true) // it ran out
	commit(t, s, first, full(), false)
	outdated := second
	outdated.Generation = 7
	commit(t, s, outdated, full(), false)
	commit(t, s, second, full(), true)
	commit(t, s, second, full(), false) // the commit ended it
}

func contended(t *testing.T, s auth.Store) {
	t.Helper()
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			l := lease()
			l.Owner = string(rune('a' + i))
			ok, err := s.Lease(t.Context(), l)
			if err != nil {
				t.Error(err)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if got := won.Load(); got != 1 {
		t.Errorf("leases: got %d want 1", got)
	}
}

// put makes the row what it shall be, over a lease.
func put(t *testing.T, s auth.Store, row auth.Row) {
	t.Helper()
	take(t, s, lease(), true)
	commit(t, s, lease(), row, true)
}

func take(t *testing.T, s auth.Store, l auth.Lease, want bool) {
	t.Helper()
	got, err := s.Lease(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("lease for %s: got %v want %v", l.Owner, got, want)
	}
}

func commit(t *testing.T, s auth.Store, l auth.Lease, row auth.Row, want bool) {
	t.Helper()
	got, err := s.Commit(t.Context(), l, row)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("commit by %s: got %v want %v", l.Owner, got, want)
	}
}
