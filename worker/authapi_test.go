package worker_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/worker"
)

// credentialsReply is any reply about credentials.
type credentialsReply struct {
	Credentials []auth.Status
	Providers   []struct {
		Auth        *auth.Status
		Credentials []auth.Status
	}
	Introspections []struct {
		Provider, User string
		Active         *bool
		Error          *struct{ Code, Message string }
	}
	Revoked, Resealed, Unreadable any
	Error                         struct {
		Code, Message, Hint string
		RetryAfter          string `json:"retry_after"`
	}
}

func (b *bench) askCredentials(endpoint, body string) credentialsReply {
	b.t.Helper()
	data := b.request(endpoint, body, nil).Data
	if strings.Contains(string(data), "canary") {
		b.t.Errorf("%s tells a secret: %s", endpoint, data)
	}
	var r credentialsReply
	b.decode(data, &r)
	return r
}

// crowded is a worker with a provider with one credential, one with two users, and one without
// credentials.
func crowded(t *testing.T, endpoint *tokenEndpoint) *bench {
	t.Helper()
	folder := t.TempDir()
	return startIn(t, folder, func(c *worker.Config) {
		keeping(t, filepath.Join(folder, "key"), endpoint, "")(c)
		for _, user := range []string{"johndoe", "jane"} {
			p := &supplier{answer: lists(0)}
			if len(c.Providers) > 1 {
				p = c.Providers[1].Provider.(*supplier)
			} else {
				c.Providers = append(c.Providers, worker.Provider{Provider: p, Name: "mazda", Kind: "mazda", Concurrency: 1})
			}
			p.credentials = append(p.credentials, source(t, user, func(a *auth.Config) { a.Store, a.TokenURL = c.Tokens, endpoint.URL }))
			c.Providers[1].Accounts = append(c.Providers[1].Accounts, clients.Account{Name: "of " + user, User: user})
		}
		c.Providers = append(c.Providers, worker.Provider{Provider: &supplier{answer: lists(0)}, Name: "plain", Kind: "plain", Concurrency: 1})
	})
}

func TestCredentialsAreListed(t *testing.T) {
	t.Parallel()
	b := crowded(t, newTokenEndpoint(t, grants))
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	names := func(all []auth.Status) (list []string) {
		for _, st := range all {
			list = append(list, st.Provider+" "+st.User+" "+string(st.State))
		}
		return list
	}
	for body, want := range map[string][]string{
		``:                                   {"michelin  valid", "mazda johndoe consent_required", "mazda jane consent_required"},
		`{"provider":"mazda"}`:               {"mazda johndoe consent_required", "mazda jane consent_required"},
		`{"provider":"mazda","user":"jane"}`: {"mazda jane consent_required"},
		`{"user":"jane"}`:                    {"mazda jane consent_required"},
		`{"provider":"plain"}`:               nil,
	} {
		if diff := cmp.Diff(want, names(b.askCredentials("auth.status", body).Credentials)); diff != "" {
			t.Errorf("auth.status %s (-want +got):\n%s", body, diff)
		}
	}
	providers := b.askCredentials("providers.list", ``).Providers
	if len(providers) != 3 || providers[0].Auth == nil || providers[0].Auth.State != auth.StateValid || len(providers[1].Credentials) != 2 || providers[2].Auth != nil || providers[2].Credentials == nil {
		t.Errorf("got %+v, want the credentials of each provider, and the first as auth", providers)
	}
}

