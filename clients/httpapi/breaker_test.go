package httpapi // inside, to answer without a network, so that its time can be a bubble's

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth/endpoint"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/clients/section"
)

// outage is a provider behind a breaker, that answers as it is told.
type outage struct {
	*HTTP
	mu     sync.Mutex // guards the rest
	answer roundTripper
	calls  int
}

func newOutage(answer roundTripper, accounts ...string) *outage {
	o := &outage{answer: answer}
	c := section.Config{Name: "sample", Timeout: 30 * time.Second, MaxBody: 1 << 20}
	for _, name := range accounts {
		c.Accounts = append(c.Accounts, clients.Account{Name: name})
	}
	o.HTTP = NewHTTP(section.Section{Config: c})
	o.base.base = roundTripper(func(req *http.Request) (*http.Response, error) {
		o.mu.Lock()
		o.calls++
		answer := o.answer
		o.mu.Unlock()
		return answer(req)
	})
	return o
}

func (o *outage) answers(answer roundTripper) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = answer
}

func (o *outage) ask(ctx context.Context, account string) error {
	return o.Do(ctx, Call{Op: "sample", Account: account, Method: http.MethodGet, URL: "https://api.example"}, func(body io.Reader) error {
		b, err := io.ReadAll(body)
		switch {
		case string(b) == "999": // as Michelin says it
			return &clients.Error{Code: clients.CodeUnavailable, Message: "errorCode 999"}
		case string(b) == "901":
			return &clients.Error{Code: clients.CodeInvalid, Message: "errorCode 901"}
		case err == nil && string(b) != "document":
			err = errors.New("no document")
		}
		return err
	})
}

// every asks once in each pause.
func (o *outage) every(ctx context.Context, pause time.Duration, accounts ...string) {
	for _, a := range accounts {
		_ = o.ask(ctx, a)
		time.Sleep(pause)
	}
}

func with(status int, body string, header ...string) roundTripper {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

var (
	down = with(http.StatusServiceUnavailable, "")
	up   = with(http.StatusOK, "document")
)

var tenOfTwo = strings.Fields("a b a b a b a b a b")

func TestBreakerOpensWithoutResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(down, "a", "b")
		o.every(t.Context(), 2*time.Second, "a", "b", "a", "b", "a") // the fifth 8s behind the first
		st := o.Stats().Breaker
		if st.State != clients.BreakerOpen || st.Failures != 5 || st.Until == nil || st.Until.Sub(st.Since) != breakerRest || o.calls != 5 {
			t.Fatalf("got %+v after %d calls, want it open after 5", st, o.calls)
		}
		before := time.Now()
		e := clients.AsError(o.ask(t.Context(), "a"))
		want := "the provider has not responded to 5 calls in a row (the provider is unavailable, status 503); the next try is at " + st.Until.Format(time.RFC3339)
		if e.Code != clients.CodeUnavailable || e.Message != want || e.After != time.Until(*st.Until) || !e.NotSent || e.Provider != "sample" || e.Op != "sample" {
			t.Errorf("got %+v, want unavailable until then: %s", e, want)
		}
		if o.calls != 5 || time.Now() != before {
			t.Errorf("got %d calls after %s, want none, at once", o.calls-5, time.Since(before))
		}
		o.answers(up)
		time.Sleep(time.Until(*st.Until))
		if st := o.Stats().Breaker; st.State != clients.BreakerHalfOpen || st.Until != nil || st.Failures != 5 {
			t.Errorf("got %+v, want it half open when its rest is over", st)
		}
		if err := o.ask(t.Context(), "a"); err != nil || o.calls != 6 {
			t.Errorf("got %v after %d calls, want one that is answered", err, o.calls)
		}
		if st := o.Stats().Breaker; st.State != clients.BreakerClosed || st.Failures != 0 || st.Since != time.Now().UTC() {
			t.Errorf("got %+v, want it closed now", st)
		}
	})
}

func TestWhatOpensABreaker(t *testing.T) {
	reset := func(*http.Request) (*http.Response, error) { return nil, closed }
	cut := func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(io.MultiReader(strings.NewReader("docu"), &eof{}))}, nil
	}
	hang := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	tokenless := func(*http.Request) (*http.Response, error) {
		return nil, &endpoint.Error{Class: endpoint.ClassTransient, Reason: "the token endpoint is down"}
	}
	leaving := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Second, cancel)
		return ctx, cancel
	}
	hasty := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Second)
	}
	for name, c := range map[string]struct {
		answer roundTripper
		caller func(context.Context) (context.Context, context.CancelFunc)
		opens  bool
	}{
		"500":                             {with(500, ""), nil, true},
		"503":                             {down, nil, true},
		"408":                             {with(408, ""), nil, true},
		"a connection that is reset":      {reset, nil, true},
		"an answer that is cut off":       {cut, nil, true},
		"no answer in time":               {hang, nil, true},
		"a 200 that says unavailable":     {with(200, "999"), nil, true},
		"a 200 that refuses the question": {with(200, "901"), nil, false},
		"a 200 that is no document":       {with(200, "<html>"), nil, false},
		"400":                             {with(400, ""), nil, false},
		"401":                             {with(401, ""), nil, false},
		"403":                             {with(403, ""), nil, false},
		"404":                             {with(404, ""), nil, false},
		"429":                             {with(429, "", "Retry-After", "1"), nil, false},
		"a long 429":                      {with(429, "", "Retry-After", "3600"), nil, false},
		"no token":                        {tokenless, nil, false},
		"callers who leave":               {hang, leaving, false},
		"callers without time":            {hang, hasty, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOutage(c.answer, "a", "b")
				for _, account := range tenOfTwo {
					ctx, cancel := t.Context(), context.CancelFunc(func() {})
					if c.caller != nil {
						ctx, cancel = c.caller(ctx)
					}
					_ = o.ask(ctx, account)
					cancel()
					time.Sleep(1500 * time.Millisecond)
				}
				if st := o.Stats().Breaker; (st.State != clients.BreakerClosed) != c.opens {
					t.Errorf("got %+v, want it opened: %t", st, c.opens)
				}
			})
		})
	}
}

