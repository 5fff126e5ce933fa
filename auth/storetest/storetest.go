// Package storetest tests the contract of [auth.Store]. Every implementation runs it in its own
// tests.
package storetest

import (
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
)

// Run tests the stores that open returns; each check gets a new, empty one.
func Run(t *testing.T, open func(t *testing.T) auth.Store) {
	t.Helper()
	run(t, open, full)
}

// RunBelowSeal is [Run] for a store that is used below [seal.New]: its rows have no separate refresh
// token.
func RunBelowSeal(t *testing.T, open func(t *testing.T) auth.Store) {
	t.Helper()
	run(t, open, func() auth.Row {
		row := full()
		row.Refresh = secret.Secret{}
		return row
	})
}

func run(t *testing.T, open func(t *testing.T) auth.Store, full func() auth.Row) {
	t.Helper()
	t.Run("a missing row is empty", func(t *testing.T) { absent(t, open(t)) })
	t.Run("a lease creates a missing row", func(t *testing.T) { made(t, open(t)) })
	t.Run("a row is loaded as it was committed", func(t *testing.T) { roundTrip(t, open(t), full()) })
	t.Run("an empty row replaces a full one", func(t *testing.T) { emptied(t, open(t), full()) })
	t.Run("a lease changes nothing but itself", func(t *testing.T) { leased(t, open(t), full()) })
	t.Run("a lease is taken under its conditions only", func(t *testing.T) { leases(t, open, full) })
	t.Run("a commit needs the lease", func(t *testing.T) { commits(t, open(t), full()) })
	t.Run("of many concurrent requests one gets the lease", func(t *testing.T) { contended(t, open(t)) })
	t.Run("commits one after another lose nothing", func(t *testing.T) { inTurn(t, open(t)) })
}

// now has whole milliseconds: a database may round.
var now = time.Date(2026, 11, 20, 6, 0, 0, int(3*time.Millisecond), time.UTC)

func lease() auth.Lease {
	return auth.Lease{
		Key: "k", Provider: "mazda", Environment: "test", User: "mmd10030.johndoe",
		Credential: "c", Owner: "me", At: now, Until: now.Add(time.Minute),
	}
}

// full has every stored field set, except those of the lease.
func full() auth.Row {
	return auth.Row{
		Key: "k", Provider: "mazda", Environment: "test", User: "mmd10030.johndoe",
		State: auth.StateValid, Generation: 1, Token: secret.New("00D!token"), Refresh: secret.New("refresh"),
		ObtainedAt: now, RefreshAt: now.Add(time.Hour), ExpiresAt: now.Add(2 * time.Hour), Expiry: endpoint.ExpiryDefault,
		ConsentedAt: now.Add(-time.Hour), ConsentReason: "a reason", Credential: "c",
		Lost: 1, Failures: 2, Refusals: 1, CooldownUntil: now.Add(time.Second),
		Failure: auth.Failure{Class: endpoint.ClassCredential, Status: 400, Code: "invalid_client", Reason: "refused", At: now},
		Logins:  7, Replays: 8, Saved: 1 << 40,
	}
}

func absent(t *testing.T, s auth.Store) {
	t.Helper()
	holds(t, s, auth.Row{Key: "k", State: auth.StateEmpty})
}

func made(t *testing.T, s auth.Store) {
	t.Helper()
	l := lease()
	l.Lost = 1
	take(t, s, l, true)
	holds(t, s, auth.Row{
		Key: "k", Provider: l.Provider, Environment: l.Environment, User: l.User, State: auth.StateEmpty,
		LeaseOwner: l.Owner, LeaseUntil: l.Until, IntentAt: l.At, Lost: 1,
	})
}

// roundTrip commits a row that has a lease and an intent; the commit must end both.
func roundTrip(t *testing.T, s auth.Store, full auth.Row) {
	t.Helper()
	row := full
	row.LeaseOwner, row.LeaseUntil, row.IntentAt = "you", now.Add(time.Hour), now
	put(t, s, row)
	holds(t, s, full)
}

func emptied(t *testing.T, s auth.Store, full auth.Row) {
	t.Helper()
	put(t, s, full)
	l := lease()
	l.Generation, l.Override = full.Generation, true
	take(t, s, l, true)
	empty := auth.Row{Key: "k", State: auth.StateEmpty, Generation: 2}
	commit(t, s, l, empty, true)
	holds(t, s, empty)
}

func leased(t *testing.T, s auth.Store, full auth.Row) {
	t.Helper()
	put(t, s, full)
	l := auth.Lease{
		Key: "k", Provider: "other", Environment: "other", User: "other", Generation: 1, Credential: "other",
		Owner: "me", At: now, Until: now.Add(time.Minute), Lost: 2,
	}
	take(t, s, l, true)
	want := full
	want.LeaseOwner, want.LeaseUntil, want.IntentAt, want.Lost = "me", now.Add(time.Minute), now, 2
	holds(t, s, want)
	l.Owner, l.Lost = "you", 3
	take(t, s, l, false)
	commit(t, s, l, auth.Row{Key: "k"}, false)
	holds(t, s, want)
}

func put(t *testing.T, s auth.Store, row auth.Row) {
	t.Helper()
	take(t, s, lease(), true)
	commit(t, s, lease(), row, true)
}

func holds(t *testing.T, s auth.Store, want auth.Row) {
	t.Helper()
	got, err := s.Load(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
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
