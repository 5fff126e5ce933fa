package db_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/seal"
	"orderbeat/auth/storetest"
	"orderbeat/db"
	"orderbeat/db/dbtest"
)

func TestTokensImplementTheStoreContract(t *testing.T) {
	storetest.RunBelowSeal(t, func(t *testing.T) auth.Store { t.Helper(); return dbtest.Open(t).Tokens() })
}

func TestSealedTokensImplementTheStoreContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) auth.Store {
		t.Helper()
		keys, err := seal.LoadKeyring(filepath.Join(t.TempDir(), "key"), true)
		if err != nil {
			t.Fatal(err)
		}
		return seal.New(dbtest.Open(t).Tokens(), keys)
	})
}

// tokenRow is a row with granted tokens of a user.
func tokenRow(user, sealed string) auth.Row {
	return auth.Row{
		Key: "mazda/test/" + user, Provider: "mazda", Environment: "test", User: user, State: auth.StateValid, Generation: 1,
		Token: secret.New(sealed), Credential: "fingerprint of " + user, ObtainedAt: dbtest.Noon, RefreshAt: dbtest.Noon.Add(50 * time.Minute),
		ExpiresAt: dbtest.Noon.Add(time.Hour), Expiry: endpoint.ExpiryServer, ConsentedAt: dbtest.Noon.Add(-time.Hour), Logins: 3,
	}
}

// leaseOf is an acceptable lease for a row.
func leaseOf(row auth.Row, generation int64) auth.Lease {
	return auth.Lease{
		Key: row.Key, Provider: row.Provider, Environment: row.Environment, User: row.User, Generation: generation,
		Credential: row.Credential, Owner: "test", At: dbtest.Noon, Until: dbtest.Noon.Add(time.Minute), Override: true,
	}
}

// keepToken commits a row with a new lease.
func keepToken(tb testing.TB, d *db.DB, row auth.Row) {
	tb.Helper()
	l := leaseOf(row, row.Generation-1)
	if won, err := d.Tokens().Lease(tb.Context(), l); !won || err != nil {
		tb.Fatalf("lease: got %v, %v", won, err)
	}
	if took, err := d.Tokens().Commit(tb.Context(), l, row); !took || err != nil {
		tb.Fatalf("commit: got %v, %v", took, err)
	}
}

func loadToken(tb testing.TB, d *db.DB, key string) auth.Row {
	tb.Helper()
	row, err := d.Tokens().Load(tb.Context(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return row
}

func TestTokensSurviveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	d := dbtest.OpenAt(t, path)
	want := tokenRow("johndoe", "sealed")
	keepToken(t, d, want)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, loadToken(t, dbtest.OpenAt(t, path), want.Key)); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

func TestRefreshTokenIsNotStoredInPlainText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	d := dbtest.OpenAt(t, path)
	row := tokenRow("johndoe", "sealed")
	keepToken(t, d, row)
	canary := row
	canary.Refresh = secret.New("canary-refresh")
	l := leaseOf(row, 1)
	if won, err := d.Tokens().Lease(t.Context(), l); !won || err != nil {
		t.Fatal(won, err)
	}
	took, err := d.Tokens().Commit(t.Context(), l, canary)
	if took || err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("commit: got %v, %v, want an error without the token", took, err)
	}
	err = d.Tokens().(seal.Resealer).Reseal(t.Context(), func(auth.Row) auth.Row { return canary })
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("reseal: got %v, want an error without the token", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(file), "canary") {
		t.Errorf("it stands in the file, %v", err)
	}
}

