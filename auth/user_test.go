package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

const user = "mmd10030.johndoe"

// strict is an authorization server that rotates refresh tokens and takes each once:
// a second use ends the grant. Without a network, so that its time can be a bubble's.
type strict struct {
	mu       sync.Mutex // guards what follows
	sent     []string   // the grants' types, as they came
	current  string     // the refresh token that is good, "" when the grant is over
	grants   int        // that were ever given
	life     time.Duration
	lenient  bool // a refresh token that was used is good once more, as some servers have it
	previous string
	absent   bool // refreshes bring no new refresh token

	// fault may answer in the server's stead: before it has done anything, or after.
	before, after func() (*http.Response, error)
}

func (s *strict) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(req.Body)
	form, _ := url.ParseQuery(string(body))
	s.sent = append(s.sent, form.Get("grant_type"))
	if s.before != nil {
		if resp, err := s.before(); resp != nil || err != nil {
			return resp, err
		}
	}
	wrote(req)
	resp := s.answer(form)
	if s.after != nil {
		if instead, err := s.after(); instead != nil || err != nil {
			return instead, err
		}
	}
	return resp, nil
}

// wrote tells the client that its request is sent.
func wrote(req *http.Request) {
	if t := httptrace.ContextClientTrace(req.Context()); t != nil && t.WroteRequest != nil {
		t.WroteRequest(httptrace.WroteRequestInfo{})
	}
}

func (s *strict) answer(form url.Values) *http.Response {
	refused := respond(400, `{"error":"invalid_request"}`)
	switch form.Get("grant_type") {
	case "authorization_code":
		if form.Get("code") != "code" {
			return refused
		}
	case "refresh_token":
		spent := form.Get("refresh_token")
		if spent != s.current && (!s.lenient || spent != s.previous) || spent == "" {
			s.current = ""
			return refused
		}
	default:
		return respond(400, `{"error":"unsupported_grant_type"}`)
	}
	s.grants++
	if s.absent && s.current != "" {
		return respond(200, fmt.Sprintf(`{"access_token":"access-%d","expires_in":%d}`, s.grants, int(s.life.Seconds())))
	}
	s.previous, s.current = s.current, fmt.Sprintf("refresh-%d", s.grants)
	return respond(200, fmt.Sprintf(`{"access_token":"access-%d","refresh_token":%q,"expires_in":"%d"}`, s.grants, s.current, int(s.life.Seconds())))
}

// got checks which requests came since it was last asked.
func (s *strict) got(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.sent, " "); got != strings.Join(want, " ") {
		t.Errorf("token requests: got %q want %q", got, want)
	}
	s.sent = nil
}

func (s *strict) faults(before, after func() (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

func (s *strict) graceful(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lenient = is
}

// once is a fault that strikes the next request alone.
func once(resp *http.Response, err error) func() (*http.Response, error) {
	struck := false
	return func() (*http.Response, error) {
		if struck {
			return nil, nil //nolint:nilnil // no fault
		}
		struck = true
		return resp, err
	}
}

func always(err error) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, err }
}

func userConfig(s *strict, store auth.Store) auth.Config {
	return auth.Config{
		Dialect: endpoint.Mazda(), Provider: "mazda", Environment: "test", User: user,
		TokenURL: "https://mapps.example/oauth/token", AuthorizeURL: "https://mapps.example/oauth/authorize",
		ClientID: secret.New(clientID), ClientSecret: secret.New(clientSecret), Base: s, Store: store, Timeout: 10 * time.Second,
	}
}

// consent has the user grant access.
func consent(t *testing.T, s *auth.Source) {
	t.Helper()
	_, c, err := s.Authorize("https://127.0.0.1:8080/code")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Exchange(t.Context(), c, "code"); err != nil {
		t.Fatal(err)
	}
}

// granted is a source whose user has granted access, an hour-long token in hand.
func granted(t *testing.T) (*strict, auth.Store, *auth.Source) {
	t.Helper()
	server, store := &strict{life: time.Hour}, auth.NewMemory()
	s := open(t, userConfig(server, store))
	consent(t, s)
	server.got(t, "authorization_code")
	return server, store, s
}

