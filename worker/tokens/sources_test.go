package tokens_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/authtest"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/seal"
	"orderbeat/auth/secret"
	"orderbeat/worker/bus/natstest"
	"orderbeat/worker/tokens"
)

// provider is a token endpoint whose refresh tokens rotate: using one twice ends the grant.
type provider struct {
	*authtest.Server
	url string
}

func newProvider(t *testing.T, life time.Duration) provider {
	t.Helper()
	server := authtest.New(authtest.Options{Dialect: authtest.Mazda, Life: life, Expiry: authtest.ExpirySeconds})
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return provider{server, listener.URL}
}

// process is a source with a connection of its own, as in another process. key is the file of its keys.
func (p provider) process(t *testing.T, c tokens.Config, key string) *auth.Source {
	t.Helper()
	s, err := auth.NewSource(auth.Config{
		Dialect: endpoint.Mazda(), Provider: "mazda", Environment: "test", User: authtest.User, Store: seal.New(open(t, c), keyring(t, key)),
		TokenURL: p.url + p.Paths().Token, AuthorizeURL: p.url + p.Paths().Authorize,
		ClientID: secret.New(authtest.ClientID), ClientSecret: secret.New(authtest.ClientSecret), Log: c.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// consent has the user grant access.
func (p provider) consent(t *testing.T, s *auth.Source) {
	t.Helper()
	link, consent, err := s.Authorize("https://127.0.0.1:8080/dms/oauth/code")
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.PostForm(link, url.Values{"user": {authtest.User}, "answer": {"grant"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Exchange(t.Context(), consent, back.Query().Get("code")); err != nil {
		t.Fatal(err)
	}
}

// Three processes share a user's rotating grant: each refresh token is sent once, by one of them.
func TestProcessesShareARotatingGrant(t *testing.T) {
	t.Parallel()
	const life, run = 2 * time.Second, 5 * time.Second
	p, c, key := newProvider(t, life), config(natstest.Start(t, natstest.Options(t)).ClientURL()), filepath.Join(t.TempDir(), "key")
	first := p.process(t, c, key)
	p.consent(t, first)
	sources := []*auth.Source{first, p.process(t, c, key), p.process(t, c, key)}
	ctx, cancel := context.WithTimeout(t.Context(), run)
	defer cancel()
	var calls sync.WaitGroup
	for _, s := range sources {
		for range 5 {
			calls.Go(func() {
				for ctx.Err() == nil {
					token, err := s.Token(context.WithoutCancel(ctx))
					if err != nil {
						t.Error(err)
						return
					}
					if _, ok := p.Check(token.Access.Reveal()); !ok && time.Now().Before(token.ExpiresAt) {
						t.Error("the token is not valid")
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
	}
	calls.Wait()
	stats := p.Stats()
	if most := 1 + int64(run*10/(life*6)) + 1; stats.Refused != 0 || stats.Refreshes < 2 || stats.TokenRequests > most {
		t.Errorf("got %+v, want 2 refreshes or more, %d token requests or fewer, and none refused", stats, most)
	}
}

// A process that takes over uses the token of the one before.
func TestTakeOverRequestsNoToken(t *testing.T) {
	t.Parallel()
	p, c, key := newProvider(t, time.Hour), config(natstest.Start(t, natstest.Options(t)).ClientURL()), filepath.Join(t.TempDir(), "key")
	first, second := p.process(t, c, key), p.process(t, c, key)
	p.consent(t, first)
	first.Close()
	if err := second.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	granted, err := first.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := second.Token(t.Context())
	if err != nil || got.Access != granted.Access {
		t.Errorf("got %v, want the token that was granted", err)
	}
	// After a 401 for all of them one new token is requested.
	third := p.process(t, c, key)
	var callers sync.WaitGroup
	for _, s := range []*auth.Source{second, third} {
		if _, err := s.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.RevokeAccess("")
	for _, s := range []*auth.Source{second, third} {
		callers.Go(func() {
			s.Reject(granted.Generation)
			if token, err := s.Token(t.Context()); err != nil || token.Generation != granted.Generation+1 {
				t.Errorf("got generation %d, %v", token.Generation, err)
			}
		})
	}
	callers.Wait()
	if stats := p.Stats(); stats.TokenRequests != 2 || stats.Refused != 0 {
		t.Errorf("got %+v, want the code and one refresh", stats)
	}
}

// A valid token is used while NATS is away. Without one a call fails, and says why.
func TestTokenIsUsedWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	o := natstest.Options(t)
	srv := natstest.Start(t, o)
	p, c := newProvider(t, time.Hour), config(srv.ClientURL())
	s := p.process(t, c, filepath.Join(t.TempDir(), "key"))
	p.consent(t, s)
	natstest.Stop(srv)
	token, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Reject(token.Generation)
	began := time.Now()
	_, err = s.Token(t.Context())
	want := "the token store cannot be read: credential "
	if e, ok := errors.AsType[*endpoint.Error](err); !ok || e.Class != endpoint.ClassTransient || !strings.Contains(e.Error(), want) || !strings.Contains(e.Error(), "connection refused") {
		t.Errorf("got %v, want %s", err, want)
	}
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("it failed after %v", took)
	}
	if stats := p.Stats(); stats.TokenRequests != 1 {
		t.Errorf("got %+v, want no token request whose outcome could not be stored", stats)
	}
}
