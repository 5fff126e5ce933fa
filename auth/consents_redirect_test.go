package auth_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth/authorization"
)

func TestFailedRedirects(t *testing.T) {
	const rfc = "RFC 6749 section 4.1.2.1"
	seen := map[string]string{} // reasons, and whose they are
	for _, tt := range []struct {
		document, code string
		want           string
		again          bool
	}{
		{mazdaPage, "invalid_request", "invalid_request", false},
		{mazdaPage, "unauthorized_client", "unauthorized_client", false},
		{mazdaPage, "access_denied", "access_denied", false},
		{mazdaPage, "unsupported_response_type", "unsupported_response_type", false},
		{mazdaPage, "invalid_scope", "invalid_scope", false},
		{mazdaPage, "server_error", "server_error", true},
		{mazdaPage, "temporary_unavailable", "temporary_unavailable", true},
		{rfc, "temporarily_unavailable", "temporarily_unavailable", true},
		{rfc, " Access_Denied ", "access_denied", false},
		{rfc, "interaction_required", "unknown_error", true},
		{rfc, "<script>canary</script>", "unknown_error", true},
		{rfc, "", "unknown_error", true},
	} {
		t.Run(tt.document+": "+tt.code, func(t *testing.T) {
			server, consents := &strict{}, authorization.NewPending()
			s := open(t, userConfig(server, nil))
			answer := answered(begin(t, consents, s)) // a code that comes with an error is none
			answer.Set("error", tt.code)
			answer.Set("error_description", "canary")
			e := finish(t, consents, "mazda", answer)
			if e.Code != tt.want || e.Again != tt.again || e.Source != s || e.Hint == "" {
				t.Errorf("got %+v want %s, again %v, and a hint", e, tt.want, tt.again)
			}
			clean(t, "error", fmt.Sprint(e, e.Reason, e.Hint))
			alike := strings.Replace(tt.want, "temporary", "temporarily", 1) // one error in two spellings
			if whose := seen[e.Reason]; whose != "" && whose != alike {
				t.Errorf("%s reads like %s: %s", tt.want, whose, e.Reason)
			}
			seen[e.Reason] = alike
			if e := finish(t, consents, "mazda", answer); e.Code != "invalid_state" {
				t.Errorf("a second time: got %+v want invalid_state", e)
			}
			server.got(t)
		})
	}
}

func TestDenialIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, consents := &strict{life: time.Hour}, authorization.NewPending()
		s := open(t, userConfig(server, nil))
		finish(t, consents, "mazda", url.Values{"state": {begin(t, consents, s)}, "error": {"access_denied"}})
		for range 100 {
			time.Sleep(time.Hour)
			s.RenewIdle()
			mustConsent(t, s, "never granted")
		}
		server.got(t)
		if _, err := consents.Finish(t.Context(), "mazda", answered(begin(t, consents, s))); err != nil { // until somebody begins anew
			t.Error(err)
		}
		mustToken(t, s)
	})
}

func TestDenialKeepsTheCurrentTokens(t *testing.T) {
	_, _, s := granted(t)
	consents := authorization.NewPending()
	finish(t, consents, "mazda", url.Values{"state": {begin(t, consents, s)}, "error": {"access_denied"}})
	if got := accessOf(t, s); got != "access-1" {
		t.Errorf("got %s want what was granted before", got)
	}
}

