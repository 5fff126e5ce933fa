package worker // an inside test: the number of checks is not visible from outside

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadinessChecksAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := 0
		r := &readiness{checking: make(chan struct{}, 1), stopping: func() bool { return false }}
		r.checking <- struct{}{}
		r.run = func(ctx context.Context) verdict {
			if ctx.Err() != nil {
				t.Error("the check was cancelled with its first caller")
			}
			checks++
			time.Sleep(10 * time.Millisecond)
			return verdict{}
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		r.verdict(gone)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				for range 3 {
					if v := r.verdict(t.Context()); v.err != nil {
						t.Error(v.err)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		if checks > 2 {
			t.Errorf("got %d checks, want 2 at most", checks)
		}
		time.Sleep(readyFor)
		before := checks
		if r.verdict(t.Context()); checks != before+1 {
			t.Error("an old result was used")
		}
	})
}
