package auth_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

// api answers 401 to tokens that are not accepted, and else says what it was sent.
type api struct {
	accepts func(token string) bool
	calls   atomic.Int64
	hold    func() // called before each 401, where it is set
}

func (a *api) RoundTrip(req *http.Request) (*http.Response, error) {
	a.calls.Add(1)
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	if a.accepts(token) {
		return respond(http.StatusOK, token+" "+string(body)), nil
	}
	if a.hold != nil {
		a.hold()
	}
	return respond(http.StatusUnauthorized, "refused"), nil
}

func only(token string) func(string) bool { return func(t string) bool { return t == token } }

// signing is a client of the API whose calls a source signs.
func signing(s *auth.Source, base http.RoundTripper) *http.Client {
	return &http.Client{Transport: &auth.Transport{Base: base, Source: s, Origin: &url.URL{Scheme: "https", Host: "api.example"}}}
}

const orders = "https://api.example/orders"

// call returns the status and the body of one call.
func call(tb testing.TB, client *http.Client, body io.Reader) (int, string) {
	tb.Helper()
	resp, err := client.Post(orders, "application/json", body)
	if err != nil {
		tb.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Error(err)
	}
	return resp.StatusCode, string(answer)
}

// try is one call that may have no answer: its status, or how long it is to wait.
func try(tb testing.TB, client *http.Client) (status int, wait time.Duration) {
	tb.Helper()
	resp, err := client.Get(orders)
	if err == nil {
		defer resp.Body.Close()
		return resp.StatusCode, 0
	}
	e, ok := errors.AsType[*endpoint.Error](err)
	if !ok || e.Class != endpoint.ClassTransient || e.Cooling != (e.After > 0) {
		tb.Errorf("got %+v want an answer, or a wait of class transient", err)
		return 0, 0
	}
	return 0, e.After
}

func TestRejectedCallIsReplayedOnce(t *testing.T) {
	e, a := &tokenServer{}, &api{accepts: only("token-2")}
	s := open(t, config(e))
	status, body := call(t, signing(s, a), strings.NewReader("question"))
	if status != 200 || body != "token-2 question" {
		t.Errorf("got %d %q want 200, the new token and the whole body", status, body)
	}
	e.got(t, 2)
	if st := s.Status(); st.Replays != 1 || st.Logins != 2 || st.Generation != 2 {
		t.Errorf("got %+v want 1 replay, 2 logins, generation 2", st)
	}
}

// A thousand calls are refused together, after all of them have left with the old token.
func TestCallsRejectedTogetherCostOneTokenRequest(t *testing.T) {
	const n = 1000
	e := &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
		time.Sleep(5 * time.Millisecond)
		return grant(fmt.Sprintf("token-%d", n)), nil
	}}
	s := open(t, config(e))
	mustToken(t, s)
	var left sync.WaitGroup
	left.Add(n)
	a := &api{accepts: only("token-2"), hold: func() { left.Done(); left.Wait() }}
	client := signing(s, a)
	var callers sync.WaitGroup
	for range n {
		callers.Go(func() {
			if status, _ := call(t, client, strings.NewReader("x")); status != 200 {
				t.Errorf("got %d want 200", status)
			}
		})
	}
	callers.Wait()
	e.got(t, 2) // the first token, and one for all
	if got := a.calls.Load(); got != 2*n {
		t.Errorf("calls: got %d want %d", got, 2*n)
	}
}

func TestLate401KeepsTheNewToken(t *testing.T) {
	e := &tokenServer{}
	s := open(t, config(e))
	old := mustToken(t, s)
	s.Reject(old.Generation)
	mustToken(t, s)
	for range 100 {
		if !s.Reject(old.Generation) {
			t.Error("a newer token is there: sending the call again helps")
		}
		mustToken(t, s)
	}
	e.got(t, 2)
}

