package auth_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

const nextSecret = "canary-next-secret"

// rotating is a configuration with a second client secret.
func rotating(base http.RoundTripper) auth.Config {
	c := config(base)
	c.ClientSecretNext = secret.New(nextSecret)
	return c
}

// accepting is a token endpoint that accepts one client secret.
type accepting struct {
	secret            atomic.Value
	accepted, refused atomic.Int64
	down              atomic.Bool // 503 for the accepted one
}

func newAccepting(secret string) *accepting {
	a := &accepting{}
	a.secret.Store(secret)
	return a
}

func (a *accepting) answer(req *http.Request) (status int, body string) {
	switch {
	case req.FormValue("client_secret") != a.secret.Load():
		a.refused.Add(1)
		return http.StatusUnauthorized, `{"error":"invalid_client"}`
	case a.down.Load():
		return http.StatusServiceUnavailable, ``
	}
	return http.StatusOK, fmt.Sprintf(`{"access_token":"token-%d","expires_in":2}`, a.accepted.Add(1))
}

func (a *accepting) got(t *testing.T, accepted, refused int64) {
	t.Helper()
	if a.accepted.Load() != accepted || a.refused.Load() != refused {
		t.Errorf("got %d accepted and %d refused requests, want %d and %d", a.accepted.Load(), a.refused.Load(), accepted, refused)
	}
}

// roundTrip is the endpoint without a network.
func (a *accepting) roundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(10 * time.Millisecond)
	status, body := a.answer(req)
	return respond(status, body), nil
}

func TestSecondClientSecret(t *testing.T) {
	t.Parallel()
	a := newAccepting(nextSecret)
	at := server(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond)
		status, body := a.answer(r)
		body = strings.Replace(body, `:2}`, `:3600}`, 1)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
	var logged bytes.Buffer
	c := rotating(http.DefaultTransport)
	c.TokenURL, c.Log = at.String()+"/token", slog.New(slog.NewTextHandler(&logged, nil))
	s := open(t, c)
	storm := func() {
		t.Helper()
		var callers sync.WaitGroup
		for range 1000 {
			callers.Go(func() {
				if _, err := s.Token(context.Background()); err != nil {
					t.Errorf("got %v, want a token", err)
				}
			})
		}
		callers.Wait()
	}
	storm()
	a.got(t, 1, 1)
	if st := s.Status(); !st.NextSecret || st.State != auth.StateValid || st.Failures+st.Refusals != 0 || st.Logins != 2 {
		t.Errorf("got %+v, want a valid token of the next secret, and no rejection", st)
	}
	s.Reject(1)
	storm()
	a.got(t, 2, 1) // remembered
	if n := strings.Count(logged.String(), "using client_secret_next"); n != 1 || strings.Contains(logged.String(), "canary") {
		t.Errorf("got %s, want one line about the secret", &logged)
	}

	a.secret.Store(clientSecret) // the other way round
	logged.Reset()
	s = open(t, c)
	storm()
	a.got(t, 3, 1)
	if s.Status().NextSecret || logged.Len() > 0 {
		t.Errorf("got %+v, %s; want nothing to report", s.Status(), &logged)
	}
}

func TestSecondClientSecretIsRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccepting("another")
		s := open(t, rotating(roundTripper(a.roundTrip)))
		for _, step := range []struct {
			after time.Duration // since the step before
			want  int64
		}{
			{0, 2},
			{73 * time.Second, 3}, // one of them
			{361 * time.Second, 4},
			{1000 * time.Hour, 4},
		} {
			time.Sleep(step.after)
			for range 100 {
				if e := fails(t, s); e.Class != endpoint.ClassCredential {
					t.Errorf("got %v, want the rejection", e)
				}
			}
			a.got(t, 0, step.want)
		}
		if st := s.Status(); st.State != auth.StateRejected {
			t.Errorf("got %+v, want it latched", st)
		}
		a.secret.Store(nextSecret)
		if err := s.Unlatch(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Token(t.Context()); err != nil {
			t.Errorf("got %v after an operator let it be tried again", err)
		}
	})
}

// Several processes find out once, also one that starts later.
func TestSecondClientSecretIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccepting(nextSecret)
		c := rotating(roundTripper(a.roundTrip))
		c.Store = auth.NewMemory()
		processes := []*auth.Source{open(t, c), open(t, c), open(t, c)}
		for n := range 20 {
			if n == 10 {
				processes = append(processes, open(t, c))
			}
			var calls sync.WaitGroup
			for _, s := range processes {
				calls.Go(func() {
					if _, err := s.Token(t.Context()); err != nil {
						t.Errorf("got %v, want a token", err)
					}
				})
			}
			calls.Wait()
			time.Sleep(time.Second)
		}
		if a.refused.Load() != 1 {
			t.Errorf("got %d rejections, want one", a.refused.Load())
		}
		for _, s := range processes {
			if st := s.Status(); !st.NextSecret {
				t.Errorf("got %+v, want the next secret in use", st)
			}
		}
		c.ClientSecret, c.ClientSecretNext = c.ClientSecretNext, secret.Secret{} // as the log says
		s := open(t, c)
		if _, err := s.Token(t.Context()); err != nil || a.refused.Load() != 1 {
			t.Errorf("got %v, %d rejections after the configuration was changed", err, a.refused.Load())
		}
	})
}

func TestSecondClientSecretDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccepting(nextSecret)
		a.down.Store(true)
		s := open(t, rotating(roundTripper(a.roundTrip)))
		if e := fails(t, s); e.Class != endpoint.ClassTransient {
			t.Errorf("got %v, want the outage", e)
		}
		a.down.Store(false)
		time.Sleep(time.Minute)
		if _, err := s.Token(t.Context()); err != nil {
			t.Error(err)
		}
		a.got(t, 1, 1) // the rejected one was not sent again
	})
}
