package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/httpapi"
)

const sampleUser = "mmd10030.johndoe"

// sourceAt makes a source of the tokens that server grants at /token; those of a user
// where the dialect's are a user's.
func sourceAt(t *testing.T, d endpoint.Dialect, server string) *auth.Source {
	t.Helper()
	c := auth.Config{
		Dialect: d, Provider: "sample", TokenURL: server + "/token", AuthorizeURL: server + "/authorize",
		ClientID: secret.New("sample-client"), ClientSecret: secret.New(clienttest.ClientSecret),
	}
	if d.UserGrants {
		c.User = sampleUser
	}
	source, err := auth.NewSource(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	return source
}

func TestPauseAppliesToEverySigner(t *testing.T) {
	var calls atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			fmt.Fprint(w, `{"access_token":"canary"}`)
			return
		}
		calls.Add(1)
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	h := httpapi.NewHTTP(clienttest.Section("sample", server))
	for i, signed := range []*httpapi.HTTP{
		h.Bearer(sourceAt(t, endpoint.Michelin(), server), origin(t, server)),
		h.Bearer(sourceAt(t, endpoint.Shell(), server), origin(t, server)),
		h,
	} {
		_, err := post(t.Context(), signed, server)
		if e := clients.AsError(err); err == nil || e.Code != clients.CodeThrottled || calls.Load() != 1 {
			t.Errorf("signer %d: got %v after %d calls, want throttled after 1", i, err, calls.Load())
		}
	}
}

func TestSignersKeepTheirTokensApart(t *testing.T) {
	var grants atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			fmt.Fprintf(w, `{"access_token":"token-%d"}`, grants.Add(1))
			return
		}
		fmt.Fprint(w, r.Header.Get("Authorization"))
	})
	h := httpapi.NewHTTP(clienttest.Section("sample", server))
	one := h.Bearer(sourceAt(t, endpoint.Michelin(), server), origin(t, server))
	two := one.Bearer(sourceAt(t, endpoint.Michelin(), server), origin(t, server))
	for _, c := range []struct {
		signed *httpapi.HTTP
		want   string
	}{{one, "Bearer token-1"}, {two, "Bearer token-2"}, {one, "Bearer token-1"}, {h, ""}} {
		if got, err := post(t.Context(), c.signed, server); err != nil || got != c.want {
			t.Errorf("got %q and %v, want %q", got, err, c.want)
		}
	}
}

func TestNoCallsWithoutConsent(t *testing.T) {
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("got a request for %s, want none", r.URL.Path) })
	h := httpapi.NewHTTP(clienttest.Section("sample", server)).Bearer(sourceAt(t, endpoint.Mazda(), server), origin(t, server))
	for name, ask := range map[string]func() error{
		"a call":  func() error { _, err := post(t.Context(), h, server); return err },
		"a token": func() error { return h.Token(t.Context(), "check") },
	} {
		err := ask()
		e := clients.AsError(err)
		if err == nil || e.Code != clients.CodeConsent || e.Code.Retryable() || e.After != 0 {
			t.Fatalf("%s: got %+v, want consent_required, which is not tried again", name, e)
		}
		if !strings.HasPrefix(e.Message, "user "+sampleUser+" must grant access") || !strings.HasSuffix(e.Hint, ": orderbeat auth login sample --user "+sampleUser) {
			t.Errorf("%s: got %q and the hint %q, want the user in both and the command in the hint", name, e.Message, e.Hint)
		}
	}
}

func TestToken(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		want   clients.Code
	}{
		"a token that is granted":  {http.StatusOK, ""},
		"credentials that are not": {http.StatusUnauthorized, clients.CodeAuthRejected},
		"an endpoint that is down": {http.StatusServiceUnavailable, clients.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, `{"access_token":"canary"}`)
			})
			h := httpapi.NewHTTP(clienttest.Section("sample", server)).Bearer(sourceAt(t, endpoint.PTV(), server), origin(t, server))
			err := h.Token(t.Context(), "check")
			if c.want == "" && err != nil {
				t.Fatalf("got %v, want no error", err)
			}
			if e := clients.AsError(err); e != nil && (e.Code != c.want || e.Provider != "sample" || e.Op != "check") {
				t.Errorf("got %+v, want %s of the sample provider's check", e, c.want)
			}
		})
	}
}

func TestCallerLeavesBeforeTheToken(t *testing.T) {
	arrived := make(chan struct{}, 1)
	leave := make(chan struct{})
	server := serve(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-leave })
	h := httpapi.NewHTTP(clienttest.Section("sample", server)).Bearer(sourceAt(t, endpoint.PTV(), server), origin(t, server))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	err := h.Token(ctx, "check")
	close(leave)
	if _, ok := errors.AsType[*clients.Error](err); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the caller's own cancellation", err)
	}
}