func TestRedirectIsMatchedToItsConsent(t *testing.T) {
	const ours = "https://mapps.example"
	for _, tt := range []struct {
		name, configured string
		iss              []string
		taken            bool
	}{
		{"the one that is configured", ours, []string{ours}, true},
		{"of no provider", ours, nil, false},
		{"a blank one", ours, []string{""}, false},
		{"another one", ours, []string{"https://evil.example"}, false},
		{"one with a slash more: strings are compared", ours, []string{ours + "/"}, false},
		{"one in capitals: strings are compared", ours, []string{"https://MAPPS.example"}, false},
		{"one with the port spelled out: strings are compared", ours, []string{ours + ":443"}, false},
		{"anybody's, where none is configured", "", []string{"https://evil.example"}, true},
		{"of no provider, and none is configured", "", nil, true},
	} {
		for _, failed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, an error %v", tt.name, failed), func(t *testing.T) {
				server, consents := &strict{life: time.Hour}, authorization.NewPending()
				c := userConfig(server, nil)
				c.Issuer = tt.configured
				s := open(t, c)
				answer := answered(begin(t, consents, s))
				if failed {
					answer.Del("code")
					answer.Set("error", "server_error")
				}
				if tt.iss != nil {
					answer["iss"] = tt.iss
				}
				want := map[bool]string{true: "server_error", false: "invalid_issuer"}[tt.taken]
				if tt.taken && !failed {
					if _, err := consents.Finish(t.Context(), "mazda", answer); err != nil {
						t.Error(err)
					}
					return
				}
				if e := finish(t, consents, "mazda", answer); e.Code != want || e.Source != s {
					t.Errorf("got %+v want %s", e, want)
				}
				server.got(t)
			})
		}
	}
}

func TestInvalidRedirects(t *testing.T) {
	for name, change := range map[string]func(answer url.Values){
		"neither a code nor an error":             func(a url.Values) { a.Del("code") },
		"a blank code":                            func(a url.Values) { a.Set("code", "") },
		"two codes (RFC 6749 section 3.1)":        func(a url.Values) { a.Add("code", "another") },
		"two states (RFC 6749 section 3.1)":       func(a url.Values) { a.Add("state", "another") },
		"two issuers (RFC 6749 section 3.1)":      func(a url.Values) { a["iss"] = []string{"https://mapps.example", "https://evil.example"} },
		"two errors and no code (RFC 6749 again)": func(a url.Values) { a.Del("code"); a["error"] = []string{"server_error", "access_denied"} },
	} {
		t.Run(name, func(t *testing.T) {
			server, consents := &strict{}, authorization.NewPending()
			c := userConfig(server, nil)
			c.Issuer = "https://mapps.example"
			s := open(t, c)
			answer := answered(begin(t, consents, s))
			answer.Set("iss", c.Issuer)
			change(answer)
			if e := finish(t, consents, "mazda", answer); e.Code != "invalid_answer" || !e.Again || e.Source != s {
				t.Errorf("got %+v want invalid_answer", e)
			}
			server.got(t)
		})
	}
}

func TestUnknownRedirectParametersAreIgnored(t *testing.T) {
	server, consents := &strict{life: time.Hour}, authorization.NewPending()
	answer := answered(begin(t, consents, open(t, userConfig(server, nil))))
	answer["session_state"] = []string{"a", "b"}
	if _, err := consents.Finish(t.Context(), "mazda", answer); err != nil {
		t.Error(err)
	}
}

func TestConsentErrorsHaveNoSecrets(t *testing.T) {
	echo := `{"error":"canary-code","error_description":"` + clientSecret + ` canary-code"}`
	for name, answer := range map[string]func() (*http.Response, error){
		"echoes in a failure": func() (*http.Response, error) { return respond(400, echo), nil },
		"echoes in a success": func() (*http.Response, error) { return respond(200, echo), nil },
		"grants nothing":      func() (*http.Response, error) { return respond(200, `{"refresh_token":"canary"}`), nil },
		"breaks off": func() (*http.Response, error) {
			return nil, &url.Error{Op: "Post", URL: "https://canary", Err: errors.New("canary")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			c := userConfig(nil, nil)
			c.Base = roundTripper(func(*http.Request) (*http.Response, error) { return answer() })
			c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			s, consents := open(t, c), authorization.NewPending()
			e := finish(t, consents, "mazda", url.Values{"state": {begin(t, consents, s)}, "code": {"canary-code"}})
			if e.Code != "exchange_failed" || e.Source != s {
				t.Errorf("got %+v want exchange_failed", e)
			}
			clean(t, "error", fmt.Sprint(e.Error(), e.Code, e.Reason, e.Hint))
			clean(t, "log", log.String())
		})
	}
}