func accessOf(t *testing.T, s *auth.Source) string {
	t.Helper()
	return mustToken(t, s).Access.Reveal()
}

// mustConsent checks that a person has to grant access, and why.
func mustConsent(t *testing.T, s *auth.Source, reason string) {
	t.Helper()
	e := fails(t, s)
	if e.Class != endpoint.ClassConsent || !strings.Contains(e.Error(), reason) || !strings.Contains(e.Error(), user) {
		t.Errorf("got %v want consent of %s because %s", e, user, reason)
	}
	if st := s.Status(); st.State != auth.StateConsent || !strings.Contains(st.ConsentReason, reason) {
		t.Errorf("got %+v want consent_required because %s", st, reason)
	}
}

func TestNoRequestsWithoutConsent(t *testing.T) {
	server := &strict{}
	s := open(t, userConfig(server, auth.NewMemory()))
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() { mustConsent(t, s, "never granted") })
	}
	wg.Wait()
	server.got(t)
}

func TestUserTokensAreRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store, s := granted(t)
		for n := 1; n <= 5; n++ {
			if got, want := accessOf(t, s), fmt.Sprintf("access-%d", n); got != want {
				t.Errorf("got %s want %s", got, want)
			}
			time.Sleep(59*time.Minute + 45*time.Second)
		}
		server.got(t, "refresh_token", "refresh_token", "refresh_token", "refresh_token")
		restarted := open(t, userConfig(server, store))
		mustToken(t, s)
		if got := accessOf(t, restarted); got != "access-6" {
			t.Errorf("after a restart: got %s want access-6", got)
		}
		server.got(t, "refresh_token")
	})
}

func TestRefreshTokenIsKeptIfTheResponseHasNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _, s := granted(t)
		server.absent = true
		for range 3 {
			time.Sleep(time.Hour)
			mustToken(t, s)
		}
		server.got(t, "refresh_token", "refresh_token", "refresh_token")
	})
}

func TestGrantWithoutARefreshTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := userConfig(&strict{}, auth.NewMemory())
		e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
			return respond(200, `{"access_token":"a","expires_in":60}`), nil
		}}
		c.Base = e
		s := open(t, c)
		consent(t, s)
		mustToken(t, s)
		time.Sleep(time.Minute)
		mustConsent(t, s, "there is no refresh token")
		e.got(t, 1)
	})
}

func TestIdleGrantIsRefreshedOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _, s := granted(t)
		server.life = 30 * 24 * time.Hour
		time.Sleep(time.Hour)
		mustToken(t, s)
		server.got(t, "refresh_token")
		for range 3 * 24 * 60 {
			time.Sleep(time.Minute)
			s.RenewIdle()
			synctest.Wait()
		}
		server.got(t, "refresh_token", "refresh_token", "refresh_token")
	})
}

var (
	reset  = &url.Error{Op: "Post", URL: "https://mapps.example", Err: syscall.ECONNRESET}
	dialed = &url.Error{Op: "Post", URL: "https://mapps.example", Err: syscall.ECONNREFUSED}
)

func TestLostResponseIsRequestedOnceMore(t *testing.T) {
	for _, tt := range []struct {
		name          string
		lenient       bool
		before, after func() (*http.Response, error)
		sent          int
		reason        string // why consent is needed then, "" when it is not
	}{
		{"and a strict server refuses it", false, nil, once(nil, reset), 2, "response to a refresh was lost"},
		{"and a server with a grace period answers it", true, nil, once(nil, reset), 2, ""},
		{"and it was cut off before the server saw it", false, nil, nil, 2, ""},
		{"and half an answer is no answer", true, nil, once(&http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"acc`), failing{}))}, nil), 2, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, _, s := granted(t)
				server.lenient = tt.lenient
				server.faults(tt.before, tt.after)
				if tt.after == nil { // the connection is cut when the request is sent
					cut := true
					c := userConfig(server, nil)
					c.Base = roundTripper(func(req *http.Request) (*http.Response, error) {
						if strings.Contains(bodyOf(t, req), "refresh_token") && cut {
							cut = false
							wrote(req)
							server.mu.Lock()
							server.sent = append(server.sent, "refresh_token")
							server.mu.Unlock()
							return nil, reset
						}
						return server.RoundTrip(req)
					})
					s = open(t, c)
					consent(t, s)
					server.got(t, "authorization_code")
				}
				time.Sleep(time.Hour)
				if tt.reason == "" {
					mustToken(t, s)
				} else {
					mustConsent(t, s, tt.reason)
				}
				for range 100 {
					time.Sleep(time.Second)
					_, _ = s.Token(t.Context())
				}
				server.got(t, strings.Fields(strings.Repeat("refresh_token ", tt.sent))...)
			})
		})
	}
}

