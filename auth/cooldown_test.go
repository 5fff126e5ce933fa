package auth_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

// refusing answers every request alike.
func refusing(status int, body string) *tokenServer {
	return &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) { return respond(status, body), nil }}
}

// fails asks for a token that must not come.
func fails(t *testing.T, s *auth.Source) *endpoint.Error {
	t.Helper()
	_, err := s.Token(t.Context())
	e, ok := errors.AsType[*endpoint.Error](err)
	if !ok {
		t.Fatalf("got %v want an *endpoint.Error", err)
	}
	return e
}

func TestManyCallersAndARejectingEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := refusing(400, `{"error":"invalid_client"}`)
		s := open(t, config(e))
		storm := func() {
			var wg sync.WaitGroup
			for range 500 {
				wg.Go(func() {
					if got := fails(t, s); got.Class != endpoint.ClassCredential || got.Code != "invalid_client" || got.Status != 400 {
						t.Errorf("got %v want the refusal, also while cooling down", got)
					}
				})
			}
			wg.Wait()
		}
		for _, step := range []struct {
			after time.Duration // since the step before
			want  int64
		}{
			{0, 1},
			{47 * time.Second, 1}, // a minute, a fifth less at most
			{25 * time.Second, 2},
			{239 * time.Second, 2},
			{121 * time.Second, 3},
			{1000 * time.Hour, 3}, // the third refusal is the last
		} {
			time.Sleep(step.after)
			storm()
			e.got(t, step.want)
		}
		got := fails(t, s)
		if !got.Cooling || got.After != 0 {
			t.Errorf("got %+v want no further attempt", got)
		}
		if st := s.Status(); st.State != auth.StateRejected || st.Logins != 3 {
			t.Errorf("got %+v want refused after 3", st)
		}
	})
}

func TestCooldownReportsItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, config(refusing(400, `{"error":"invalid_client"}`)))
		first := fails(t, s)
		time.Sleep(10 * time.Second)
		second := fails(t, s)
		if first.Cooling || !second.Cooling || second.After != first.After-10*time.Second || second.Hint != first.Hint {
			t.Errorf("got %+v after %+v want the same, cooling, ten seconds later", second, first)
		}
		st := s.Status()
		if st.State != auth.StateCooldown || time.Until(st.NextAttemptAt) != second.After {
			t.Errorf("got %+v want cooling for %v", st, second.After)
		}
	})
}

func TestCooldownSurvivesTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := refusing(401, "")
		c := config(e)
		c.Store = auth.NewMemory()
		fails(t, open(t, c))
		if got := fails(t, open(t, c)); !got.Cooling {
			t.Errorf("got %+v want cooling", got)
		}
		e.got(t, 1)
	})
}

func TestAnotherSecretIsTriedImmediately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{answer: func(_ int64, req *http.Request) (*http.Response, error) {
			req.ParseForm()
			if req.PostForm.Get("client_secret") == "corrected" {
				return grant("a"), nil
			}
			return respond(401, ""), nil
		}}
		c := config(e)
		c.Store = auth.NewMemory()
		s := open(t, c)
		for range 3 {
			fails(t, s)
			time.Sleep(time.Hour)
		}
		fails(t, s)
		c.ClientSecret = secret.New("wrong too")
		if got := fails(t, open(t, c)); got.Cooling || got.After == 0 {
			t.Errorf("got %+v want an attempt, and its refusal counted anew", got)
		}
		c.ClientSecret = secret.New("corrected")
		mustToken(t, open(t, c))
		e.got(t, 5)
	})
}

func TestSuccessClearsTheCooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Refused, refused, granted; then refused again: the count begins anew.
		e := &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
			if n == 3 {
				return grant("a"), nil
			}
			return respond(401, ""), nil
		}}
		s := open(t, config(e))
		fails(t, s)
		time.Sleep(2 * time.Minute)
		fails(t, s)
		time.Sleep(10 * time.Minute)
		token := mustToken(t, s)
		s.Reject(token.Generation)
		if got := fails(t, s); got.After < 48*time.Second || got.After > 72*time.Second {
			t.Errorf("got a rest of %v want the first step again", got.After)
		}
	})
}

func TestTooManyRequestsDoesNotRejectTheCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
			resp := respond(429, `{"error":"invalid_client"}`)
			resp.Header.Set("Retry-After", time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat))
			return resp, nil
		}}
		s := open(t, config(e))
		for n := range int64(10) {
			got := fails(t, s)
			if got.Class != endpoint.ClassThrottle || got.Cooling {
				t.Errorf("got %+v want another attempt, throttled", got)
			}
			between(t, "rest", got.After, 2*time.Minute-time.Second, 15*time.Minute)
			e.got(t, n+1)
			time.Sleep(got.After)
		}
	})
}