func TestLate401IsReplayedDuringATrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
			return respond(200, fmt.Sprintf(`{"access_token":"token-%d","expires_in":10}`, n)), nil
		}}
		s := open(t, config(e))
		s.Reject(mustToken(t, s).Generation)
		second := mustToken(t, s) // on trial
		time.Sleep(10 * time.Second)
		mustToken(t, s) // the third, for the second has ended
		if !s.Reject(second.Generation) {
			t.Error("a newer token is there: sending the call again helps")
		}
		e.got(t, 3)
	})
}

func TestCallRejectedDuringARenewalIsReplayedWithTheNewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		e := &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
			if n == 2 {
				<-let
			}
			return grant(fmt.Sprintf("token-%d", n)), nil
		}}
		s := open(t, config(e))
		old := mustToken(t, s)
		time.Sleep(115 * time.Minute)
		mustToken(t, s) // begins the renewal
		synctest.Wait()
		s.Reject(old.Generation)
		time.AfterFunc(time.Second, func() { close(let) })
		if got := mustToken(t, s); got.Generation != 2 {
			t.Errorf("got generation %d want the renewed one", got.Generation)
		}
		e.got(t, 2)
	})
}

func TestSameTokenFromTheEndpointEndsReplays(t *testing.T) {
	e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) { return grant("same"), nil }}
	a := &api{accepts: only("another")}
	client := signing(open(t, config(e)), a)
	if status, body := call(t, client, nil); status != 401 || body != "refused" {
		t.Errorf("got %d %q want the API's own 401", status, body)
	}
	for range 9 {
		if status, wait := try(t, client); wait == 0 {
			t.Errorf("got %d want a wait", status)
		}
	}
	e.got(t, 2)
	if got := a.calls.Load(); got != 11 {
		t.Errorf("calls: got %d want 11: one of ten is sent again", got)
	}
}

// The endpoint hands out what it has, and the API takes it again since then.
func TestSameTokenFromTheEndpointIsReplayedOnce(t *testing.T) {
	e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) { return grant("same"), nil }}
	a := &api{}
	a.accepts = func(string) bool { return a.calls.Load() > 1 }
	if status, _ := call(t, signing(open(t, config(e)), a), nil); status != 200 {
		t.Errorf("got %d want 200", status)
	}
	e.got(t, 2)
}

func TestRejectedNewTokenStartsACooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{}
		a := &api{accepts: func(string) bool { return false }}
		client := signing(open(t, config(e)), a)
		var asked []time.Duration // when tokens were asked for
		began, requests := time.Now(), int64(0)
		for time.Since(began) < time.Hour {
			status, wait := try(t, client)
			if n := e.requests.Load(); n != requests {
				requests = n
				asked = append(asked, time.Since(began))
				if status != 401 {
					t.Errorf("after %v: got %d want the 401 to the new token", time.Since(began), status)
				}
			} else if wait == 0 {
				t.Errorf("after %v: got %d want a wait", time.Since(began), status)
			}
			time.Sleep(time.Second)
		}
		want := []time.Duration{
			0, 30 * time.Second, 90 * time.Second, 210 * time.Second, 450 * time.Second, 930 * time.Second,
			1830 * time.Second, 2730 * time.Second,
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("token requests after (-want +got):\n%s", diff)
		}
	})
}

func TestNewTokensRejectedTogetherCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{}
		a := &api{accepts: func(string) bool { return false }, hold: func() { time.Sleep(time.Second) }}
		client := signing(open(t, config(e)), a)
		together := func() {
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { call(t, client, nil) })
			}
			wg.Wait()
		}
		together()
		e.got(t, 2)
		if got := a.calls.Load(); got != 200 {
			t.Errorf("calls: got %d want each sent again", got)
		}
		time.Sleep(30 * time.Second)
		together()
		e.got(t, 3)
	})
}