func TestTokenCommitsAreAlwaysSynced(t *testing.T) {
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(t.TempDir(), "orderbeat.db"), Synchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	row := tokenRow("johndoe", "sealed")
	lease := leaseOf(row, 0)
	for _, write := range []struct {
		what string
		do   func(ctx context.Context) error
		want string
	}{
		{"a commit of something else", func(ctx context.Context) error { return d.Write(ctx, false, func(db.Exec) error { return nil }) }, "1"},
		{"a lease", func(ctx context.Context) error { _, err := d.Tokens().Lease(ctx, lease); return err }, "2"},
		{"something else again", func(ctx context.Context) error { return d.Write(ctx, false, func(db.Exec) error { return nil }) }, "1"},
		{"a commit of a token", func(ctx context.Context) error { _, err := d.Tokens().Commit(ctx, lease, row); return err }, "2"},
		{"a mark", func(ctx context.Context) error { return d.Write(ctx, true, func(db.Exec) error { return nil }) }, "1"},
		{"sealing anew", func(ctx context.Context) error {
			return d.Tokens().(seal.Resealer).Reseal(ctx, func(r auth.Row) auth.Row { return r })
		}, "2"},
	} {
		if err := write.do(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := d.WriterValue(t.Context(), "PRAGMA synchronous"); got != write.want || err != nil { // 1 is normal, 2 is full
			t.Errorf("%s: synchronous was %s, want %s, %v", write.what, got, write.want, err)
		}
	}
}

func TestResealIsAtomic(t *testing.T) {
	d := dbtest.Open(t)
	users := []string{"ann", "ben", "cid"}
	for _, user := range users {
		keepToken(t, d, tokenRow(user, "old "+user))
	}
	if won, err := d.Tokens().Lease(t.Context(), leaseOf(tokenRow("ben", ""), 1)); !won || err != nil {
		t.Fatal(won, err)
	}
	before := loadToken(t, d, tokenRow("ben", "").Key)
	reseal := d.Tokens().(seal.Resealer).Reseal

	err := reseal(t.Context(), func(r auth.Row) auth.Row {
		if r.User == "cid" {
			panic("oops")
		}
		r.Token = secret.New("lost")
		return r
	})
	if err == nil {
		t.Error("a panic is no error")
	}
	if diff := cmp.Diff(before, loadToken(t, d, before.Key)); diff != "" {
		t.Errorf("after an error (-want +got):\n%s", diff)
	}

	err = reseal(t.Context(), func(r auth.Row) auth.Row {
		r.Token, r.Credential, r.State, r.Generation = secret.New(strings.Replace(r.Token.Reveal(), "old", "new", 1)), "new", "lost", 9
		return r
	})
	if err != nil {
		t.Fatal(err)
	}
	want := before
	want.Token, want.Credential = secret.New("new ben"), "new"
	if diff := cmp.Diff(want, loadToken(t, d, before.Key)); diff != "" {
		t.Errorf("only the token and its credential are another (-want +got):\n%s", diff)
	}
	for _, user := range users {
		if got := loadToken(t, d, tokenRow(user, "").Key).Token.Reveal(); got != "new "+user {
			t.Errorf("got %q of %s", got, user)
		}
	}
}

func TestCredentialsAreListedWithoutTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	d := dbtest.OpenAt(t, path)
	machine := auth.Row{
		Key: "michelin/test", Provider: "michelin", Environment: "test", State: auth.StateRejected, Generation: 1, Credential: "fingerprint",
		Failures: 3, Refusals: 3, Failure: auth.Failure{Class: endpoint.ClassCredential, Status: 400, Code: "invalid_client", Reason: "refused", At: dbtest.Noon},
	}
	user := tokenRow("johndoe", "sealed")
	keepToken(t, d, machine)
	keepToken(t, d, user)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := db.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := r.Credentials(t.Context())
	want := []auth.Row{user, machine}
	for i := range want {
		want[i].Token, want[i].Credential = secret.Secret{}, ""
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := r.Tokens().Lease(t.Context(), leaseOf(user, 1)); err == nil {
		t.Error("took a lease in a database that is open for reading only")
	}
}

func TestNoLeaseForACancelledCaller(t *testing.T) {
	d := dbtest.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	row := tokenRow("johndoe", "")
	if won, err := d.Tokens().Lease(ctx, leaseOf(row, 0)); won || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", won, err)
	}
	if got := loadToken(t, d, row.Key); got.LeaseOwner != "" {
		t.Errorf("%s holds a lease", got.LeaseOwner)
	}
}

func TestEndLeasesOfCrashedProcesses(t *testing.T) {
	d := dbtest.Open(t)
	row := tokenRow("johndoe", "sealed")
	keepToken(t, d, row)
	killed, next := leaseOf(row, 1), leaseOf(row, 1)
	next.Owner, next.At, next.Until = "next", dbtest.Noon.Add(time.Second), dbtest.Noon.Add(time.Hour)
	for _, want := range []bool{false, true} {
		if want {
			if err := d.EndLeases(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := loadToken(t, d, row.Key); got.LeaseOwner != "" || !got.IntentAt.Equal(dbtest.Noon) {
				t.Errorf("got %+v want no lease, and the intent", got)
			}
		} else if won, err := d.Tokens().Lease(t.Context(), killed); !won || err != nil {
			t.Fatalf("lease: got %v, %v", won, err)
		}
		if won, err := d.Tokens().Lease(t.Context(), next); won != want || err != nil {
			t.Errorf("lease: got %v, %v want %v", won, err, want)
		}
	}
}
