package clienttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/clients"
)

func (r *runner) statuses(t *testing.T) {
	for status, code := range map[int]clients.Code{
		400: clients.CodeInvalid, 403: clients.CodeForbidden, 404: clients.CodeInvalid, 405: clients.CodeInvalid,
		408: clients.CodeUnavailable, 409: clients.CodeInvalid, 415: clients.CodeInvalid, 422: clients.CodeInvalid,
		425: clients.CodeUnavailable, 429: clients.CodeThrottled, 500: clients.CodeUnavailable, 501: clients.CodeUnavailable,
		502: clients.CodeUnavailable, 503: clients.CodeUnavailable, 504: clients.CodeUnavailable, 599: clients.CodeUnavailable,
	} {
		t.Run(fmt.Sprintf("%d %s", status, code), func(t *testing.T) {
			p, s := r.start(t, reply(status, `{"fault":"`+bodyCanary+`"}`), nil)
			_, err := r.ask(t.Context(), p)
			r.want(t, err, code)
			e := clients.AsError(err)
			if e.Status != status || e.After != 0 {
				t.Errorf("got status %d and wait %v, want %d and none", e.Status, e.After, status)
			}
			if !code.Retryable() && e.Hint == "" {
				t.Errorf("got %v without a hint; an error that is not retried needs one", e)
			}
			if calls := s.calls.Load(); calls != 1 {
				t.Errorf("got %d calls, want 1: the client must not retry", calls)
			}
		})
	}
}

func (r *runner) retryAfter(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	for name, c := range map[string]struct {
		header string
		want   time.Duration
	}{
		"absent":                   {"", 0},
		"seconds":                  {"7", 7 * time.Second},
		"a date":                   {now.Add(90 * time.Second).Format(http.TimeFormat), 90 * time.Second},
		"a date in the past":       {now.Add(-time.Hour).Format(http.TimeFormat), 0},
		"invalid":                  {"soon", 0},
		"negative":                 {"-5", 0},
		"cut to six hours":         {"86400", 6 * time.Hour},
		"a date cut to six hours":  {now.Add(48 * time.Hour).Format(http.TimeFormat), 6 * time.Hour},
		"seconds beyond int range": {"99999999999999999999", 6 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
				p, _ := r.start(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Date", now.Format(http.TimeFormat))
					if c.header != "" {
						w.Header().Set("Retry-After", c.header)
					}
					w.WriteHeader(status)
				}, nil)
				_, err := r.ask(t.Context(), p)
				if e := clients.AsError(err); e == nil || e.After != c.want {
					t.Errorf("status %d: got %+v, want a wait of %v", status, e, c.want)
				}
			}
		})
	}
}

func (r *runner) redirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		t.Errorf("a redirect was followed to %s", req.URL)
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		p, _ := r.start(t, func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, elsewhere.URL+"/?secret="+bodyCanary, status)
		}, nil)
		_, err := r.ask(t.Context(), p)
		r.want(t, err, clients.CodeInvalid)
	}
}

func (r *runner) documents(t *testing.T) {
	p, _ := r.start(t, reply(200, r.Answer), nil)
	if a, err := r.ask(t.Context(), p); err != nil || len(a.Orders) != 0 {
		t.Fatalf("complete response: got %d orders and %v, want none and no error", len(a.Orders), err)
	}
	for name, body := range map[string]string{
		"an empty body":       "",
		"an empty object":     "{}",
		"an empty list":       "[]",
		"null":                "null",
		"a text":              `"` + bodyCanary + `"`,
		"a page":              "<!DOCTYPE html><html><body>" + bodyCanary + "</body></html>",
		"a fault":             `{"fault":{"faultstring":"` + bodyCanary + `"}}`,
		"half the document":   r.Answer[:len(r.Answer)/2],
		"last byte missing":   r.Answer[:len(r.Answer)-1],
		"trailing data":       r.Answer + bodyCanary,
		"the document, twice": r.Answer + r.Answer,
		"too long":            r.Answer + strings.Repeat(" ", MaxBody),
	} {
		t.Run("a bad response: "+name, func(t *testing.T) {
			p, s := r.start(t, reply(200, body), nil)
			a, err := r.ask(t.Context(), p)
			r.want(t, err, clients.CodeBadResponse)
			if len(a.Orders) != 0 || s.calls.Load() != 1 {
				t.Errorf("got %d orders in %d calls, want none in 1", len(a.Orders), s.calls.Load())
			}
		})
	}
}

func (r *runner) broken(t *testing.T) {
	for name, api := range map[string]http.HandlerFunc{
		"before the response":                 closeConnection,
		"in a body of known length":           cutOff(r.Answer[:len(r.Answer)/2], false),
		"in a body of unknown length":         cutOff(r.Answer[:len(r.Answer)/2], true),
		"after a document, of known length":   cutOff(r.Answer, false),
		"after a document, of unknown length": cutOff(r.Answer, true),
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := r.start(t, api, nil)
			_, err := r.ask(t.Context(), p)
			r.want(t, err, clients.CodeUnavailable)
		})
	}
	t.Run("because no server listens", func(t *testing.T) {
		p, s := r.start(t, reply(200, r.Answer), nil)
		s.Close()
		_, err := r.ask(t.Context(), p)
		r.want(t, err, clients.CodeUnavailable)
	})
}