// While the first call is sent again with the new token, others begin with it and
// are refused. They ask for no further one.
func TestTokenOnTrialIsNotReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{}
		s := open(t, config(e))
		slow := signing(s, &api{accepts: func(string) bool { return false }, hold: func() { time.Sleep(time.Second) }})
		go call(t, slow, nil)
		time.Sleep(1500 * time.Millisecond) // its second attempt is under way
		quick := signing(s, &api{accepts: func(string) bool { return false }})
		for range 10 {
			if status, wait := try(t, quick); wait == 0 {
				t.Errorf("got %d want a wait: the token's trial is not over", status)
			}
		}
		e.got(t, 2)
		time.Sleep(time.Second)
	})
}

func TestAcceptedTokenCanBeReplacedAtOnce(t *testing.T) {
	e := &tokenServer{}
	valid := "token-2"
	client := signing(open(t, config(e)), &api{accepts: func(token string) bool { return token == valid }})
	for _, valid = range []string{"token-2", "token-3", "token-4"} {
		if status, _ := call(t, client, nil); status != 200 {
			t.Errorf("got %d want 200", status)
		}
	}
	e.got(t, 4)
}

func TestRejectionOfOneAccountKeepsTheTokenForOthers(t *testing.T) {
	e := &tokenServer{}
	s := open(t, config(e))
	refused := signing(s, &api{accepts: func(string) bool { return false }})
	served := signing(s, &api{accepts: func(string) bool { return true }})
	for i := range 10 {
		if status, wait := try(t, refused); (status == 401) != (i == 0) || (wait > 0) != (i > 0) {
			t.Errorf("call %d: got %d and a wait of %v want the 401 once, and then waits", i, status, wait)
		}
		if status, _ := call(t, served, nil); status != 200 {
			t.Errorf("got %d want 200", status)
		}
	}
	e.got(t, 2)
}

func TestBodyWithoutGetBodyIsNotReplayed(t *testing.T) {
	e, a := &tokenServer{}, &api{accepts: only("token-2")}
	client := signing(open(t, config(e)), a)
	status, body := call(t, client, io.MultiReader(strings.NewReader("once")))
	if status != 401 || body != "refused" {
		t.Errorf("got %d %q want the API's own 401", status, body)
	}
	e.got(t, 1)
	// The next call has a token that is accepted.
	if status, _ := call(t, client, strings.NewReader("again")); status != 200 {
		t.Errorf("got %d want 200", status)
	}
	e.got(t, 2)
}

func TestOtherStatusesAreReturned(t *testing.T) {
	for _, status := range []int{400, 403, 407, 429, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			e := &tokenServer{}
			client := signing(open(t, config(e)), roundTripper(func(*http.Request) (*http.Response, error) {
				return respond(status, "{}"), nil
			}))
			for range 3 {
				if got, _ := call(t, client, nil); got != status {
					t.Errorf("got %d want %d", got, status)
				}
			}
			e.got(t, 1)
		})
	}
}

func TestCallWithoutATokenReturnsTheSourcesError(t *testing.T) {
	c := config(&tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
		return respond(400, `{"error":"invalid_client"}`), nil
	}})
	body := &closing{Reader: strings.NewReader("x")}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, orders, body)
	if err != nil {
		t.Fatal(err)
	}
	_, err = signing(open(t, c), nil).Do(req)
	if e, ok := errors.AsType[*endpoint.Error](err); !ok || e.Class != endpoint.ClassCredential {
		t.Errorf("got %v want class credential", err)
	}
	if !body.closed.Load() {
		t.Error("the body was not closed")
	}
}

type closing struct {
	io.Reader
	closed atomic.Bool
}

func (c *closing) Close() error { c.closed.Store(true); return nil }

