package auth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/authorization"
	"orderbeat/auth/endpoint"
)

// consenting is a real authorization server whose users always grant access. It takes
// a code once, from who has the verifier and names the redirect URI that it came to.
type consenting struct {
	mu     sync.Mutex            // guards what follows
	asked  map[string]url.Values // by code: what the authorization request said
	codes  int
	tokens int
	got    []string // the codes that came, in order
}

// grants starts one, and returns what a source of one of its users is made of.
func grants(t *testing.T) (*consenting, auth.Config) {
	t.Helper()
	a := &consenting{asked: map[string]url.Values{}}
	u := server(t, a.token)
	c := userConfig(nil, auth.NewMemory())
	c.Base = nil
	c.TokenURL, c.AuthorizeURL = u.String()+"/token", u.String()+"/authorize"
	return a, c
}

// authorize is the query that the user's browser comes back with.
func (a *consenting) authorize(t *testing.T, authorizeURL string) url.Values {
	t.Helper()
	u, err := url.Parse(authorizeURL)
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.codes++
	code := fmt.Sprintf("code-%d", a.codes)
	a.asked[code] = u.Query()
	return url.Values{"state": {u.Query().Get("state")}, "code": {code}}
}

func (a *consenting) token(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	code := r.PostFormValue("code")
	a.got = append(a.got, code)
	asked, ok := a.asked[code]
	delete(a.asked, code)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case id != clientID || secret != clientSecret:
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error":"invalid_client"}`)
	case !ok, asked.Get("redirect_uri") != r.PostFormValue("redirect_uri"),
		asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]):
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":"invalid_grant"}`)
	default:
		a.tokens++
		fmt.Fprintf(w, `{"access_token":"access-%d","refresh_token":"refresh-%d","expires_in":3600}`, a.tokens, a.tokens)
	}
}

// sent checks which codes came since it was last asked.
func (a *consenting) sent(t *testing.T, want ...string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if got := strings.Join(a.got, " "); got != strings.Join(want, " ") {
		t.Errorf("codes: got %q want %q", got, want)
	}
	a.got = nil
}

func TestStrictServerAcceptsTheExchange(t *testing.T) {
	a, c := grants(t)
	s, consents := open(t, c), authorization.NewPending()
	for _, want := range []string{"access-1", "access-2"} {
		authorize, err := consents.Begin(s, redirectOfMazda)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := consents.Finish(t.Context(), "mazda", a.authorize(t, authorize)); err != nil {
			t.Fatal(err)
		}
		if got := accessOf(t, s); got != want {
			t.Errorf("got %s want %s", got, want)
		}
	}
	a.sent(t, "code-1", "code-2")
}

// Somebody puts the code of one consent into the answer to another one: each has its
// own verifier, and the server notices (RFC 7636 section 4.6).
func TestCodeOfAnotherConsentIsRejected(t *testing.T) {
	a, c := grants(t)
	s, consents := open(t, c), authorization.NewPending()
	var answers []url.Values
	for range 2 {
		authorize, err := consents.Begin(s, redirectOfMazda)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a.authorize(t, authorize))
	}
	answers[0]["code"] = answers[1]["code"]
	e := finish(t, consents, "mazda", answers[0])
	if cause, ok := errors.AsType[*endpoint.Error](e); !ok || cause.Code != "invalid_grant" || e.Code != "exchange_failed" || !e.Again || e.Hint != cause.Hint {
		t.Errorf("got %+v want exchange_failed because of invalid_grant", e)
	}
	mustConsent(t, s, "never granted")
	a.sent(t, "code-2")
}

