package storetest

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"orderbeat/auth"
)

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

// inTurn renews one row from many goroutines. Each renewal builds on the one before it, so that the
// last row counts them all.
func inTurn(t *testing.T, s auth.Store) {
	t.Helper()
	const each = 5
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for done := 0; done < each && !t.Failed(); {
				row, err := s.Load(t.Context(), "k")
				if err != nil {
					t.Error(err)
					return
				}
				l := lease()
				l.Owner, l.Generation = strconv.Itoa(i), row.Generation
				won, err := s.Lease(t.Context(), l)
				if err != nil {
					t.Error(err)
					return
				}
				if !won {
					continue
				}
				row.Generation++
				row.Logins++
				if took, err := s.Commit(t.Context(), l, row); !took || err != nil {
					t.Errorf("commit with the lease held: got %v, %v, want success", took, err)
					return
				}
				done++
			}
		})
	}
	wg.Wait()
	row, err := s.Load(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if row.Generation != 8*each || row.Logins != 8*each {
		t.Errorf("got generation %d and %d logins, want %d", row.Generation, row.Logins, 8*each)
	}
}
