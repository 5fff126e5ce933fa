package memory_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

const megabyte = 1 << 20

func TestBudgetRejectsMoreThanItsShare(t *testing.T) {
	pool := memory.NewPool(600 * megabyte) // a hundred for each
	ctx, release := pool.Budget(t.Context(), "acme")
	defer release()
	b := memory.BudgetOf(ctx)
	if err := b.Charge(ctx, 99*megabyte); err != nil {
		t.Fatal(err)
	}
	err := b.Charge(ctx, 2*megabyte)
	if e := clients.AsError(err); e == nil || e.Code != clients.CodeBadResponse || !strings.Contains(e.Message, "100 MB") {
		t.Errorf("got %v, want bad_response that names the limit", err)
	}
	b.Free(50 * megabyte)
	if err := b.Charge(ctx, 40*megabyte); err != nil {
		t.Errorf("got %v for what fits again", err)
	}
}

// large charges what makes an attempt large, and tells when it may.
func large(ctx context.Context, pool *memory.Pool, provider string) (done <-chan error, release func()) {
	ctx, release = pool.Budget(ctx, provider)
	ended := make(chan error, 1)
	go func() { ended <- memory.BudgetOf(ctx).Charge(ctx, 20*megabyte) }()
	return ended, release
}

func waits(done <-chan error) bool {
	synctest.Wait()
	select {
	case <-done:
		return false
	default:
		return true
	}
}

func TestOnlyLargeAttemptsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := memory.NewPool(600 * megabyte)
		first, endFirst := large(t.Context(), pool, "hostile")
		second, endSecond := large(t.Context(), pool, "hostile")
		if waits(first) || waits(second) {
			t.Fatal("two of a provider wait")
		}
		third, endThird := large(t.Context(), pool, "hostile")
		if !waits(third) {
			t.Error("a provider has every place")
		}
		healthy, endHealthy := large(t.Context(), pool, "healthy")
		if waits(healthy) {
			t.Error("another provider has no place")
		}
		ctx, release := pool.Budget(t.Context(), "hostile")
		defer release()
		if err := memory.BudgetOf(ctx).Charge(ctx, megabyte); err != nil {
			t.Errorf("a small one: %v", err)
		}
		fourth, endFourth := large(t.Context(), pool, "other")
		if !waits(fourth) {
			t.Error("more are large at once than there are places")
		}
		endFirst()
		if waits(fourth) {
			t.Error("a place that is free is not taken by the one that waits longest")
		}
		endSecond()
		if waits(third) {
			t.Error("a place that is free is not taken")
		}
		for _, end := range []func(){endThird, endHealthy, endFourth} {
			end()
		}
	})
}

func TestBudgetStopsWaitingWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := memory.NewPool(600 * megabyte)
		for range 2 {
			done, end := large(t.Context(), pool, "acme")
			defer end()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done, end := large(ctx, pool, "acme")
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that time is up", err)
		}
		end()
	})
}

func TestMeterEndsALoopWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := memory.NewMeter(ctx)
	defer m.Free()
	cancel()
	rounds := 0
	for m.Use(1000) == nil {
		if rounds++; rounds > 1000 {
			t.Fatal("the loop goes on after its context")
		}
	}
	if !errors.Is(m.Err(), context.Canceled) {
		t.Errorf("got %v, want the context's end", m.Err())
	}
}