func (r *runner) contexts(t *testing.T) {
	arrived := make(chan struct{}, 1)
	hang := func(_ http.ResponseWriter, req *http.Request) {
		arrived <- struct{}{}
		<-req.Context().Done()
	}
	t.Run("cancelled during a call gets context.Canceled", func(t *testing.T) {
		p, _ := r.start(t, hang, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { <-arrived; cancel() }()
		_, err := r.ask(ctx, p)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled in the chain", err)
		}
		if e, ok := errors.AsType[*clients.Error](err); ok {
			t.Errorf("got code %s, want none: the provider did not fail", e.Code)
		}
		r.wantDiscreet(t, err)
	})
	t.Run("cancelled before the call sends nothing", func(t *testing.T) {
		p, s := r.start(t, reply(200, r.Answer), nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.ask(ctx, p); !errors.Is(err, context.Canceled) || s.calls.Load() != 0 {
			t.Errorf("got %v after %d calls, want context.Canceled after none", err, s.calls.Load())
		}
	})
	t.Run("whose deadline passes gets unavailable", func(t *testing.T) {
		p, _ := r.start(t, hang, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := r.ask(ctx, p)
		r.want(t, err, clients.CodeUnavailable)
	})
}

// valid accepts calls with one token and rejects all others.
func (r *runner) valid(token string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		reply(200, r.Answer)(w, req)
	}
}

func (r *runner) reauthorization(t *testing.T) {
	p, s := r.start(t, r.valid(accessToken(2)), nil)
	for range 2 { // the second query reuses the token of the first
		if _, err := r.ask(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if s.grants.Load() != 2 || s.calls.Load() != 3 {
		t.Errorf("got %d grants and %d calls, want 2 and 3", s.grants.Load(), s.calls.Load())
	}
}

func (r *runner) lasting401(t *testing.T) {
	p, s := r.start(t, r.valid("none"), nil)
	_, err := r.ask(t.Context(), p)
	r.want(t, err, clients.CodeUnauthorized)
	if s.grants.Load() != 2 || s.calls.Load() != 2 {
		t.Errorf("got %d grants and %d calls, want 2 and 2", s.grants.Load(), s.calls.Load())
	}
	_, err = r.ask(t.Context(), p)
	r.want(t, err, clients.CodeUnavailable)
	if e := clients.AsError(err); e.After <= 0 || s.grants.Load() != 2 {
		t.Errorf("got a wait of %v and %d grants, want a positive wait and 2 grants", e.After, s.grants.Load())
	}
}

func (r *runner) tokenEndpoint(t *testing.T) {
	for name, c := range map[string]struct {
		token http.HandlerFunc
		want  clients.Code
	}{
		"rejects the credentials": {reply(400, r.Refusal), clients.CodeAuthRejected},
		"is rate limited":         {reply(429, bodyCanary), clients.CodeThrottled},
		"is down":                 {reply(503, bodyCanary), clients.CodeUnavailable},
		"closes the connection":   {closeConnection, clients.CodeUnavailable},
		"responds with HTML":      {reply(200, "<html>"+bodyCanary), clients.CodeAuthRejected},
	} {
		t.Run(name+" means "+string(c.want), func(t *testing.T) {
			p, s := r.start(t, reply(200, r.Answer), c.token)
			_, err := r.ask(t.Context(), p)
			r.want(t, err, c.want)
			if s.calls.Load() != 0 {
				t.Errorf("got %d calls without a token, want none", s.calls.Load())
			}
		})
	}
}

func (r *runner) consent(t *testing.T) {
	t.Run("is missing when a user never granted access", func(t *testing.T) {
		s := r.serve(t, reply(200, r.Answer), nil)
		_, err := r.ask(t.Context(), r.open(t, s.URL))
		r.want(t, err, clients.CodeConsent)
		if s.grants.Load() != 0 || s.calls.Load() != 0 {
			t.Errorf("got %d token requests and %d calls, want none of either", s.grants.Load(), s.calls.Load())
		}
		if e := clients.AsError(err); !strings.Contains(e.Hint, "orderbeat auth login "+e.Provider+" --user ") {
			t.Errorf("got the hint %q, want the command that requests consent", e.Hint)
		}
	})
	t.Run("is missing when the refresh token is rejected", func(t *testing.T) {
		var granted atomic.Bool
		p, s := r.start(t, reply(401, ""), func(w http.ResponseWriter, req *http.Request) {
			if !granted.Swap(true) {
				reply(200, r.Grant(accessToken(1)))(w, req)
				return
			}
			reply(400, r.Refusal)(w, req)
		})
		for range 2 { // the second query is not sent at all
			_, err := r.ask(t.Context(), p)
			r.want(t, err, clients.CodeConsent)
		}
		if s.grants.Load() != 2 || s.calls.Load() != 1 {
			t.Errorf("got %d token requests and %d calls, want 2 (code and refresh) and 1", s.grants.Load(), s.calls.Load())
		}
	})
}