// Requests that no server saw end no grant, however many: what is sent is at first a replay
// at once, and then what the cooldown allows.
func TestGrantEndsOnlyWhenTheServerRejectsIt(t *testing.T) {
	cut := func(seen bool) func(*strict, *http.Request) (*http.Response, error) {
		return func(_ *strict, req *http.Request) (*http.Response, error) {
			if seen {
				wrote(req)
			}
			return nil, reset
		}
	}
	hangs := func(_ *strict, req *http.Request) (*http.Response, error) {
		wrote(req)
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	for name, outage := range map[string]func(*strict, *http.Request) (*http.Response, error){
		"connections that are reset":       cut(true),
		"connections that are not made":    cut(false),
		"an endpoint that hangs":           hangs,
		"an endpoint that is in trouble":   func(*strict, *http.Request) (*http.Response, error) { return respond(503, ""), nil },
		"a gateway without what it fronts": func(*strict, *http.Request) (*http.Response, error) { return respond(502, "<html>"), nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &strict{life: time.Hour}
				var out atomic.Bool
				sent := 0
				c := userConfig(server, auth.NewMemory())
				c.Base = roundTripper(func(req *http.Request) (*http.Response, error) {
					if out.Load() {
						sent++
						return outage(server, req)
					}
					return server.RoundTrip(req)
				})
				s := open(t, c)
				consent(t, s)
				for range 3 { // outages
					time.Sleep(time.Hour)
					out.Store(true)
					sent = 0
					for began := time.Now(); time.Since(began) < 30*time.Minute; time.Sleep(time.Second) {
						if e := fails(t, s); e.Class != endpoint.ClassTransient {
							t.Fatalf("got %v want an outage", e)
						}
					}
					between(t, "requests in half an hour", sent, 5, 25)
					out.Store(false)
					time.Sleep(5 * time.Minute)
					mustToken(t, s)
				}
			})
		})
	}
}

// Killed while it waits for its own rate, a process has sent nothing.
func TestIntentIsStoredWhenTheRateAllowsTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store, first := granted(t)
		first.Close()
		time.Sleep(time.Hour)
		c := userConfig(server, store)
		c.Limiter = stuck{}
		waiting := open(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = waiting.Token(ctx)
		if row, err := store.Load(t.Context(), waiting.Status().Key); err != nil || !row.IntentAt.IsZero() || row.LeaseOwner != "" {
			t.Errorf("got intent %v, lease of %q, %v; want none before the rate allows the request", row.IntentAt, row.LeaseOwner, err)
		}
		mustToken(t, open(t, userConfig(server, store)))
	})
}

// stuck is a limiter that lets nothing pass.
type stuck struct{}

func (stuck) Wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// The credentials are the client's, and so is what the endpoint says of them.
func TestWrongSecretCostsThreeRequestsForAllUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store, client := &strict{life: time.Hour}, auth.NewMemory(), auth.NewClient()
		var users []*auth.Source
		fleet := func(value string, client *auth.Client) []*auth.Source {
			var all []*auth.Source
			for i := range 50 {
				c := userConfig(server, store)
				c.User, c.Client, c.ClientSecret = fmt.Sprintf("user-%d", i), client, secret.New(value)
				all = append(all, open(t, c))
			}
			return all
		}
		users = fleet("right", client)
		for _, s := range users {
			server.mu.Lock()
			server.current = ""
			server.mu.Unlock()
			consent(t, s)
		}
		storm := func(users []*auth.Source) {
			var wg sync.WaitGroup
			for _, s := range users {
				wg.Go(func() {
					if e := fails(t, s); e.Class != endpoint.ClassCredential {
						t.Errorf("got %v want refused credentials", e)
					}
				})
			}
			wg.Wait()
		}
		server.faults(func() (*http.Response, error) { return respond(401, `{"error":"invalid_client"}`), nil }, nil)
		server.mu.Lock()
		server.sent = nil
		server.mu.Unlock()
		time.Sleep(2 * time.Hour)
		users = fleet("wrong", auth.NewClient())
		for range 100 {
			storm(users)
			time.Sleep(10 * time.Minute)
		}
		server.got(t, "refresh_token", "refresh_token", "refresh_token")

		again := fleet("wrong", auth.NewClient()) // a restart: each has read what is stored
		for _, s := range again {
			if err := s.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		storm(again)
		server.got(t)
	})
}