// eof is the end of a body that is longer.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestWhatDoesNotOpenABreaker(t *testing.T) {
	for name, do := range map[string]func(ctx context.Context, o *outage){
		"failures between which another account is answered": func(ctx context.Context, o *outage) {
			for range 100 {
				o.answers(down)
				o.every(ctx, time.Second, "a", "a", "a", "a")
				o.answers(up)
				o.every(ctx, time.Second, "b")
			}
		},
		"a connection that takes many calls along": func(ctx context.Context, o *outage) {
			o.every(ctx, 0, tenOfTwo...)
			o.answers(up)
			o.every(ctx, 10*time.Second, "a")
		},
		"an account that goes on failing while the others rest, and one failure of theirs": func(ctx context.Context, o *outage) {
			for range 100 {
				o.every(ctx, time.Minute, "a")
			}
			o.every(ctx, time.Second, "b")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOutage(down, "a", "b")
				do(t.Context(), o)
				if st := o.Stats().Breaker; st.State != clients.BreakerClosed {
					t.Errorf("got %+v, want it closed", st)
				}
			})
		})
	}
}

func TestBreakerOfASingleAccount(t *testing.T) {
	for name, c := range map[string]struct{ configured, asked string }{
		"where there is one":               {"a", "a"},
		"where calls do not say whose":     {"a b", ""},
		"where there are two that take it": {"a b", "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOutage(down, strings.Fields(c.configured)...)
				asked := strings.Split(c.asked, " ")
				for n := range 5 {
					o.every(t.Context(), 1500*time.Millisecond, asked[n%len(asked)])
				}
				if st := o.Stats().Breaker; st.State != clients.BreakerOpen {
					t.Errorf("got %+v, want it open", st)
				}
			})
		})
	}
}

func TestProbesUseNewConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(up, "a", "b")
		renewed := 0
		o.base.breaker.renew = func() { renewed++ }
		o.every(t.Context(), 0, "a", "b")
		o.answers(down)
		o.every(t.Context(), 0, "a")
		if renewed != 0 {
			t.Errorf("got %d renewals after one failure, want none", renewed)
		}
		o.every(t.Context(), 2*time.Second, tenOfTwo...)
		if renewed != 4 || o.Stats().Breaker.State != clients.BreakerOpen {
			t.Errorf("got %d renewals, %+v, want one with each failure in a row and with the opening", renewed, o.Stats().Breaker)
		}
		time.Sleep(breakerRest)
		o.answers(up)
		_ = o.ask(t.Context(), "a")
		if renewed != 5 {
			t.Errorf("got %d renewals, want one before the try", renewed)
		}
	})
}

func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(down, "a", "b")
		o.every(t.Context(), 2*time.Second, tenOfTwo[:5]...)
		slow := func(req *http.Request) (*http.Response, error) {
			time.Sleep(3 * time.Second)
			return down(req)
		}
		o.answers(slow)
		herd := func() (sent, held int) {
			var mu sync.Mutex
			var calls sync.WaitGroup
			before := o.calls
			for range 200 {
				calls.Go(func() {
					e := clients.AsError(o.ask(t.Context(), "a"))
					mu.Lock()
					defer mu.Unlock()
					if e.NotSent {
						held++
					}
					if e.NotSent && e.After < time.Second {
						t.Errorf("got %+v, want the others told to wait", e)
					}
				})
			}
			calls.Wait()
			return o.calls - before, held
		}
		for range 3 { // a try that fails opens it again
			time.Sleep(breakerRest)
			if sent, held := herd(); sent != 1 || held != 199 {
				t.Errorf("got %d calls sent and %d held back, want one sent", sent, held)
			}
		}
		if st := o.Stats().Breaker; st.State != clients.BreakerOpen || st.Failures != 8 {
			t.Errorf("got %+v, want it open, with each try counted", st)
		}
	})
}

