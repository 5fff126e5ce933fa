package auth_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
)

// A strict provider: a token lives two seconds, and a new one ends the old at once.
// Three processes share a store and call without a pause; no call may fail.
func TestFleetWithShortLivedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const life, run = 2 * time.Second, 20 * time.Second
		var newest, refused atomic.Int64
		var granted atomic.Int64 // when, in Unix nanoseconds
		e := &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
			time.Sleep(50 * time.Millisecond)
			newest.Store(n)
			granted.Store(time.Now().UnixNano())
			return respond(200, fmt.Sprintf(`{"access_token":"token-%d","expires_in":%d}`, n, life/time.Second)), nil
		}}
		a := &api{
			accepts: func(token string) bool {
				return token == fmt.Sprintf("token-%d", newest.Load()) && time.Since(time.Unix(0, granted.Load())) < life
			},
			hold: func() { refused.Add(1) },
		}
		c := config(e)
		c.Store = auth.NewMemory()
		var wg sync.WaitGroup
		for range 3 {
			client := signing(open(t, c), roundTripper(func(req *http.Request) (*http.Response, error) {
				time.Sleep(5 * time.Millisecond) // on its way
				return a.RoundTrip(req)
			}))
			for range 5 {
				wg.Go(func() {
					for began := time.Now(); time.Since(began) < run; {
						if status, _ := call(t, client, nil); status != http.StatusOK {
							t.Errorf("after %v: got %d want 200", time.Since(began), status)
							return
						}
					}
				})
			}
		}
		wg.Wait()
		// Each token is renewed after 60 to 76 % of its life.
		between(t, "token requests", e.requests.Load(), int64(run/life), int64(run*10/(life*6))+1)
		t.Logf("%d calls, %d token requests, %d first answers refused", a.calls.Load(), e.requests.Load(), refused.Load())
	})
}
