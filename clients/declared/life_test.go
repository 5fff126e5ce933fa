package declared_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"orderbeat/auth"
	"orderbeat/auth/authorization"
	"orderbeat/auth/authtest"
	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/declared"
	"orderbeat/clients/section"
	"orderbeat/jobs"
)

// strict runs a strict authorization server of a kind, with a ping behind it, and opens
// a client of both.
func strict(t *testing.T, kind string, keys map[string]any) (*authtest.Server, *declared.Client) {
	t.Helper()
	tokens := authtest.New(authtest.Options{Dialect: authtest.Dialect(kind)})
	mux := http.NewServeMux()
	mux.Handle("/", tokens)
	mux.Handle("/ping", tokens.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "pong") })))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	if keys == nil {
		keys = map[string]any{}
	}
	keys["ping"] = "/ping"
	return tokens, open(t, kind, s.URL, func(s *section.Section) {
		s.ClientID, s.ClientSecret = secret.New(authtest.ClientID), secret.New(authtest.ClientSecret)
		s.Decode = over(t, kind, keys)
	})
}

// The servers share no code with package auth: what both read out of the providers'
// documents must fit together.
func TestDocumentedCredentialsWorkWithTheServers(t *testing.T) {
	for name, c := range map[string]struct {
		kind string
		keys map[string]any
	}{
		"PTV, Basic":                   {"ptv", nil},
		"PTV, credentials in the body": {"ptv", map[string]any{"client_auth": "body"}},
		"Shell":                        {"shell", nil},
		"Microbilt, JSON":              {"microbilt", nil},
		"Microbilt, a form":            {"microbilt", map[string]any{"encoding": "form"}},
	} {
		t.Run(name, func(t *testing.T) {
			tokens, p := strict(t, c.kind, c.keys)
			for range 2 { // the second with a token that is revoked by then
				if out := check(t, p, sectionOf(t, c.kind, "").Accounts[0]); out.State != jobs.Succeeded {
					t.Fatalf("got %s with %v, want succeeded", out.State, out.Err)
				}
				tokens.RevokeAccess("")
			}
			if got := tokens.Stats(); got.TokensIssued != 2 || got.Refused != 0 || got.CallsAuthorized != 2 || got.CallsRefused != 1 {
				t.Errorf("got %+v, want two tokens, two calls and one that was refused", got)
			}
		})
	}
}

// consent has a user's browser grant access, and follows it back.
func consent(t *testing.T, source *auth.Source, redirectURI string) error {
	t.Helper()
	under := authorization.NewPending()
	page, err := under.Begin(source, redirectURI)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.PostForm(page, url.Values{"user": {source.User()}, "answer": {"grant"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil || !strings.HasPrefix(back.String(), redirectURI+"?") {
		t.Fatalf("got status %d and %v, want a redirect to %s", resp.StatusCode, err, redirectURI)
	}
	_, err = under.Finish(t.Context(), source.Provider(), back.Query())
	return err
}

func TestConsentLifecycle(t *testing.T) {
	for name, keys := range map[string]map[string]any{
		"with PKCE": {"redirect_uri": "https://127.0.0.1:8080/myGreatDms/oauth/code"},
		"without":   {"redirect_uri": "https://127.0.0.1:8080/myGreatDms/oauth/code", "pkce": false, "scope": "read write"},
	} {
		t.Run(name, func(t *testing.T) {
			tokens, p := strict(t, "mazda", keys)
			account := sectionOf(t, "mazda", "").Accounts[0]
			want := func(when string, state jobs.State, code clients.Code) {
				t.Helper()
				out := check(t, p, account)
				if out.State != state || out.Err != nil && out.Err.Code != code {
					t.Fatalf("%s: got %s with %v, want %s with code %q", when, out.State, out.Err, state, code)
				}
			}
			grant := func() {
				t.Helper()
				if err := consent(t, p.Credentials()[0], p.RedirectURI()); err != nil {
					t.Fatal(err)
				}
			}
			want("before the user granted access", jobs.Failed, clients.CodeConsent)
			grant()
			want("then", jobs.Succeeded, "")
			tokens.RevokeAccess(account.User)
			want("after the access token was revoked", jobs.Succeeded, "")
			tokens.RevokeAccess(account.User)
			tokens.RevokeRefresh(account.User)
			want("after the signing key was revoked", jobs.Failed, clients.CodeConsent)
			asked := tokens.Stats().TokenRequests
			want("and again", jobs.Failed, clients.CodeConsent)
			if got := tokens.Stats().TokenRequests; got != asked {
				t.Errorf("got %d token requests, want none for a user who must grant access", got-asked)
			}
			grant()
			want("after the user granted access again", jobs.Succeeded, "")
		})
	}
}