// What came before a wait that the endpoint asks for makes it no longer.
func TestEachKindOfFailureHasItsOwnBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
			resp := respond(503, "")
			if n == 4 || n == 5 || n == 6 {
				resp = respond(429, "")
				resp.Header.Set("Retry-After", map[int64]string{4: "1", 5: "0.2", 6: "99999"}[n])
			}
			if n == 7 {
				resp = respond(429, "")
			}
			return resp, nil
		}}
		s := open(t, config(e))
		for n, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, time.Second, time.Second, 15 * time.Minute, 2 * time.Minute, time.Second} {
			got := fails(t, s)
			between(t, "rest "+string(rune('1'+n)), got.After, want/2, want)
			time.Sleep(got.After)
		}
	})
}

// A gateway answers 404, 405 or a redirect while what stands behind it starts.
func TestBadRequestAfterAnOutageContinuesTheOutage(t *testing.T) {
	for _, status := range []int{404, 405, 302} {
		synctest.Test(t, func(t *testing.T) {
			e := &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return respond(503, ""), nil
				}
				return respond(status, ""), nil
			}}
			s := open(t, config(e))
			for n, want := range []endpoint.Class{endpoint.ClassTransient, endpoint.ClassTransient, endpoint.ClassTransient, endpoint.ClassTransient, endpoint.ClassRequest} {
				got := fails(t, s)
				if got.Class != want {
					t.Errorf("%d, attempt %d: got %v want %s", status, n+1, got, want)
				}
				time.Sleep(got.After)
			}
		})
	}
}

func TestRetryAfterIsLimited(t *testing.T) {
	for _, written := range []string{"86400", "Thu, 31 Dec 2099 00:00:00 GMT"} {
		t.Run(written, func(t *testing.T) {
			got := fails(t, open(t, config(&tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
				resp := respond(503, "")
				resp.Header.Set("Retry-After", written)
				return resp, nil
			}})))
			between(t, "rest", got.After, 15*time.Minute-time.Second, 15*time.Minute)
		})
	}
}

func TestRetryAfterDateIsRelativeToTheResponseDate(t *testing.T) {
	got := fails(t, open(t, config(&tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
		resp := respond(503, "")
		resp.Header.Set("Date", "Fri, 20 Nov 1998 06:00:00 GMT") // a clock that stands still
		resp.Header.Set("Retry-After", "Fri, 20 Nov 1998 06:10:00 GMT")
		return resp, nil
	}})))
	between(t, "rest", got.After, 10*time.Minute-time.Second, 10*time.Minute)
}

func TestTransientFailuresBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, config(refusing(503, "")))
		for _, step := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
			ceiling := time.Duration(step) * time.Second
			got := fails(t, s)
			between(t, "rest", got.After, ceiling/2, ceiling)
			time.Sleep(got.After)
		}
	})
}

func TestFailedConnectionsAfterRejectionsLookLikeABlock(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, tt := range []struct {
		name    string
		wait    time.Duration // between the refusal and the failure
		failure error
		want    endpoint.Class
	}{
		{"a refused connection soon after", 2 * time.Minute, refused, endpoint.ClassBlock},
		{"a broken TLS handshake soon after", 2 * time.Minute, errors.New("tls: handshake failure"), endpoint.ClassBlock},
		{"a name that is not found", 2 * time.Minute, &net.DNSError{Err: "no such host"}, endpoint.ClassTransient},
		{"a refused connection much later", 3 * time.Hour, refused, endpoint.ClassTransient},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, config(&tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
					if n == 1 {
						return respond(400, `{"error":"invalid_client"}`), nil
					}
					return nil, tt.failure
				}}))
				fails(t, s)
				time.Sleep(tt.wait)
				got := fails(t, s)
				if got.Class != tt.want || got.Cooling {
					t.Errorf("got %+v want class %s", got, tt.want)
				}
				if tt.want == endpoint.ClassBlock && (got.After != 15*time.Minute || got.Hint == "") {
					t.Errorf("got %+v want a long rest and a hint", got)
				}
			})
		})
	}
}

func TestBadRequestWaitsAQuarterOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, config(refusing(404, "")))
		for _, want := range []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, time.Hour} {
			got := fails(t, s)
			if got.After != want || got.Class != endpoint.ClassRequest {
				t.Errorf("got %+v want a rest of %v", got, want)
			}
			time.Sleep(got.After)
		}
	})
}