// bodyOf reads a request's body and leaves it there.
func bodyOf(t *testing.T, req *http.Request) string {
	t.Helper()
	body, err := req.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(body)
	return string(text)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestUnsentRequestLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _, s := granted(t)
		server.faults(always(dialed), nil)
		time.Sleep(time.Hour)
		if e := fails(t, s); e.Class != endpoint.ClassTransient || e.After <= 0 {
			t.Errorf("got %+v want transient, with a cooldown", e)
		}
		server.faults(nil, nil)
		time.Sleep(time.Minute)
		if got := accessOf(t, s); got != "access-2" {
			t.Errorf("got %s want access-2", got)
		}
		server.got(t, "refresh_token", "refresh_token")
	})
}

// The API refused the access token, and there is no other yet.
func TestRejectedTokenIsNotUsedAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store, s := granted(t)
		server.faults(func() (*http.Response, error) { return respond(503, ""), nil }, nil)
		first := mustToken(t, s)
		s.Reject(first.Generation)
		if e := fails(t, s); e.Class != endpoint.ClassTransient {
			t.Errorf("got %v want transient", e)
		}
		server.faults(nil, nil)
		time.Sleep(time.Minute)
		if got := accessOf(t, open(t, userConfig(server, store))); got != "access-2" {
			t.Errorf("got %s want a new one", got)
		}
	})
}

func TestOutageEndsNoGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _, s := granted(t)
		server.faults(func() (*http.Response, error) { return respond(503, "<html>"), nil }, nil)
		time.Sleep(time.Hour)
		for range 600 {
			_, _ = s.Token(t.Context())
			time.Sleep(time.Second)
		}
		server.mu.Lock()
		between(t, "requests in ten minutes", len(server.sent), 5, 20)
		server.sent = nil
		server.mu.Unlock()
		server.faults(nil, nil)
		time.Sleep(5 * time.Minute)
		mustToken(t, s)
	})
}

// A process was killed between the answer to a refresh and its commit: its intent is
// in the store, under a lease that has run out.
func TestOneReplayRemainsAfterACrash(t *testing.T) {
	for _, tt := range []struct {
		name    string
		crashes int
		lenient bool
		sent    []string
		reason  string
	}{
		{"which a server with a grace period answers", 1, true, []string{"refresh_token"}, ""},
		{"which a strict server refuses", 1, false, []string{"refresh_token"}, "response to a refresh was lost"},
		{"which one refuses after many", 5, false, []string{"refresh_token"}, "response to a refresh was lost"},
		{"also after a second one", 2, true, []string{"refresh_token"}, "response to a refresh was lost"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store, first := granted(t)
				server.lenient = tt.lenient
				first.Close()
				for range tt.crashes {
					time.Sleep(2 * time.Hour)
					killed := open(t, userConfig(server, dying{store}))
					server.faults(nil, nil)
					done := make(chan struct{})
					go func() { defer close(done); _, _ = killed.Token(t.Context()) }()
					<-done
				}
				server.mu.Lock()
				server.sent = nil
				server.mu.Unlock()
				time.Sleep(time.Hour)
				s := open(t, userConfig(server, store))
				if tt.reason == "" {
					mustToken(t, s)
				} else {
					mustConsent(t, s, tt.reason)
				}
				_, _ = s.Token(t.Context())
				server.got(t, tt.sent...)
			})
		})
	}
}

// dying is the store of a process that is killed before it commits anything.
type dying struct{ auth.Store }