func TestCredentialsAreSentToTheirOriginOnly(t *testing.T) {
	reached := roundTripper(func(*http.Request) (*http.Response, error) { return respond(200, ""), nil })
	origin := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	s := open(t, config(&tokenServer{}))
	for _, tt := range []struct {
		name   string
		origin string
		url    string
		sent   bool
	}{
		{"the origin itself", "https://api.example", "https://api.example/a?b=c", true},
		{"the default port spelled out", "https://api.example", "https://api.example:443/a", true},
		{"the host in capitals", "https://api.example", "https://API.example/a", true},
		{"a loopback address in plain", "http://127.0.0.1:8322", "http://127.0.0.1:8322/a", true},
		{"localhost in capitals", "http://LOCALHOST:8322", "http://LOCALHOST:8322/a", true},
		{"the whole loopback range", "http://127.9.9.9", "http://127.9.9.9/a", true},
		{"a loopback address of IPv6", "http://[::1]:8322", "http://[::1]:8322/a", true},
		{"a name that begins like one", "http://localhost.example", "http://localhost.example/", false},
		{"another host", "https://api.example", "https://evil.example/?q=canary", false},
		{"a host below", "https://api.example", "https://a.api.example/", false},
		{"another port", "https://api.example", "https://api.example:8443/", false},
		{"another scheme", "https://api.example", "http://api.example/", false},
		{"a plain origin that is not local", "http://api.example", "http://api.example/", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, rt := range []http.RoundTripper{
				&auth.Transport{Base: reached, Source: s, Origin: origin(tt.origin)},
				&auth.Fixed{Base: reached, Origin: origin(tt.origin)},
			} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				_, err = rt.RoundTrip(req)
				if sent := err == nil; sent != tt.sent {
					t.Errorf("%T: sent %v (%v) want %v", rt, sent, err, tt.sent)
				}
				if err != nil && strings.Contains(err.Error(), "canary") {
					t.Errorf("the error tells the query: %v", err)
				}
			}
		})
	}
	if _, err := (&auth.Transport{Base: reached, Source: s}).RoundTrip(&http.Request{URL: origin(orders)}); err == nil {
		t.Error("without an origin a request was signed")
	}
}

func TestRequestIsNotModified(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, orders, bytes.NewReader([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Mine", "1")
	before := req.Header.Clone()
	if _, err := signing(open(t, config(&tokenServer{})), &api{accepts: only("token-2")}).Transport.RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, req.Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestBasicAndAPIKeyTogether(t *testing.T) {
	var got http.Header
	k := &auth.Fixed{
		Base: roundTripper(func(r *http.Request) (*http.Response, error) {
			got = r.Header
			return respond(401, ""), nil
		}),
		Origin: &url.URL{Scheme: "https", Host: "api.example"},
		Header: map[string]secret.Secret{"Authorization": auth.Basic("dealer", secret.New("pass:word")), "apikey": secret.New("key")},
		Source: static(t, auth.NewMemory()),
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, orders, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := k.RoundTrip(req)
	if err != nil || resp.StatusCode != 401 {
		t.Fatalf("got %v, %v want the 401 as it came", resp, err)
	}
	want := http.Header{"Authorization": {"Basic ZGVhbGVyOnBhc3M6d29yZA=="}, "Apikey": {"key"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// One account is always refused; another's call, refused late with the old token, is
// answered with the new one. That ends no cooldown, or each would log the other out.
func TestSuccessOfAnotherAccountEndsNoCooldown(t *testing.T) {
	e := &tokenServer{}
	s := open(t, config(e))
	mustToken(t, s)
	left, late := make(chan struct{}), make(chan struct{})
	served := signing(s, &api{accepts: only("token-2"), hold: func() { close(left); <-late }})
	refused := signing(s, &api{accepts: func(string) bool { return false }})
	done := make(chan int)
	go func() { status, _ := call(t, served, nil); done <- status }()
	<-left
	try(t, refused)
	close(late)
	if got := <-done; got != 200 {
		t.Errorf("got %d want 200", got)
	}
	try(t, refused)
	e.got(t, 2)
}

// All tokens are revoked while one account's refusals hold new ones back: the calls
// of the others wait, and none of them is refused for good.
func TestTokensRevokedDuringACooldownWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		e := &tokenServer{}
		s := open(t, config(e))
		refused := signing(s, &api{accepts: func(string) bool { return false }})
		if status, _ := call(t, refused, nil); status != 401 {
			t.Errorf("got %d want 401", status)
		}
		e.got(t, 2)
		time.Sleep(10 * time.Second)
		served := signing(s, &api{accepts: only("token-3")})
		together := func(check func(status int, wait time.Duration)) {
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() { check(try(t, served)) })
			}
			wg.Wait()
		}
		together(func(status int, wait time.Duration) {
			if wait != 20*time.Second {
				t.Errorf("got %d and a wait of %v want what is left of the cooldown", status, wait)
			}
		})
		e.got(t, 2)
		time.Sleep(20 * time.Second)
		together(func(status int, wait time.Duration) {
			if status != 200 {
				t.Errorf("got %d and a wait of %v want 200", status, wait)
			}
		})
		e.got(t, 3)
	})
}

// Each second an account is refused, and another one is served.
func TestRejectedAccountAmongOthersWaitsHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{}
		s := open(t, config(e))
		refused := signing(s, &api{accepts: func(string) bool { return false }})
		served := signing(s, &api{accepts: func(string) bool { return true }})
		for range 301 {
			if _, wait := try(t, refused); wait > 30*time.Second {
				t.Errorf("got a wait of %v want 30s at most", wait)
			}
			call(t, served, nil)
			time.Sleep(time.Second)
		}
		e.got(t, 12) // the first, the one for its refusal, and one each half minute
	})
}

func TestAcceptedCallShortensACooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{}
		s := open(t, config(e))
		refused := signing(s, &api{accepts: func(string) bool { return false }})
		for range 120 {
			try(t, refused)
			time.Sleep(time.Second)
		}
		if _, wait := try(t, refused); wait != 90*time.Second {
			t.Fatalf("got a wait of %v want 90s of the two minutes", wait)
		}
		call(t, signing(s, &api{accepts: func(string) bool { return true }}), nil)
		if status, wait := try(t, refused); status != 401 {
			t.Errorf("got %d and a wait of %v want a new token to be tried", status, wait)
		}
		if _, wait := try(t, refused); wait != 30*time.Second {
			t.Errorf("got a wait of %v want the first cooldown again", wait)
		}
	})
}

// A call is late, refused, and sent again with a token that others renewed early, and
// that is revoked by now too. No caller has requested a token because of a 401 yet.
func TestRejectionOfACachedTokenIsNotFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{}
		s := open(t, config(e))
		mustToken(t, s)
		time.Sleep(115 * time.Minute)
		client := signing(s, &api{accepts: only("token-3")})
		body := &closing{Reader: strings.NewReader("refused")}
		late := signing(s, roundTripper(func(*http.Request) (*http.Response, error) {
			synctest.Wait() // the early renewal, which this call began, is done
			resp := respond(http.StatusUnauthorized, "")
			resp.Body = body
			return resp, nil
		}))
		if status, wait := try(t, late); status != 0 || wait != 0 {
			t.Errorf("got %d and a wait of %v want an error without a wait", status, wait)
		}
		if !body.closed.Load() {
			t.Error("the 401's body was not closed")
		}
		e.got(t, 2)
		if status, _ := try(t, client); status != 200 {
			t.Errorf("got %d want 200", status)
		}
		e.got(t, 3)
	})
}

func TestRequestWithoutHeadersIsSigned(t *testing.T) {
	u, err := url.Parse(orders)
	if err != nil {
		t.Fatal(err)
	}
	req := (&http.Request{Method: http.MethodGet, URL: u}).WithContext(t.Context())
	resp, err := signing(open(t, config(&tokenServer{})), &api{accepts: only("token-1")}).Transport.RoundTrip(req)
	if err != nil || resp.StatusCode != 200 || req.Header != nil {
		t.Errorf("got %v, %v want 200, and the request as it was", resp, err)
	}
}
