package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
)

func TestValidTokenIsReused(t *testing.T) {
	e := &tokenServer{}
	s := open(t, config(e))
	for range 100 {
		mustToken(t, s)
	}
	e.got(t, 1)
	if st := s.Status(); st.Logins != 1 || st.Saved != 99 {
		t.Errorf("got %+v want 1 login, 99 saved", st)
	}
}

func TestEarlyRenewalServesTheOldToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		e := &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
			if n == 2 {
				<-let
			}
			return grant([]string{"old", "new"}[n-1]), nil
		}}
		s := open(t, config(e))
		mustToken(t, s)

		// 120 minutes: renewed 6 to 10 minutes before the end.
		time.Sleep(110*time.Minute - time.Second)
		mustToken(t, s)
		synctest.Wait()
		e.got(t, 1)
		time.Sleep(4*time.Minute + time.Second)
		for range 10 {
			if got := mustToken(t, s).Access.Reveal(); got != "old" {
				t.Errorf("while renewing: got %s want old", got)
			}
		}
		synctest.Wait()
		e.got(t, 2)
		close(let)
		synctest.Wait()
		if got := mustToken(t, s); got.Access.Reveal() != "new" || got.Generation != 2 {
			t.Errorf("got %s, generation %d, want new, 2", got.Access.Reveal(), got.Generation)
		}
	})
}

func TestTokenIsNotServedUntilItsExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{}
		s := open(t, config(e))
		mustToken(t, s)
		time.Sleep(120*time.Minute - 30*time.Second)
		if got := mustToken(t, s); got.Generation != 2 {
			t.Errorf("30 s before the end: got generation %d want 2", got.Generation)
		}
	})
}

func TestFailedEarlyRenewalServesTheOldToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return grant("old"), nil
			}
			return respond(http.StatusBadGateway, ""), nil
		}}
		var log bytes.Buffer
		c := config(e)
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		s := open(t, c)
		mustToken(t, s)
		time.Sleep(114 * time.Minute)
		for range 60 { // a minute of calls: the renewal is tried again, but not at each call
			mustToken(t, s)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		between(t, "token requests", e.requests.Load(), 3, 9)
		if got, want := strings.Count(log.String(), "renew the access token early"), int(e.requests.Load()-1); got != want {
			t.Errorf("log lines: got %d want one for each of the %d failures", got, want)
		}
		if st := s.Status(); st.State != auth.StateValid || st.LastFailure == nil || st.LastFailure.Class != endpoint.ClassTransient {
			t.Errorf("got %+v want a valid token and a transient failure", st)
		}
	})
}

func TestCallersShareOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return grant("a"), nil
		}}
		s := open(t, config(e))
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, err := s.Token(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		e.got(t, 1)
	})
}

// hanging is an endpoint that answers when let is closed, or not at all.
func hanging(let <-chan struct{}) *tokenServer {
	return &tokenServer{answer: func(_ int64, req *http.Request) (*http.Response, error) {
		select {
		case <-let:
			return grant("a"), nil
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}}
}

func TestCallerWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		e := hanging(let)
		s := open(t, config(e))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := s.Token(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 100*time.Millisecond {
			t.Errorf("after %v: got %v want the caller's deadline after 100ms", time.Since(began), err)
		}
		// The request goes on, and the next caller has its token.
		close(let)
		synctest.Wait()
		mustToken(t, s)
		e.got(t, 1)
	})
}

func TestHangingEndpointTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, config(hanging(nil)))
		began := time.Now()
		_, err := s.Token(t.Context())
		e, ok := errors.AsType[*endpoint.Error](err)
		if !ok || e.Class != endpoint.ClassTransient || time.Since(began) != 30*time.Second {
			t.Errorf("after %v: got %v want class transient after 30s", time.Since(began), err)
		}
	})
}

func TestCloseWaitsForTheResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		store := auth.NewMemory()
		c := config(hanging(let))
		c.Store = store
		s := open(t, c)
		go s.Token(t.Context())
		synctest.Wait()
		time.AfterFunc(time.Second/2, func() { close(let) })
		s.Close()

		e := &tokenServer{}
		c.Base = e
		if got := mustToken(t, open(t, c)).Access.Reveal(); got != "a" {
			t.Errorf("another source: got %s want the token that came while closing", got)
		}
		e.got(t, 0)
	})
}

func TestCloseTimesOutAndReleasesTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(hanging(nil))
		c.Store = obedient{auth.NewMemory()}
		s := open(t, c)
		waiting := make(chan error)
		go func() { _, err := s.Token(t.Context()); waiting <- err }()
		synctest.Wait()
		began := time.Now()
		go s.Close()
		if err := <-waiting; !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("after %v: got %v want cancelled after 1s", time.Since(began), err)
		}
		if _, err := s.Token(t.Context()); err == nil {
			t.Error("a closed source asked for a token")
		}
		c.Base = &tokenServer{}
		began = time.Now()
		mustToken(t, open(t, c))
		if time.Since(began) != 0 {
			t.Errorf("the next source waited %v for the lease", time.Since(began))
		}
	})
}

func TestSourcesThatShareAStoreShareTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return grant("shared"), nil
		}}
		c := config(e)
		c.Store = auth.NewMemory()
		sources := []*auth.Source{open(t, c), open(t, c), open(t, c)}
		var wg sync.WaitGroup
		for _, s := range sources {
			wg.Go(func() { mustToken(t, s) })
		}
		wg.Wait()
		e.got(t, 1)

		// A 401 that one of them got is news to the others only when they get one too.
		sources[0].Reject(1)
		if got := mustToken(t, sources[0]).Generation; got != 2 {
			t.Errorf("got generation %d want 2", got)
		}
		sources[1].Reject(1)
		if got := mustToken(t, sources[1]).Generation; got != 2 {
			t.Errorf("got generation %d want 2", got)
		}
		e.got(t, 2)
	})
}

func TestAbandonedLeaseExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &spy{Store: auth.NewMemory()}
		c := config(&tokenServer{})
		c.Store = store
		mustToken(t, open(t, c)) // to learn the lease
		dead := store.lease
		dead.Generation, dead.Owner, dead.At, dead.Until = 1, "dead", time.Now(), time.Now().Add(50*time.Second)
		if ok, err := store.Store.Lease(t.Context(), dead); !ok || err != nil {
			t.Fatal(ok, err)
		}
		s := open(t, c)
		mustToken(t, s)
		s.Reject(1)
		began := time.Now()
		mustToken(t, s)
		between(t, "wait", time.Since(began), 50*time.Second, 50*time.Second+60*time.Millisecond)
	})
}

// spy remembers the leases that were asked for.
type spy struct {
	auth.Store
	lease  auth.Lease
	leases int
}

func (s *spy) Lease(ctx context.Context, l auth.Lease) (bool, error) {
	s.lease = l
	s.leases++
	return s.Store.Lease(ctx, l)
}

// obedient is a store that writes nothing when the context is over, as a database.
type obedient struct{ auth.Store }

func (o obedient) Commit(ctx context.Context, l auth.Lease, row auth.Row) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return o.Store.Commit(ctx, l, row)
}

func TestOldTokenIsServedWhileAnotherProcessRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &spy{Store: auth.NewMemory()}
		e := &tokenServer{}
		c := config(e)
		c.Store = store
		s := open(t, c)
		mustToken(t, s)
		time.Sleep(115 * time.Minute)
		other := store.lease
		other.Generation, other.Owner, other.At, other.Until = 1, "other", time.Now(), time.Now().Add(50*time.Second)
		if ok, err := store.Store.Lease(t.Context(), other); !ok || err != nil {
			t.Fatal(ok, err)
		}
		store.leases = 0
		for range 100 { // ten seconds
			mustToken(t, s)
			time.Sleep(100 * time.Millisecond)
		}
		between(t, "looks at the lease", store.leases, 9, 11)
		e.got(t, 1)
	})
}

func TestGenerationsIncreaseAfterTheStoreLostItsRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &spy{Store: auth.NewMemory()}
		c := config(&tokenServer{})
		c.Store = store
		s := open(t, c)
		for want := range int64(3) {
			token := mustToken(t, s)
			if token.Generation != want+1 {
				t.Errorf("got generation %d want %d", token.Generation, want+1)
			}
			store.Store = auth.NewMemory()
			time.Sleep(2 * time.Hour)
		}
	})
}

func TestExpiredNewTokensBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second)
			return respond(200, `{"access_token":"a","expires_in":1}`), nil
		}}
		s := open(t, config(e))
		for began := time.Now(); time.Since(began) < 10*time.Minute; time.Sleep(100 * time.Millisecond) {
			if got := fails(t, s); got.Class != endpoint.ClassTransient || got.After <= 0 {
				t.Errorf("got %+v want class transient, and a rest", got)
			}
		}
		between(t, "token requests in ten minutes", e.requests.Load(), 7, 16)
	})
}

func TestSlowResponseIsRequestedAgainOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				time.Sleep(2 * time.Second)
			}
			return respond(200, fmt.Sprintf(`{"access_token":"token-%d","expires_in":2}`, n)), nil
		}}
		if got := mustToken(t, open(t, config(e))).Access.Reveal(); got != "token-2" {
			t.Errorf("got %s want token-2", got)
		}
	})
}

// broken is a store that cannot write outcomes.
type broken struct{ auth.Store }

func (broken) Commit(context.Context, auth.Lease, auth.Row) (bool, error) {
	return false, errors.New("disk full")
}

func TestTokenThatCannotBeStoredIsServed(t *testing.T) {
	e := &tokenServer{}
	c := config(e)
	c.Store = broken{auth.NewMemory()}
	s := open(t, c)
	for range 10 {
		mustToken(t, s)
	}
	e.got(t, 1)
}

func TestTokenRequestsObeyTheRateLimit(t *testing.T) {
	e := &tokenServer{}
	c := config(e)
	c.Limiter = limiter(func(context.Context) error { return errors.New("used up") })
	_, err := open(t, c).Token(t.Context())
	if a, ok := errors.AsType[*endpoint.Error](err); !ok || a.Class != endpoint.ClassTransient {
		t.Errorf("got %v want class transient", err)
	}
	e.got(t, 0)
}

type limiter func(context.Context) error

func (l limiter) Wait(ctx context.Context) error { return l(ctx) }

// An endpoint that keeps one token for a client grants it again with what is left
// of its life: the less that is, the sooner it would be asked again.
func TestSameTokenWithAShrinkingLifetimeIsRequestedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
			left := 10*time.Minute - time.Since(began)%(10*time.Minute)
			return respond(200, fmt.Sprintf(`{"access_token":"one","expires_in":%d}`, max(1, int(left.Seconds())))), nil
		}}
		s := open(t, config(e))
		for time.Since(began) < 10*time.Minute {
			mustToken(t, s)
			time.Sleep(100 * time.Millisecond)
		}
		between(t, "token requests in its life", e.requests.Load(), 2, 4)
		before := e.requests.Load()
		time.Sleep(time.Second)
		mustToken(t, s)
		e.got(t, before+1)
	})
}