// A code is spent when it was sent, whatever came of it (RFC 6749 section 4.1.2).
func TestCodeIsSentOnce(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"no answer":                 hijack(""),
		"half an answer":            hijack("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
		"an answer that is no HTTP": hijack("hello\r\n\r\n"),
		"a success without a token": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{}`) },
		"a success in HTML":         func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `<html>`) },
		"a 400": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			io.WriteString(w, `{"error":"invalid_grant"}`)
		},
		"a 429 that says when": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "0"); w.WriteHeader(429) },
		"a 500":                func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"a 503":                func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
	} {
		t.Run(name, func(t *testing.T) {
			a, c := grants(t)
			s, consents := open(t, c), authorization.NewPending()
			authorize, err := consents.Begin(s, redirectOfMazda)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := consents.Finish(t.Context(), "mazda", a.authorize(t, authorize)); err != nil {
				t.Fatal(err)
			}
			a.sent(t, "code-1")

			broken := c
			broken.TokenURL = server(t, func(w http.ResponseWriter, r *http.Request) {
				a.mu.Lock()
				a.got = append(a.got, r.PostFormValue("code"))
				a.mu.Unlock()
				answer(w, r)
			}).String()
			b := open(t, broken)
			if authorize, err = consents.Begin(b, redirectOfMazda); err != nil {
				t.Fatal(err)
			}
			redirect := a.authorize(t, authorize)
			if e := finish(t, consents, "mazda", redirect); e.Code != "exchange_failed" || !e.Again || e.Source != b {
				t.Errorf("got %+v want exchange_failed, and to begin again", e)
			}
			for range 3 {
				if e := finish(t, consents, "mazda", redirect); e.Code != "invalid_state" {
					t.Errorf("got %+v want invalid_state", e)
				}
				b.RenewIdle()
				if got := accessOf(t, b); got != "access-1" {
					t.Errorf("got %s want what was granted before", got)
				}
			}
			a.sent(t, "code-2")
		})
	}
}

func TestCodeIsNotSentAgainAfterATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := hanging(nil)
		c := of(endpoint.Mazda(), e)
		s, consents := open(t, c), authorization.NewPending()
		began := time.Now()
		got := finish(t, consents, "mazda", answered(begin(t, consents, s)))
		if got.Code != "exchange_failed" || time.Since(began) != c.Timeout {
			t.Errorf("after %v: got %+v want exchange_failed after %v", time.Since(began), got, c.Timeout)
		}
		time.Sleep(time.Hour)
		mustConsent(t, s, "never granted")
		e.got(t, 1)
	})
}

func TestCodeIsNotSentAgainAfterAFailedConnection(t *testing.T) {
	e := &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }}
	s, consents := open(t, of(endpoint.Mazda(), e)), authorization.NewPending()
	answer := answered(begin(t, consents, s))
	if got := finish(t, consents, "mazda", answer); got.Code != "exchange_failed" {
		t.Errorf("got %+v want exchange_failed", got)
	}
	finish(t, consents, "mazda", answer)
	e.got(t, 1)
}

func TestSecondConsentReplacesTheFirst(t *testing.T) {
	for name, tt := range map[string]struct {
		second, want string
	}{
		"with a refresh token": {granting("second", `, "refresh_token": "new"`), "new"},
		"without one":          {granting("second", ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			answers := []string{granting("first", `, "refresh_token": "old"`), tt.second}
			c := of(endpoint.Mazda(), &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) { return respond(200, answers[n-1]), nil }})
			c.Store = auth.NewMemory()
			s, consents := open(t, c), authorization.NewPending()
			for n, want := range []string{"first", "second"} {
				if _, err := consents.Finish(t.Context(), "mazda", answered(begin(t, consents, s))); err != nil {
					t.Fatal(err)
				}
				if got := mustToken(t, s); got.Access.Reveal() != want || got.Generation != int64(n+1) {
					t.Errorf("got %s of generation %d want %s", got.Access.Reveal(), got.Generation, want)
				}
			}
			row, err := c.Store.Load(t.Context(), s.Status().Key)
			if err != nil || row.Token.Reveal() != "second" || row.Refresh.Reveal() != tt.want {
				t.Errorf("got %s, %s, %v want the second and %q", row.Token.Reveal(), row.Refresh.Reveal(), err, tt.want)
			}
		})
	}
}

// leaves is a context that is over.
func leaves(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestClosedBrowserLosesNoConsent(t *testing.T) {
	server, consents := &strict{life: time.Hour}, authorization.NewPending()
	s := open(t, userConfig(server, nil))
	if _, err := consents.Finish(leaves(t), "mazda", answered(begin(t, consents, s))); err != nil {
		t.Error(err)
	}
	mustToken(t, s)
}