func (dying) Commit(context.Context, auth.Lease, auth.Row) (bool, error) {
	return false, errors.New("killed")
}

// full is a store on a disk that is full, or not.
type full struct {
	auth.Store
	is *atomic.Bool
}

func (f full) Commit(ctx context.Context, l auth.Lease, row auth.Row) (bool, error) {
	if f.is.Load() {
		return false, errors.New("the disk is full")
	}
	return f.Store.Commit(ctx, l, row)
}

func TestUnstoredRefreshTokenIsStoredLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var is atomic.Bool
		server, store, first := granted(t)
		first.Close()
		s := open(t, userConfig(server, full{store, &is}))
		mustToken(t, s)
		time.Sleep(time.Hour)
		is.Store(true)
		if got := accessOf(t, s); got != "access-2" {
			t.Errorf("got %s want what was granted to be served", got)
		}
		for range 3 {
			time.Sleep(time.Minute)
			s.RenewIdle()
			synctest.Wait()
		}
		is.Store(false)
		time.Sleep(5 * time.Minute)
		s.RenewIdle()
		synctest.Wait()
		server.got(t, "refresh_token")
		next := open(t, userConfig(server, store))
		if got := accessOf(t, next); got != "access-2" {
			t.Errorf("got %s want it to be in the store", got)
		}
		time.Sleep(time.Hour)
		if got := accessOf(t, next); got != "access-3" {
			t.Errorf("got %s want the grant to live on", got)
		}
	})
}

func TestRejectedRefreshRequiresConsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store, s := granted(t)
		server.current = "revoked by somebody"
		time.Sleep(58 * time.Minute)
		if got := accessOf(t, s); got != "access-1" { // and renews it early
			t.Errorf("got %s want what lives to be served", got)
		}
		synctest.Wait()
		if st := s.Status(); st.State != auth.StateConsent || st.LifeLeft == 0 {
			t.Errorf("got %+v want consent_required, while the token is served", st)
		}
		server.got(t, "refresh_token")
		mustToken(t, s)
		time.Sleep(2 * time.Minute)
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() { mustConsent(t, s, "rejected the refresh token") })
		}
		wg.Wait()
		mustConsent(t, open(t, userConfig(server, store)), "rejected the refresh token")
		server.got(t)

		consent(t, s)
		server.got(t, "authorization_code")
		if got := accessOf(t, s); got != "access-2" || s.Status().State != auth.StateValid {
			t.Errorf("got %s, %+v want the new grant to be served", got, s.Status())
		}
	})
}

// Another process took the lease when ours had run out, and spent the refresh token.
func TestRejectionIsIgnoredIfAnotherProcessHasRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store, s := granted(t)
		other := open(t, userConfig(server, store))
		slow := userConfig(server, store)
		var stuck atomic.Bool
		slow.Base = roundTripper(func(req *http.Request) (*http.Response, error) {
			stuck.Store(true)
			time.Sleep(2 * time.Minute) // beyond the lease, and deaf to its own timeout
			return server.RoundTrip(req.WithContext(t.Context()))
		})
		late := open(t, slow)
		s.Close()
		time.Sleep(time.Hour)
		got := make(chan string)
		go func() { got <- accessOf(t, late) }()
		synctest.Wait()
		if !stuck.Load() {
			t.Fatal("the slow process did not begin")
		}
		server.graceful(true) // the other one's request counts as the replay
		time.Sleep(90 * time.Second)
		if token := accessOf(t, other); token != "access-2" {
			t.Errorf("got %s want access-2", token)
		}
		server.graceful(false)
		if token := <-got; token != "access-2" {
			t.Errorf("got %s want what the other process got", token)
		}
		mustToken(t, other)
	})
}

func TestThousandRejectionsUseOneRefreshToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _, s := granted(t)
		client := signing(s, &api{accepts: only("access-2")})
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if status, _ := call(t, client, nil); status != 200 {
					t.Errorf("got %d want 200", status)
				}
			})
		}
		wg.Wait()
		server.got(t, "refresh_token")
	})
}

func TestFleetSharesARotatingGrantInOneProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const run = 30 * time.Second
		server, store := &strict{life: 2 * time.Second}, auth.NewMemory()
		first := open(t, userConfig(server, store))
		consent(t, first)
		server.got(t, "authorization_code")
		var wg sync.WaitGroup
		a := &api{accepts: func(token string) bool {
			server.mu.Lock()
			defer server.mu.Unlock()
			return token == fmt.Sprintf("access-%d", server.grants) // a new one ends the old at once
		}}
		for i := range 3 {
			s := first
			if i > 0 {
				s = open(t, userConfig(server, store))
			}
			client := signing(s, roundTripper(func(req *http.Request) (*http.Response, error) {
				time.Sleep(10 * time.Millisecond)
				return a.RoundTrip(req)
			}))
			for range 20 {
				wg.Go(func() {
					for began := time.Now(); time.Since(began) < run; {
						if status, _ := call(t, client, nil); status != 200 {
							t.Errorf("after %v: got %d want 200", time.Since(began), status)
							return
						}
					}
				})
			}
		}
		wg.Wait()
		server.mu.Lock()
		defer server.mu.Unlock()
		between(t, "refreshes", len(server.sent), int(run/(2*time.Second))-1, int(run*10/(2*time.Second*6))+2)
	})
}

func TestUnlatchOfARejectedClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _, s := granted(t)
		server.faults(func() (*http.Response, error) { return respond(401, `{"error":"invalid_client"}`), nil }, nil)
		time.Sleep(time.Hour)
		for range 100 {
			_, _ = s.Token(t.Context())
			time.Sleep(time.Minute)
		}
		server.got(t, "refresh_token", "refresh_token", "refresh_token")
		if st := s.Status(); st.State != auth.StateRejected {
			t.Errorf("got %+v want refused", st)
		}
		server.faults(nil, nil)
		if err := s.Unlatch(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := accessOf(t, s); got != "access-2" {
			t.Errorf("got %s want access-2: the refresh token was kept", got)
		}
	})
}

// unreadable is a store whose key was lost.
type unreadable struct{ auth.Store }

func (u unreadable) Load(ctx context.Context, key string) (auth.Row, error) {
	row, err := u.Store.Load(ctx, key)
	if row.Generation > 0 {
		row.Token, row.Refresh, row.Unreadable = secret.Secret{}, secret.Secret{}, true
	}
	return row, err
}

func TestUnreadableTokensAreIgnored(t *testing.T) {
	server, store, s := granted(t)
	s.Close()
	heard := make(chan auth.Status, 10)
	c := userConfig(server, unreadable{store})
	damaged := open(t, c)
	damaged.SetNotify(func(st auth.Status) { heard <- st })
	mustConsent(t, damaged, "cannot be read")
	server.got(t)
	if st := <-heard; !st.Unreadable || st.State != auth.StateConsent {
		t.Errorf("heard %+v want unreadable", st)
	}

	e := &tokenServer{}
	m := config(e)
	m.Store = store
	mustToken(t, open(t, m))
	m.Store = unreadable{store}
	again := open(t, m)
	mustToken(t, again) // a client logs in again
	e.got(t, 2)
	if st := again.Status(); st.Generation != 2 || st.Unreadable {
		t.Errorf("got %+v want a second, readable token", st)
	}
}

// The refresh token is no access token (Mazda's Access keys for DMS (OAuth2)).
func TestCredentialsGoWhereTheyBelong(t *testing.T) {
	var headers []string
	c := userConfig(&strict{life: time.Hour}, nil)
	inner := c.Base
	c.Base = roundTripper(func(req *http.Request) (*http.Response, error) {
		headers = append(headers, req.Header.Get("Authorization"))
		if body := bodyOf(t, req); strings.Contains(body, "client_") {
			t.Errorf("two client authentications: %s", body)
		}
		return inner.RoundTrip(req)
	})
	s := open(t, c)
	consent(t, s)
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+clientSecret))
	if len(headers) != 1 || headers[0] != want {
		t.Errorf("got %q want Basic", headers)
	}
	status, _ := call(t, signing(s, &api{accepts: only("access-1")}), nil)
	if status != 200 {
		t.Errorf("got %d want the access token to be sent", status)
	}
}
