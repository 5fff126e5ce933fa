package auth_test

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/authorization"
	"orderbeat/auth/endpoint"
)

// finish ends a consent that must not come about.
func finish(t *testing.T, consents *authorization.Pending, provider string, answer url.Values) *authorization.Error {
	t.Helper()
	s, err := consents.Finish(t.Context(), provider, answer)
	e, ok := errors.AsType[*authorization.Error](err)
	if !ok || s != nil {
		t.Fatalf("got %v, %v want an *authorization.Error", s, err)
	}
	return e
}

// begin begins a consent and returns its state.
func begin(t *testing.T, consents *authorization.Pending, s *auth.Source) string {
	t.Helper()
	authorize, err := consents.Begin(s, redirectOfMazda)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(authorize)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("state")
}

func answered(state string) url.Values {
	return url.Values{"state": {state}, "code": {"code"}}
}

func TestConsentStoresTheUsersTokens(t *testing.T) {
	server := &strict{life: time.Hour}
	s := open(t, userConfig(server, auth.NewMemory()))
	consents := authorization.NewPending()
	mustConsent(t, s, "never granted")
	got, err := consents.Finish(t.Context(), "mazda", answered(begin(t, consents, s)))
	if err != nil || got != s {
		t.Fatalf("got %v, %v want the source", got, err)
	}
	server.got(t, "authorization_code")
	if got := accessOf(t, s); got != "access-1" {
		t.Errorf("got %s want access-1", got)
	}
	if st := s.Status(); st.State != auth.StateValid || st.ConsentReason != "" || st.ConsentedAt.IsZero() {
		t.Errorf("got %+v want valid, and when", st)
	}
}

func TestWhichRedirectsAreAccepted(t *testing.T) {
	type begun struct {
		consents *authorization.Pending
		source   *auth.Source
		state    string
	}
	// Each returns the answer and the provider to whose address it comes.
	for _, tt := range []struct {
		name   string
		answer func(t *testing.T, b begun) (provider, state string)
		taken  bool
	}{
		{"its own", func(_ *testing.T, b begun) (string, string) { return "mazda", b.state }, true},
		{"its own, at the last moment", func(_ *testing.T, b begun) (string, string) {
			time.Sleep(10*time.Minute - 1)
			return "mazda", b.state
		}, true},
		{"its own, too late", func(_ *testing.T, b begun) (string, string) {
			time.Sleep(10 * time.Minute)
			return "mazda", b.state
		}, false},
		{"its own, though another one was begun since", func(t *testing.T, b begun) (string, string) {
			t.Helper()
			begin(t, b.consents, b.source)
			return "mazda", b.state
		}, true},
		{"its own, though somebody guessed before", func(t *testing.T, b begun) (string, string) {
			t.Helper()
			finish(t, b.consents, "mazda", answered(strings.Repeat("A", len(b.state))))
			return "mazda", b.state
		}, true},
		{"its own, though it came to another provider's address before", func(t *testing.T, b begun) (string, string) {
			t.Helper()
			finish(t, b.consents, "shell", answered(b.state))
			return "mazda", b.state
		}, true},
		{"at another provider's address", func(_ *testing.T, b begun) (string, string) { return "shell", b.state }, false},
		{"a second time", func(t *testing.T, b begun) (string, string) {
			t.Helper()
			if _, err := b.consents.Finish(t.Context(), "mazda", url.Values{"state": {b.state}, "error": {"access_denied"}}); err == nil {
				t.Error("a denial is no consent")
			}
			return "mazda", b.state
		}, false},
		{"one that was not begun", func(*testing.T, begun) (string, string) { return "mazda", strings.Repeat("A", 26) }, false},
		{"no state", func(*testing.T, begun) (string, string) { return "mazda", "" }, false},
		{"in lower case", func(_ *testing.T, b begun) (string, string) { return "mazda", strings.ToLower(b.state) }, false},
		{"cut short", func(_ *testing.T, b begun) (string, string) { return "mazda", b.state[:25] }, false},
		{"made longer", func(_ *testing.T, b begun) (string, string) { return "mazda", b.state + "A" }, false},
		{"of another list, as after a restart", func(t *testing.T, b begun) (string, string) {
			t.Helper()
			return "mazda", begin(t, authorization.NewPending(), b.source)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &strict{life: time.Hour}
				s := open(t, userConfig(server, nil))
				consents := authorization.NewPending()
				provider, state := tt.answer(t, begun{consents, s, begin(t, consents, s)})
				if tt.taken {
					if _, err := consents.Finish(t.Context(), provider, answered(state)); err != nil {
						t.Error(err)
					}
					server.got(t, "authorization_code")
					return
				}
				if e := finish(t, consents, provider, answered(state)); e.Code != "invalid_state" || !e.Again || e.Source != nil {
					t.Errorf("got %+v want invalid_state, and to begin again", e)
				}
				server.got(t)
			})
		})
	}
}

func TestStateBelongsToOneUser(t *testing.T) {
	server, store, consents := &strict{life: time.Hour}, auth.NewMemory(), authorization.NewPending()
	of := func(user string) *auth.Source {
		c := userConfig(server, store)
		c.User = user
		return open(t, c)
	}
	one, other := of("mmd10030.one"), of("mmd10030.other")
	begin(t, consents, one)
	state := begin(t, consents, other)
	got, err := consents.Finish(t.Context(), "mazda", answered(state))
	if err != nil || got != other {
		t.Fatalf("got %v, %v want who began", got, err)
	}
	if fails(t, one).Class != endpoint.ClassConsent {
		t.Error("one user was served what another one granted")
	}
	mustToken(t, other)
}

func TestRedirectIsAcceptedOnce(t *testing.T) {
	server, consents := &strict{life: time.Hour}, authorization.NewPending()
	s := open(t, userConfig(server, nil))
	answer := answered(begin(t, consents, s))
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := consents.Finish(t.Context(), "mazda", answer); err == nil {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if got := taken.Load(); got != 1 {
		t.Errorf("taken %d times want once", got)
	}
	server.got(t, "authorization_code")
}

func TestOldConsentsAreEvicted(t *testing.T) {
	server, consents := &strict{life: time.Hour}, authorization.NewPending()
	s := open(t, userConfig(server, nil))
	first, second := begin(t, consents, s), begin(t, consents, s)
	for range 999 {
		begin(t, consents, s)
	}
	finish(t, consents, "mazda", answered(first))
	if _, err := consents.Finish(t.Context(), "mazda", answered(second)); err != nil {
		t.Error(err)
	}
}

// A user who begins many consents pushes out none of another user's.
func TestConsentsAreBoundedForEachUser(t *testing.T) {
	server := &strict{life: time.Hour}
	mine := userConfig(server, auth.NewMemory())
	other := mine
	other.User, other.Store = "another", auth.NewMemory()
	consents, a, b := authorization.NewPending(), open(t, mine), open(t, other)
	first, own := begin(t, consents, a), begin(t, consents, b)
	var latest string
	for range 2000 {
		latest = begin(t, consents, b)
	}
	if e := finish(t, consents, "mazda", answered(own)); e.Code != "invalid_state" {
		t.Errorf("got %s, want the oldest of the user gone", e.Code)
	}
	for _, state := range []string{first, latest} {
		if _, err := consents.Finish(t.Context(), "mazda", answered(state)); err != nil {
			t.Errorf("got %v, want the consent taken", err)
		}
	}
}
