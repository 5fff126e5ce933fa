package auth_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/seal"
)

// The key is lost, and what a person tries meanwhile brings no new tokens: those that
// are sealed are there when the key is back.
func TestUnreadableTokensAreKeptUntilTheKeyIsBack(t *testing.T) {
	for name, step := range map[string]func(t *testing.T, s *auth.Source){
		"after unlatching": func(t *testing.T, s *auth.Source) {
			t.Helper()
			if err := s.Unlatch(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"after a code that was refused": func(t *testing.T, s *auth.Source) {
			t.Helper()
			_, c, err := s.Authorize("https://127.0.0.1:8080/code")
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Exchange(t.Context(), c, "another code"); err == nil {
				t.Fatal("the code was taken")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, inner := &strict{life: time.Hour}, auth.NewMemory()
			keys, others := keyring(t), keyring(t)
			first := open(t, userConfig(server, seal.New(inner, keys)))
			consent(t, first)
			first.Close()

			second := open(t, userConfig(server, seal.New(inner, others)))
			step(t, second)
			mustConsent(t, second, "cannot be read")
			if st := second.Status(); !st.Unreadable {
				t.Errorf("got %+v want unreadable", st)
			}

			if got := accessOf(t, open(t, userConfig(server, seal.New(inner, keys)))); got != "access-1" {
				t.Errorf("got %s want what was granted", got)
			}
		})
	}
}

// The key file is moved away while everything works.
func TestLostKeyFileIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	server := &strict{life: time.Hour}
	s := open(t, userConfig(server, seal.New(auth.NewMemory(), keyringAt(t, path))))
	consent(t, s)
	server.got(t, "authorization_code")
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	s.Reject(mustToken(t, s).Generation)
	if e := fails(t, s); e.Class != endpoint.ClassTransient || !strings.Contains(e.Error(), path) {
		t.Errorf("got %v want the file to be named", e)
	}
	if st := s.Status(); !st.Unreadable || st.State != auth.StateValid {
		t.Errorf("got %+v want the grant to be valid, and unreadable", st)
	}
	server.got(t) // nothing was spent that could not be stored
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if got := accessOf(t, s); got != "access-2" || s.Status().Unreadable {
		t.Errorf("got %s, %+v want all to be well", got, s.Status())
	}
}

func keyring(t *testing.T) *seal.Keyring {
	t.Helper()
	return keyringAt(t, filepath.Join(t.TempDir(), "key"))
}

func keyringAt(t *testing.T, path string) *seal.Keyring {
	t.Helper()
	k, err := seal.LoadKeyring(path, true)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ending ends when it was looked at so many times.
type ending struct {
	context.Context
	looks atomic.Int64
}

func (c *ending) Err() error {
	if c.looks.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

func TestCancelledReadDelaysNoOtherCaller(t *testing.T) {
	keys := keyring(t)
	for looks := range int64(4) {
		s := seal.New(auth.NewMemory(), keys)
		ctx := &ending{Context: t.Context()}
		ctx.looks.Store(looks)
		_, _ = s.Load(ctx, "k")
		leased := make(chan error, 1)
		go func() {
			_, err := s.Lease(t.Context(), auth.Lease{Key: "k", Owner: "next", At: time.Now(), Until: time.Now().Add(time.Minute)})
			leased <- err
		}()
		select {
		case err := <-leased:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("a reader who left after %d looks holds the lock", looks)
		}
	}
}

func TestLogoutWaitingAtCloseIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) {
			time.Sleep(500 * time.Millisecond)
			return grant("a"), nil
		}}
		s := open(t, config(e))
		go func() { _, _ = s.Token(t.Context()) }()
		synctest.Wait()
		got := make(chan error)
		go func() {
			_, err := s.Logout(t.Context())
			got <- err
		}()
		synctest.Wait()
		s.Close()
		if err := <-got; err == nil {
			t.Error("a logout that was not done is told as done")
		}
	})
}

func TestSourceUsesASealedToken(t *testing.T) {
	e, inner, path := &tokenServer{}, auth.NewMemory(), filepath.Join(t.TempDir(), "key")
	start := func() *auth.Source {
		c := config(e)
		c.Store = seal.New(inner, keyringAt(t, path))
		return open(t, c)
	}
	mustToken(t, start())
	if got := mustToken(t, start()).Access.Reveal(); got != "token-1" {
		t.Errorf("after a restart: got %s want token-1", got)
	}
	e.got(t, 1)

	if err := os.Remove(path); err != nil { // and another key is made
		t.Fatal(err)
	}
	s := start()
	if err := s.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !s.Status().Unreadable {
		t.Error("a token that cannot be read is not reported")
	}
	if got := mustToken(t, s).Access.Reveal(); got != "token-2" {
		t.Errorf("without its key: got %s want token-2", got)
	}
	e.got(t, 2)
}
