package seal_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/seal"
	"orderbeat/auth/secret"
)

// rekey fails unless so many rows are sealed anew.
func rekey(tb testing.TB, s *seal.Store, wantResealed, wantUnreadable int) {
	tb.Helper()
	resealed, unreadable, err := s.Rekey(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if resealed != wantResealed || unreadable != wantUnreadable {
		tb.Errorf("got %d resealed, %d unreadable, want %d, %d", resealed, unreadable, wantResealed, wantUnreadable)
	}
}

func TestRekeySealsEveryRowWithANewKey(t *testing.T) {
	inner, path := newCabinet(), keyPath(t)
	s := seal.New(inner, load(t, writeKeys(t, path, anotherKey, oneKey)))
	refused := sealedRow("refused")
	refused.Token, refused.Refresh, refused.State = secret.Secret{}, secret.Secret{}, auth.StateRejected
	rows := []auth.Row{sealedRow("k1"), sealedRow("k2"), refused}
	for _, row := range rows {
		store(t, s, row)
	}
	empty := sealedRow("empty")
	empty.Token, empty.Refresh, empty.Credential = secret.Secret{}, secret.Secret{}, ""
	store(t, s, empty)
	lost := sealedRow("lost")
	lost.Token = secret.New("enc:v1:00000000:AAAA")
	inner.put(lost)
	held := leaseOf(rows[0])
	mayLease(t, s, held, true)
	before := inner.row("k1").Token.Reveal()

	rekey(t, s, 3, 1)

	lines := keyLines(t, path)
	if len(lines) != 1 || lines[0] == oneKey || lines[0] == anotherKey {
		t.Errorf("got %d keys want a new one", len(lines))
	}
	info, err := os.Stat(path)
	must(t, err)
	if got := info.Mode(); got != 0o600 {
		t.Errorf("mode: got %v want 0600", got)
	}
	alone(t, path)
	if keyID(inner.row("k1").Token.Reveal()) == keyID(before) {
		t.Error("the row is not sealed with the new key")
	}
	if diff := cmp.Diff(lost, inner.row("lost")); diff != "" {
		t.Errorf("the row that cannot be read (-want +got):\n%s", diff)
	}
	for _, reader := range []*seal.Store{s, seal.New(inner, load(t, path))} {
		rows[0].LeaseOwner, rows[0].LeaseUntil, rows[0].IntentAt = held.Owner, held.Until, held.At
		for _, row := range append(rows, empty) {
			comesBack(t, reader, row)
		}
		mayLease(t, reader, leaseOf(refused), false)
	}
	if took, err := s.Commit(t.Context(), held, sealedRow("k1")); err != nil || !took {
		t.Errorf("who had the lease: got %v, %v", took, err)
	}
	comesBack(t, s, sealedRow("k1"))
}

func TestRekeyKeepsTheModeAndTheLink(t *testing.T) {
	target, link := writeKeys(t, keyPath(t), oneKey), keyPath(t)
	must(t, os.Chmod(target, 0o400))
	must(t, os.Symlink(target, link))
	rekey(t, seal.New(newCabinet(), load(t, link)), 0, 0)
	for path, want := range map[string]os.FileMode{target: 0o400, link: os.ModeSymlink} {
		info, err := os.Lstat(path)
		must(t, err)
		if got := info.Mode() &^ 0o777; got != want&^0o777 || want.IsRegular() && info.Mode() != want {
			t.Errorf("%s: got mode %v want %v", path, info.Mode(), want)
		}
	}
	if keyLines(t, target)[0] == oneKey {
		t.Error("the key is the old one")
	}
}

func TestFailedRekeyKeepsTheOldKey(t *testing.T) {
	path := writeKeys(t, keyPath(t), oneKey)
	_, _, err := seal.New(auth.NewMemory(), load(t, path)).Rekey(t.Context())
	tells(t, err, "cannot re-encrypt its rows")
	if got := keyLines(t, path); len(got) != 1 || got[0] != oneKey {
		t.Error("the key file has changed")
	}
}

func TestOtherProcessUsesTheNewKey(t *testing.T) {
	inner, path := newCabinet(), keyPath(t)
	ours := seal.New(inner, load(t, writeKeys(t, path, oneKey)))
	theirs := seal.New(inner, load(t, path))
	refused := sealedRow("refused")
	refused.State = auth.StateRejected
	store(t, theirs, sealedRow("k"))
	store(t, theirs, refused)
	rekey(t, ours, 2, 0)

	mayLease(t, theirs, leaseOf(refused), false) // before it has read anything
	store(t, theirs, sealedRow("k2"))
	comesBack(t, theirs, sealedRow("k"))
	for _, key := range []string{"k", "k2"} {
		comesBack(t, seal.New(inner, load(t, path)), sealedRow(key))
	}
}

func TestEverythingIsReadableAfterAFailedRekey(t *testing.T) {
	inner, path := newCabinet(), keyPath(t)
	s := seal.New(inner, load(t, writeKeys(t, path, oneKey)))
	store(t, s, sealedRow("k"))
	full := errors.New("the disk is full")
	inner.reseal = func(_, _ map[string]auth.Row) error { return full }
	_, _, err := s.Rekey(t.Context())
	if !errors.Is(err, full) {
		t.Errorf("got %v want %v", err, full)
	}
	tells(t, err, path)
	store(t, s, sealedRow("k2"))
	for _, key := range []string{"k", "k2"} {
		comesBack(t, seal.New(inner, load(t, path)), sealedRow(key))
	}

	inner.reseal = nil
	rekey(t, s, 2, 0)
	if got := len(keyLines(t, path)); got != 1 {
		t.Errorf("got %d keys want 1", got)
	}
	comesBack(t, s, sealedRow("k"))
}

func TestCrashDuringRekeyLosesNothing(t *testing.T) {
	inner, path := newCabinet(), keyPath(t)
	s := seal.New(inner, load(t, writeKeys(t, path, oneKey)))
	store(t, s, sealedRow("k"))
	left := filepath.Join(t.TempDir(), "key") // what is found after the crash
	inner.reseal = func(before, after map[string]auth.Row) error {
		content, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(left, content, 0o600))
		for _, rows := range []map[string]auth.Row{before, after} {
			found := newCabinet()
			found.rows = maps.Clone(rows)
			restarted := seal.New(found, load(t, left))
			comesBack(t, restarted, sealedRow("k"))
			rekey(t, restarted, 1, 0)
			comesBack(t, restarted, sealedRow("k"))
			must(t, os.WriteFile(left, content, 0o600))
		}
		return nil
	}
	rekey(t, s, 1, 0)
	if got := len(keyLines(t, left)); got != 2 {
		t.Errorf("during it: got %d keys want 2", got)
	}
}

