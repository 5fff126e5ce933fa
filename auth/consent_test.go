package auth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
)

var (
	stateParam     = regexp.MustCompile(`&state=[A-Z2-7]{26}$`)               // 130 bits
	challengeParam = regexp.MustCompile(`&code_challenge=[A-Za-z0-9_-]{43}&`) // of 32 bytes
	unreserved     = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)          // RFC 7636 section 4.1
)

func TestAuthorizationURLByteForByte(t *testing.T) {
	const begins = "https://mapps.example/oauth/authorize?"
	for _, tt := range []struct {
		document, name string
		change         func(*auth.Config)
		redirect, want string
	}{
		{
			mazdaPage, "as documented, and PKCE", func(*auth.Config) {}, redirectOfMazda,
			begins + "client_id=canary-client-id&code_challenge=C&code_challenge_method=S256" +
				"&redirect_uri=https%3A%2F%2F127.0.0.1%3A8080%2FmyGreatDms%2Foauth%2Fcode&response_type=code&state=S",
		},
		{
			mazdaPage, "as documented, and nothing else", func(c *auth.Config) { c.Dialect.NoPKCE = true }, redirectOfMazda,
			begins + "client_id=canary-client-id&redirect_uri=https%3A%2F%2F127.0.0.1%3A8080%2FmyGreatDms%2Foauth%2Fcode&response_type=code&state=S",
		},
		{
			mazdaPage, "with a scope, where there is one", func(c *auth.Config) { c.Dialect.NoPKCE, c.Scope = true, "read write" }, redirectOfMazda,
			begins + "client_id=canary-client-id&redirect_uri=https%3A%2F%2F127.0.0.1%3A8080%2FmyGreatDms%2Foauth%2Fcode&response_type=code&scope=read+write&state=S",
		},
		{
			"RFC 6749 section 3.1", "a query that is there is kept, and no parameter comes twice",
			func(c *auth.Config) {
				c.Dialect.NoPKCE, c.AuthorizeURL = true, "https://mapps.example/oauth/authorize?market=MMD&client_id=x&state=x"
			}, "http://[::1]:8765/callback",
			begins + "client_id=canary-client-id&market=MMD&redirect_uri=http%3A%2F%2F%5B%3A%3A1%5D%3A8765%2Fcallback&response_type=code&state=S",
		},
		{
			"RFC 6749 section 3.1.2", "a redirect URI is sent as it is", func(c *auth.Config) { c.Dialect.NoPKCE = true }, "https://Dms.example:443/a/../b%20c?x=1&y=%2F",
			begins + "client_id=canary-client-id&redirect_uri=https%3A%2F%2FDms.example%3A443%2Fa%2F..%2Fb%2520c%3Fx%3D1%26y%3D%252F&response_type=code&state=S",
		},
	} {
		t.Run(tt.document+": "+tt.name, func(t *testing.T) {
			c := userConfig(nil, nil)
			tt.change(&c)
			got, _, err := open(t, c).Authorize(tt.redirect)
			if err != nil {
				t.Fatal(err)
			}
			got = stateParam.ReplaceAllString(got, "&state=S")
			got = challengeParam.ReplaceAllString(got, "&code_challenge=C&")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("URL (-want +got):\n%s", diff)
			}
		})
	}
}

// What the exchange sends is what the authorization request was about.
func TestCodeExchangeSendsTheVerifier(t *testing.T) {
	const redirect = "https://Dms.example:443/a/../b%20c?x=1&y=%2F"
	var sent []url.Values
	c := userConfig(nil, nil)
	c.Base = roundTripper(func(req *http.Request) (*http.Response, error) {
		form, _ := url.ParseQuery(bodyOf(t, req))
		sent = append(sent, form)
		return respond(200, granting("a", "")), nil
	})
	s := open(t, c)
	seen := map[string]bool{}
	for n := range 100 {
		authorize, begun, err := s.Authorize(redirect)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Exchange(t.Context(), begun, "code"); err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(authorize)
		if err != nil {
			t.Fatal(err)
		}
		verifier, state := sent[n].Get("code_verifier"), u.Query().Get("state")
		sum := sha256.Sum256([]byte(verifier))
		if got := u.Query().Get("code_challenge"); got != base64.RawURLEncoding.EncodeToString(sum[:]) || !unreserved.MatchString(verifier) {
			t.Fatalf("challenge %q, verifier %q: want S256 of 43 to 128 unreserved characters", got, verifier)
		}
		if sent[n].Get("redirect_uri") != redirect || u.Query().Get("redirect_uri") != redirect {
			t.Fatalf("got %q and %q want %q, byte for byte", sent[n].Get("redirect_uri"), u.Query().Get("redirect_uri"), redirect)
		}
		if !stateParam.MatchString(authorize) || seen[state] || seen[verifier] {
			t.Fatalf("state %q, verifier %q: want them random, and new each time", state, verifier)
		}
		seen[state], seen[verifier] = true, true
	}
}

func TestClientCredentialsNeedNoConsent(t *testing.T) {
	if _, _, err := open(t, config(nil)).Authorize(redirectOfMazda); err == nil {
		t.Error("a consent was begun")
	}
}

func TestConsentIsValidOnceForTenMinutesAndItsSource(t *testing.T) {
	for _, tt := range []struct {
		name string
		wait time.Duration
		turn int // the attempt that is judged, from 1
		own  bool
		good bool
	}{
		{"at once", 0, 1, true, true},
		{"just before ten minutes are over", 10*time.Minute - 1, 1, true, true},
		{"after ten minutes", 10 * time.Minute, 1, true, false},
		{"a second time", 0, 2, true, false},
		{"at another source", 0, 1, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &strict{life: time.Hour}
				s, other := open(t, userConfig(server, nil)), open(t, userConfig(server, nil))
				_, begun, err := s.Authorize(redirectOfMazda)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(tt.wait)
				if !tt.own {
					s = other
				}
				for range tt.turn {
					err = s.Exchange(t.Context(), begun, "code")
				}
				sent := tt.turn
				if !tt.good {
					sent--
					if e, ok := errors.AsType[*endpoint.Error](err); !ok || e.Class != endpoint.ClassConsent {
						t.Errorf("got %v want class consent", err)
					}
				} else if err != nil {
					t.Error(err)
				}
				server.got(t, []string{"authorization_code"}[:sent]...)
			})
		})
	}
}

// A code is gone once it was sent, so the exchange does not end with who asked for it.
func TestCodeExchangeContinuesAfterItsCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := userConfig(nil, nil)
		c.Base = roundTripper(func(req *http.Request) (*http.Response, error) {
			select {
			case <-time.After(time.Second):
				return respond(200, granting("a", "")), nil
			case <-req.Context().Done():
				return nil, req.Context().Err()
			}
		})
		s := open(t, c)
		_, begun, err := s.Authorize(redirectOfMazda)
		if err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithTimeout(t.Context(), time.Second/2)
		defer leave()
		if err := s.Exchange(ctx, begun, "code"); err != nil {
			t.Error(err)
		}
		if got := accessOf(t, s); got != "a" {
			t.Errorf("got %q want the token that came", got)
		}
	})
}
