package seal_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/secret"
	"orderbeat/auth/storetest"
)

// cabinet is a store in memory that can be sealed anew, and into which a test reaches.
type cabinet struct {
	mu   sync.Mutex // guards rows
	rows map[string]auth.Row
	// reseal is called by Reseal with the rows as they were and as they shall be;
	// an error leaves them as they were. It may be nil.
	reseal func(before, after map[string]auth.Row) error
}

func newCabinet() *cabinet { return &cabinet{rows: map[string]auth.Row{}} }

func (c *cabinet) row(key string) auth.Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rows[key]
}

func (c *cabinet) put(row auth.Row) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows[row.Key] = row
}

func (c *cabinet) Load(_ context.Context, key string) (auth.Row, error) {
	if row := c.row(key); row.Key != "" {
		return row, nil
	}
	return auth.Row{Key: key, State: auth.StateEmpty}, nil
}

func (c *cabinet) Lease(_ context.Context, l auth.Lease) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	row, there := c.rows[l.Key]
	resting := row.State == auth.StateRejected || row.State == auth.StateConsent || row.CooldownUntil.After(l.At) && !row.Failure.At.After(l.At)
	if row.Generation != l.Generation || row.LeaseUntil.After(l.At) || resting && row.Credential == l.Credential && !l.Override {
		return false, nil
	}
	if !there {
		row = auth.Row{Key: l.Key, State: auth.StateEmpty, Provider: l.Provider, Environment: l.Environment, User: l.User}
	}
	row.LeaseOwner, row.LeaseUntil, row.IntentAt, row.Lost = l.Owner, l.Until, l.At, l.Lost
	c.rows[l.Key] = row
	return true, nil
}

func (c *cabinet) Commit(_ context.Context, l auth.Lease, row auth.Row) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.rows[l.Key]; old.Generation != l.Generation || old.LeaseOwner != l.Owner {
		return false, nil
	}
	row.LeaseOwner, row.LeaseUntil, row.IntentAt = "", time.Time{}, time.Time{}
	c.rows[l.Key] = row
	return true, nil
}

func (c *cabinet) Reseal(_ context.Context, change func(auth.Row) auth.Row) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	after := make(map[string]auth.Row, len(c.rows))
	for range 2 { // as a database does that begins its transaction again
		for key, row := range c.rows {
			changed := change(row)
			row.Token, row.Refresh, row.Credential = changed.Token, changed.Refresh, changed.Credential
			after[key] = row
		}
	}
	if c.reseal != nil {
		if err := c.reseal(c.rows, after); err != nil {
			return err
		}
	}
	c.rows = after
	return nil
}

func TestFakeStoreImplementsTheStoreContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) auth.Store { return newCabinet() })
}

// sealedRow is a user's row with all that is sealed.
func sealedRow(key string) auth.Row {
	return auth.Row{
		Key: key, Provider: "mazda", Environment: "test", User: "mmd10030.johndoe", State: auth.StateValid, Generation: 1,
		Token: secret.New("canary-access-" + key), Refresh: secret.New("canary-refresh-" + key), Credential: "canary-credential",
	}
}

// store commits a row over a lease of its own.
func store(tb testing.TB, s auth.Store, row auth.Row) {
	tb.Helper()
	old, err := s.Load(tb.Context(), row.Key)
	if err != nil {
		tb.Fatal(err)
	}
	l := leaseOf(row)
	l.Generation, l.Override = old.Generation, true
	if won, err := s.Lease(tb.Context(), l); err != nil || !won {
		tb.Fatalf("lease: got %v, %v", won, err)
	}
	if took, err := s.Commit(tb.Context(), l, row); err != nil || !took {
		tb.Fatalf("commit: got %v, %v", took, err)
	}
}

// leaseOf is the wish to replace a row, as of a fixed day.
func leaseOf(row auth.Row) auth.Lease {
	at := time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
	return auth.Lease{
		Key: row.Key, Provider: row.Provider, Environment: row.Environment, User: row.User,
		Generation: row.Generation, Credential: row.Credential, Owner: "me", At: at, Until: at.Add(time.Minute),
	}
}

// comesBack fails unless a row is read as it was written.
func comesBack(tb testing.TB, s auth.Store, want auth.Row) {
	tb.Helper()
	got, err := s.Load(tb.Context(), want.Key)
	if err != nil {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("row (-want +got):\n%s", diff)
	}
	if got.Token.Reveal() != want.Token.Reveal() || got.Refresh.Reveal() != want.Refresh.Reveal() {
		tb.Error("the tokens differ")
	}
}

// mayLease fails unless a lease is granted, or is not, as wanted.
func mayLease(tb testing.TB, s auth.Store, l auth.Lease, want bool) {
	tb.Helper()
	got, err := s.Lease(tb.Context(), l)
	if err != nil {
		tb.Fatal(err)
	}
	if got != want {
		tb.Errorf("lease: got %v want %v", got, want)
	}
}