// A try that ends without having learnt anything leaves it to the next.
func TestInconclusiveProbeIsFollowedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(down, "a", "b")
		o.every(t.Context(), 2*time.Second, tenOfTwo[:5]...)
		time.Sleep(breakerRest)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = o.ask(ctx, "a")
		func() {
			defer func() { _ = recover() }()
			o.answers(func(*http.Request) (*http.Response, error) { panic("oops") })
			_ = o.ask(t.Context(), "a")
		}()
		if st := o.Stats().Breaker; st.State != clients.BreakerHalfOpen || o.calls != 6 {
			t.Errorf("got %+v after %d calls, want it half open behind a try that said nothing", st, o.calls)
		}
		o.answers(up)
		if err := o.ask(t.Context(), "a"); err != nil {
			t.Errorf("got %v, want an answer", err)
		}
	})
}

func TestBreakerHonorsRetryAfter(t *testing.T) {
	for after, want := range map[string]time.Duration{"": breakerRest, "1": breakerRest, "120": 2 * time.Minute, "7200": maxBreakerRest} {
		synctest.Test(t, func(t *testing.T) {
			o := newOutage(with(503, "", "Retry-After", after), "a", "b")
			o.every(t.Context(), 2*time.Second, tenOfTwo[:5]...)
			if st := o.Stats().Breaker; st.Until == nil || st.Until.Sub(st.Since) != want {
				t.Errorf("Retry-After %q: got %+v, want a rest of %s", after, st, want)
			}
		})
	}
}

// What waits for its turn when the breaker opens is not sent.
func TestOpenBreakerStopsCallsWaitingForTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(down, "a", "b")
		o.base.limiter.SetLimit(0.5)
		var calls sync.WaitGroup
		for _, account := range tenOfTwo {
			calls.Go(func() { _ = o.ask(t.Context(), account) })
		}
		calls.Wait()
		if o.calls < 5 || o.calls > 7 { // by whose come first: two of them are about the other account
			t.Errorf("got %d calls, want those that opened it", o.calls)
		}
	})
}

// A call that found no turn was not sent, and says nothing: neither that the provider is
// down nor, when a 429 keeps it back, that it is there.
func TestUnsentCallsDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(up, "a", "b")
		o.base.limiter.SetLimit(0.001)
		_ = o.ask(t.Context(), "a")
		for _, account := range tenOfTwo {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if e := clients.AsError(o.ask(ctx, account)); e == nil || !e.NotSent || ctx.Err() != nil {
				t.Errorf("got %v, want it given up at once", e)
			}
			cancel()
			time.Sleep(2 * time.Second)
		}
		if st := o.Stats().Breaker; st.State != clients.BreakerClosed || st.Failures != 0 {
			t.Errorf("got %+v, want it closed", st)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(with(429, "", "Retry-After", "100"), "a", "b")
		_ = o.ask(t.Context(), "a")
		o.base.breaker.status.Failures = 3
		if e := clients.AsError(o.ask(t.Context(), "a")); e == nil || e.Code != clients.CodeThrottled || !e.NotSent {
			t.Errorf("got %+v, want it kept back by the pause", e)
		}
		if st := o.Stats().Breaker; st.Failures != 3 {
			t.Errorf("got %+v, want the failures as they were", st)
		}
	})
}

func TestCheckPassesAnOpenBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(down, "a", "b")
		check := func() error {
			return o.Do(t.Context(), Call{Op: "ping", Check: true, Method: http.MethodGet, URL: "https://api.example"}, func(io.Reader) error { return nil })
		}
		o.every(t.Context(), 2*time.Second, tenOfTwo[:5]...)
		o.answers(up)
		if err := check(); err != nil || o.calls != 6 {
			t.Errorf("got %v after %d calls, want it sent and answered", err, o.calls)
		}
		if st := o.Stats().Breaker; st.State != clients.BreakerOpen {
			t.Errorf("got %+v, want it open still: the orders were not asked for", st)
		}
		o.answers(down)
		if e := clients.AsError(check()); e == nil || e.NotSent {
			t.Errorf("got %+v, want the provider's own refusal", e)
		}
	})
}

// TestReplayedExchangesPassAnOpenBreaker: mapping recorded responses sends no request, and says nothing about the provider.
func TestReplayedExchangesPassAnOpenBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(up, "a", "b")
		ctx, recording := exchange.Record(t.Context())
		if err := o.ask(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		kept := recording.Exchanges()
		o.answers(down)
		o.every(t.Context(), 2*time.Second, tenOfTwo...)
		open := o.Stats().Breaker
		if err := o.ask(exchange.WithPlayback(t.Context(), kept), "a"); err != nil {
			t.Errorf("an open breaker: got %v, want the kept answer", err)
		}
		if st := o.Stats().Breaker; st.State != open.State || st.Failures != open.Failures {
			t.Errorf("got %+v after %+v, want it to stay as it was", st, open)
		}
		time.Sleep(time.Minute)
		if err := o.ask(exchange.WithPlayback(t.Context(), kept), "a"); err != nil || o.Stats().Breaker.State != clients.BreakerHalfOpen {
			t.Errorf("half open: got %v, %+v, want the kept answer, and nothing proved", err, o.Stats().Breaker)
		}
	})
}