func TestInvalidCredentialRequests(t *testing.T) {
	t.Parallel()
	b := crowded(t, newTokenEndpoint(t, grants))
	for name, test := range map[string]struct{ endpoint, body, code, says string }{
		"status of an unknown provider":   {"auth.status", `{"provider":"x"}`, "invalid", `unknown provider "x"`},
		"status of an unknown user":       {"auth.status", `{"provider":"mazda","user":"x"}`, "not_found", `no account has user "x"`},
		"status of what is no credential": {"auth.status", `{"token":"x"}`, "invalid", `unknown field "token"`},
		"unlatch of everything":           {"auth.unlatch", ``, "invalid", "provider is required"},
		"unlatch of an unknown user":      {"auth.unlatch", `{"provider":"mazda","user":"x"}`, "not_found", `no account has user "x"`},
		"unlatch where there is nothing":  {"auth.unlatch", `{"provider":"plain"}`, "not_found", "no credentials"},
		"logout of everything":            {"auth.logout", ``, "invalid", "provider is required"},
		"logout of several":               {"auth.logout", `{"provider":"mazda"}`, "invalid", "user is required"},
		"introspection without a token":   {"auth.introspect", `{"provider":"michelin"}`, "invalid", "no introspection URL"},
		"rekey of something":              {"auth.rekey", `{"provider":"mazda"}`, "invalid", `unknown field "provider"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := b.askCredentials(test.endpoint, test.body).Error
			if got.Code != test.code || !strings.Contains(got.Message, test.says) {
				t.Errorf("got %+v, want %s: %s", got, test.code, test.says)
			}
		})
	}
	several := b.askCredentials("auth.introspect", `{"provider":"mazda"}`).Introspections
	if len(several) != 2 || several[0].Error == nil || several[0].User != "johndoe" || several[0].Active != nil {
		t.Errorf("got %+v, want one for each user, with what is wrong", several)
	}
}

func TestLogoutRevokesAToken(t *testing.T) {
	t.Parallel()
	endpoint := newTokenEndpoint(t, grants)
	b := crowded(t, endpoint)
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	r := b.askCredentials("auth.logout", `{"provider":"michelin"}`)
	if r.Revoked != false || r.Credentials[0].State != auth.StateEmpty {
		t.Errorf("got %+v, want the token dropped, and nothing revoked without an endpoint for it", r)
	}
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	if n := endpoint.asked.Load(); n != 2 {
		t.Errorf("the endpoint was asked %d times, want one more login", n)
	}
}

// Errors about credentials have the same code for all callers.
func TestFailedLogoutHasRetryAfter(t *testing.T) {
	t.Parallel()
	revocation := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "120")
		rw.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(revocation.Close)
	endpoint := newTokenEndpoint(t, grants)
	b := start(t, func(c *worker.Config) {
		s := source(t, "", func(a *auth.Config) { a.TokenURL, a.RevocationURL = endpoint.URL, revocation.URL })
		if _, err := s.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Providers[0].Provider = &supplier{answer: lists(0), credentials: []*auth.Source{s}}
	})
	got := b.askCredentials("auth.logout", `{"provider":"michelin"}`).Error
	if got.Code != "unavailable" || got.RetryAfter != "2m0s" || !strings.Contains(got.Hint, "it stays valid") {
		t.Errorf("got %+v, want unavailable for two minutes", got)
	}
}

func TestRekeyWhileRunning(t *testing.T) {
	t.Parallel()
	endpoint := newTokenEndpoint(t, grants)
	b := crowded(t, endpoint)
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	sealed := func() string {
		t.Helper()
		row, err := b.db.Tokens().Load(t.Context(), b.askCredentials("auth.status", `{"provider":"michelin"}`).Credentials[0].Key)
		if err != nil || row.Token.Empty() {
			t.Fatalf("got %v and no sealed token", err)
		}
		return row.Token.Reveal()
	}
	before := sealed()
	if r := b.askCredentials("auth.rekey", ``); r.Resealed != float64(1) || r.Unreadable != float64(0) {
		t.Errorf("got %+v, want one row resealed", r)
	}
	if after := sealed(); after == before || strings.Split(after, ":")[2] == strings.Split(before, ":")[2] {
		t.Errorf("got %s after %s, want it sealed with another key", after[:20], before[:20])
	}
	// Resealed tokens can be read, here and by the next process.
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	again := startIn(t, folderOf(b), keeping(t, filepath.Join(folderOf(b), "key"), endpoint, ""))
	if r := again.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`); r.Run.Jobs.Succeeded != 1 {
		t.Errorf("got %+v, want the job done", r)
	}
	if n := endpoint.asked.Load(); n != 1 {
		t.Errorf("the endpoint was asked %d times, want once", n)
	}
}

func TestStatusRepliesHaveTheDocumentedMembers(t *testing.T) {
	t.Parallel()
	b := crowded(t, newTokenEndpoint(t, grants))
	var reply struct{ Credentials []map[string]json.RawMessage }
	b.decode(b.request("auth.status", `{"provider":"mazda","user":"jane"}`, nil).Data, &reply)
	for _, name := range []string{"provider", "environment", "user", "key", "state", "generation", "life_left_seconds", "life_guessed", "failures", "refusals", "consent_reason", "logins", "replays", "saved"} {
		if _, ok := reply.Credentials[0][name]; !ok {
			t.Errorf("the reply has no %s: %v", name, reply.Credentials[0])
		}
	}
}
