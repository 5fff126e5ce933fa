package stricttest_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

// The secret has reserved characters: a server that takes Basic form-encoded, as RFC
// 6749 section 2.3.1 has it, does not know it raw, and one that takes it raw not encoded.
func TestBasicCredentialsAreFormEncodedOrRaw(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := run(t, time.Minute)
			for _, way := range []endpoint.ClientAuth{endpoint.BasicForm, endpoint.BasicRaw} {
				c := s.config()
				c.Dialect.ClientAuth = way
				source := open(t, c)
				token, err := source.Token(t.Context())
				if way == s.clientAuth {
					if err != nil || status(t, s, token.Access) != http.StatusOK {
						t.Errorf("%s: %v, want a token that the API takes", way, err)
					}
					continue
				}
				if e, ok := errors.AsType[*endpoint.Error](err); !ok || e.Class != endpoint.ClassCredential {
					t.Errorf("%s: got %v, want the credentials refused", way, err)
				}
			}
		})
	}
}

// A client's own tokens are renewed before they end.
func TestClientTokensAreRenewed(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const life, calls = 2 * time.Second, 4 * time.Second
			s := run(t, life)
			source := open(t, s.config())
			client := signing(t, s, source)
			for began := time.Now(); time.Since(began) < calls; time.Sleep(10 * time.Millisecond) {
				if err := get(client, s.at("/api")); err != nil {
					t.Fatalf("after %v: %v", time.Since(began), err)
				}
			}
			if got := source.Status().Generation; got < 2 {
				t.Errorf("%d tokens in %v, of %v each", got, calls, life)
			}
		})
	}
}

// open opens a source until the test ends.
func open(t *testing.T, c auth.Config) *auth.Source {
	t.Helper()
	source, err := auth.NewSource(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	return source
}

// signing returns a client that calls a server's API with a source's tokens.
func signing(t *testing.T, s server, source *auth.Source) *http.Client {
	t.Helper()
	origin, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: &auth.Transport{Source: source, Origin: origin}}
}

// status is what the API answers to a token.
func status(t *testing.T, s server, token secret.Secret) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.at("/api"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
