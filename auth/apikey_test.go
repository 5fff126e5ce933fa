package auth_test

import (
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

func static(tb testing.TB, store auth.Store) *auth.Static {
	tb.Helper()
	s, err := auth.NewStatic(auth.Config{
		Provider: "michelin", Environment: "test", Store: store,
		ClientID: secret.New("dealer"), ClientSecret: secret.New("pass:word"),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// keyed calls an API with the older scheme; status 0 is an error, which it returns.
func keyed(tb testing.TB, s *auth.Static, status *atomic.Int64, calls *atomic.Int64) func() (int, error) {
	tb.Helper()
	k := &auth.Fixed{
		Base: roundTripper(func(*http.Request) (*http.Response, error) {
			calls.Add(1)
			time.Sleep(10 * time.Millisecond)
			return respond(int(status.Load()), ""), nil
		}),
		Origin: &url.URL{Scheme: "https", Host: "api.example"}, Source: s,
		Header: map[string]secret.Secret{"apikey": secret.New("key")},
	}
	return func() (int, error) {
		req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, orders, http.NoBody)
		if err != nil {
			tb.Fatal(err)
		}
		resp, err := k.RoundTrip(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
}

func TestRejectedStaticCredentialsAreTriedThreeTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var status, calls atomic.Int64
		status.Store(401)
		store := auth.NewMemory()
		storm := func(s *auth.Static) {
			call := keyed(t, s, &status, &calls)
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					got, err := call()
					if e, ok := errors.AsType[*endpoint.Error](err); got != 401 && (!ok || e.Class != endpoint.ClassCredential || !e.Cooling) {
						t.Errorf("got %d, %v want the 401, or the cooldown after it", got, err)
					}
				})
			}
			wg.Wait()
		}
		for i, wait := range []time.Duration{0, 73 * time.Second, 361 * time.Second, 1000 * time.Hour} {
			time.Sleep(wait)
			s := static(t, store) // each time another process
			storm(s)
			if want := int64(min(i+1, 3)); calls.Load() != want {
				t.Fatalf("calls: got %d want %d", calls.Load(), want)
			}
			s.Close()
		}
		s := static(t, store)
		if err := s.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st := s.Status(); st.State != auth.StateRejected || st.Refusals != 3 {
			t.Errorf("got %+v want refused after three", st)
		}
		status.Store(200)
		if err := s.Unlatch(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := keyed(t, s, &status, &calls)(); got != 200 {
			t.Errorf("got %d, %v want 200 once unlatched", got, err)
		}
		if st := s.Status(); st.State != auth.StateValid || st.Failures != 0 {
			t.Errorf("got %+v want valid", st)
		}
	})
}

func TestAcceptedStaticCredentialsAreNotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var status, calls atomic.Int64
		status.Store(200)
		call := keyed(t, static(t, auth.NewMemory()), &status, &calls)
		if got, err := call(); got != 200 {
			t.Fatalf("got %d, %v want 200", got, err)
		}
		began := time.Now()
		together := func() {
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() { _, _ = call() })
			}
			wg.Wait()
		}
		together()
		if took := time.Since(began); took != 10*time.Millisecond {
			t.Errorf("fifty calls took %v want them side by side", took)
		}
		status.Store(401)
		together() // they are refused together, which counts once
		calls.Store(0)
		time.Sleep(73 * time.Second)
		status.Store(503)
		if got, _ := call(); got != 503 {
			t.Errorf("got %d want a second attempt after a minute", got)
		}
		status.Store(200)
		if got, _ := call(); got != 200 || calls.Load() != 2 {
			t.Errorf("got %d after %d calls want 200: a 503 says nothing about credentials", got, calls.Load())
		}
	})
}
