package auth_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

const (
	clientID     = "canary-client-id"
	clientSecret = "canary-client-secret"
)

// config is Michelin's, with a token endpoint that answers as granted does.
func config(base http.RoundTripper) auth.Config {
	return auth.Config{
		Dialect: endpoint.Michelin(), Provider: "michelin", Environment: "test", TokenURL: "https://api.example/token",
		ClientID: secret.New(clientID), ClientSecret: secret.New(clientSecret), Base: base,
	}
}

// open makes a source that is closed with the test.
func open(tb testing.TB, c auth.Config) *auth.Source {
	tb.Helper()
	s, err := auth.NewSource(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// tokenServer is a token endpoint without a network, so that its time can be a bubble's.
type tokenServer struct {
	requests atomic.Int64
	// answer is called with the number of the request, from 1; nil grants token-1, token-2 …
	answer func(n int64, req *http.Request) (*http.Response, error)
}

func (e *tokenServer) RoundTrip(req *http.Request) (*http.Response, error) {
	n := e.requests.Add(1)
	if e.answer == nil {
		return grant(fmt.Sprintf("token-%d", n)), nil
	}
	return e.answer(n, req)
}

func (e *tokenServer) got(tb testing.TB, want int64) {
	tb.Helper()
	if got := e.requests.Load(); got != want {
		tb.Errorf("token requests: got %d want %d", got, want)
	}
}

func grant(token string) *http.Response {
	return respond(http.StatusOK, fmt.Sprintf(`{"access_token": %q, "token_type": "Bearer"}`, token))
}

func respond(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// server is a real one, closed with the test.
func server(tb testing.TB, h http.HandlerFunc) *url.URL {
	tb.Helper()
	srv := httptest.NewServer(h)
	tb.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func between[T cmp.Ordered](tb testing.TB, what string, got, low, high T) {
	tb.Helper()
	if got < low || got > high {
		tb.Errorf("%s: got %v want between %v and %v", what, got, low, high)
	}
}

func mustToken(tb testing.TB, s *auth.Source) auth.Token {
	tb.Helper()
	token, err := s.Token(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return token
}