func TestSealingWaitsForARekey(t *testing.T) {
	inner, path := newCabinet(), keyPath(t)
	s := seal.New(inner, load(t, writeKeys(t, path, oneKey)))
	another := seal.New(&shelf{}, load(t, path))
	inner.reseal = func(_, _ map[string]auth.Row) error {
		waits(t, another)
		return nil
	}
	rekey(t, s, 0, 0)
	store(t, another, sealedRow("k"))
}

// waits fails unless another process has to wait before it writes.
func waits(t *testing.T, another auth.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := another.Commit(ctx, auth.Lease{Key: "k"}, sealedRow("k")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a commit meanwhile: got %v want %v", err, context.DeadlineExceeded)
	}
}

func TestRekeyDoesNotDisturbWriters(t *testing.T) {
	const (
		processes = 2
		writers   = 4 // of each process, with a row of its own
		rekeys    = 10
	)
	inner, path := newCabinet(), keyPath(t)
	writeKeys(t, path, oneKey)
	resting := sealedRow("resting")
	resting.State = auth.StateRejected
	store(t, seal.New(inner, load(t, path)), resting)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	renewed := make(chan struct{}, processes*writers)
	var wg sync.WaitGroup
	last := make([][writers]auth.Row, processes)
	for p := range processes {
		s := seal.New(inner, load(t, path))
		for w := range writers {
			wg.Go(func() {
				row := sealedRow(fmt.Sprintf("k%d-%d", p, w))
				for row.Generation = 1; ctx.Err() == nil; row.Generation++ {
					l := leaseOf(row)
					l.Generation--
					last[p][w] = row
					if err := renew(context.WithoutCancel(ctx), s, l, row, leaseOf(resting)); err != nil {
						t.Error(err)
						stop()
						return
					}
					select {
					case renewed <- struct{}{}:
					default:
					}
				}
			})
		}
	}
	rekeyers := []*seal.Store{seal.New(inner, load(t, path)), seal.New(inner, load(t, path))}
	for i := range rekeys {
		for range 2 * cap(renewed) { // let them work in between
			select {
			case <-renewed:
			case <-ctx.Done():
			}
		}
		if _, unreadable, err := rekeyers[i%2].Rekey(t.Context()); err != nil || unreadable != 0 {
			t.Errorf("rekey %d: got %d unreadable, %v", i, unreadable, err)
		}
	}
	stop()
	wg.Wait()

	if got := len(keyLines(t, path)); got != 1 {
		t.Errorf("got %d keys want 1", got)
	}
	s := seal.New(inner, load(t, path))
	comesBack(t, s, resting)
	for _, rows := range last {
		for _, row := range rows {
			comesBack(t, s, row)
			if row.Generation < 2 {
				t.Errorf("%s: got %d commits want more", row.Key, row.Generation)
			}
		}
	}
}

// renew replaces a row, and reads it again; barred is a lease that no caller gets.
func renew(ctx context.Context, s *seal.Store, l auth.Lease, row auth.Row, barred auth.Lease) error {
	if won, err := s.Lease(ctx, l); err != nil || !won {
		return fmt.Errorf("lease of %s, generation %d: %v, %w", l.Key, l.Generation, won, err)
	}
	if took, err := s.Commit(ctx, l, row); err != nil || !took {
		return fmt.Errorf("commit of %s, generation %d: %v, %w", l.Key, l.Generation, took, err)
	}
	got, err := s.Load(ctx, row.Key)
	if err != nil || got.Token != row.Token || got.Unreadable {
		return fmt.Errorf("%s, generation %d: unreadable %v, %w", row.Key, row.Generation, got.Unreadable, err)
	}
	if won, err := s.Lease(ctx, barred); err != nil || won {
		return fmt.Errorf("a lease for refused credentials: %v, %w", won, err)
	}
	return nil
}
