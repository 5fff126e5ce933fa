package worker_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/clients"
	"orderbeat/worker"
	"orderbeat/worker/web"
)

// listening sets a web listener on any loopback port.
func listening(c *worker.Config) { c.Web.Listen = "127.0.0.1:0" }

// get requests a page without following redirects.
func (b *bench) get(path string) (*http.Response, string) {
	b.t.Helper()
	return b.send(http.MethodGet, path, nil)
}

func (b *bench) send(method, path string, change func(*http.Request)) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.web+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

// latchedRows is a store whose credentials are all latched.
type latchedRows struct{ auth.Store }

func (s latchedRows) Load(ctx context.Context, key string) (auth.Row, error) {
	row, err := s.Store.Load(ctx, key)
	row.State, row.Refusals, row.Failures = auth.StateRejected, 3, 3
	row.Failure = auth.Failure{Class: endpoint.ClassCredential, Status: 400, Code: "invalid_client", Reason: "the token endpoint rejects the credentials", At: time.Now()}
	return row, err
}

// source is a credential of michelin, or of a user of mazda.
func source(t *testing.T, user string, change func(*auth.Config)) *auth.Source {
	t.Helper()
	c := auth.Config{
		Dialect: endpoint.Michelin(), Provider: "michelin", Environment: "test", User: user, TokenURL: "https://token.test/token",
		ClientID: secret.New("id"), ClientSecret: secret.New("canary-secret"), Store: auth.NewMemory(),
	}
	if user != "" {
		c.Dialect, c.Provider, c.AuthorizeURL = endpoint.Mazda(), "mazda", "https://token.test/authorize"
	}
	if change != nil {
		change(&c)
	}
	s, err := auth.NewSource(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestReadyz(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		credentials []*auth.Source
		status      int
	}{
		"no credentials":               {nil, 200},
		"one of two is latched":        {[]*auth.Source{source(t, "", nil), source(t, "", latchedStore)}, 200},
		"all are latched":              {[]*auth.Source{source(t, "", latchedStore)}, 503},
		"a user who must grant access": {[]*auth.Source{source(t, "johndoe", nil)}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, func(c *worker.Config) {
				listening(c)
				c.Providers[0].Provider = &supplier{answer: lists(0), credentials: test.credentials}
			})
			if resp, body := b.get("/healthz"); resp.StatusCode != 200 || body != "ok\n" {
				t.Errorf("/healthz: got %d %q, want ok", resp.StatusCode, body)
			}
			b.readyz(test.status, "")
		})
	}
}

func latchedStore(c *auth.Config) { c.Store = latchedRows{auth.NewMemory()} }

func TestWebRequiresThePassword(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) {
		listening(c)
		c.Web.User, c.Web.Password = "ops", secret.New("canary")
	})
	with := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	for name, test := range map[string]struct {
		path   string
		change func(*http.Request)
		status int
	}{
		"no password":                          {"/metrics", nil, 401},
		"no password for a page of no name":    {"/x", nil, 401},
		"no password for a callback":           {"/oauth/callback/mazda?code=x", nil, 401},
		"another password":                     {"/metrics", with("ops", "canar"), 401},
		"another user":                         {"/metrics", with("op", "canary"), 401},
		"a longer path of an open page":        {"/healthz/../metrics", nil, 401},
		"the right ones":                       {"/metrics", with("ops", "canary"), 200},
		"whether the process is there":         {"/healthz", nil, 200},
		"whether it can work":                  {"/readyz", nil, 200},
		"a scheme that is not Basic":           {"/metrics", func(r *http.Request) { r.Header.Set("Authorization", "Bearer canary") }, 401},
		"the right ones for a page of no name": {"/x", with("ops", "canary"), 404},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := b.send(http.MethodGet, test.path, test.change)
			if resp.StatusCode != test.status {
				t.Errorf("got %d %q, want %d", resp.StatusCode, body, test.status)
			}
			if challenge := resp.Header.Get("WWW-Authenticate"); (test.status == 401) != strings.HasPrefix(challenge, "Basic realm=") {
				t.Errorf("got WWW-Authenticate %q with %d", challenge, test.status)
			}
			if strings.Contains(body, "canary") {
				t.Errorf("the page repeats the password: %s", body)
			}
		})
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	b := start(t, listening)
	for _, path := range []string{"/", "/healthz", "/metrics", "/nowhere", "/oauth/start/nobody?user=x", "/oauth/callback/nobody"} {
		resp, _ := b.get(path)
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: got %s %q, want %q", path, name, got, want)
			}
		}
		policy := resp.Header.Get("Content-Security-Policy")
		forms := "form-action 'none'"
		if path == "/" {
			forms = "form-action 'self'" // the page has forms
		}
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", forms} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: got Content-Security-Policy %q, want %s", path, policy, want)
			}
		}
	}
}

func TestWebListensOnIPv6(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) { c.Web.Listen = "[::1]:0" })
	if !strings.HasPrefix(b.web, "http://[::1]:") {
		t.Errorf("got %s, want an address of IPv6", b.web)
	}
	if resp, body := b.get("/healthz"); resp.StatusCode != 200 {
		t.Errorf("got %d %q, want ok", resp.StatusCode, body)
	}
}

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		web         web.Config
		listen      string
		url, public string
	}{
		"a loopback address":       {web.Config{}, "127.0.0.1:8321", "http://127.0.0.1:8321", "http://127.0.0.1:8321"},
		"a name for this machine":  {web.Config{}, "localhost:8321", "http://127.0.0.1:8321", "http://127.0.0.1:8321"},
		"every interface":          {web.Config{Cert: "c"}, "0.0.0.0:8321", "https://127.0.0.1:8321", "https://127.0.0.1:8321"},
		"every interface of IPv6":  {web.Config{Cert: "c"}, "[::]:8321", "https://127.0.0.1:8321", "https://127.0.0.1:8321"},
		"no host":                  {web.Config{Cert: "c"}, ":8321", "https://127.0.0.1:8321", "https://127.0.0.1:8321"},
		"IPv6":                     {web.Config{}, "[::1]:8321", "http://[::1]:8321", "http://[::1]:8321"},
		"an address people use":    {web.Config{Cert: "c"}, "192.0.2.1:443", "https://192.0.2.1:443", "https://192.0.2.1:443"},
		"a proxy in front of this": {web.Config{ExternalURL: "https://o.example.com"}, "127.0.0.1:8321", "http://127.0.0.1:8321", "https://o.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.web.URL(test.listen); got != test.url {
				t.Errorf("got %s, want %s", got, test.url)
			}
			if got := test.web.Public(test.listen); got != test.public {
				t.Errorf("got %s for people, want %s", got, test.public)
			}
		})
	}
}

func TestMetricsOfCredentials(t *testing.T) {
	t.Parallel()
	endpoint := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, `{"access_token":"canary-token","token_type":"Bearer"}`)
	}))
	t.Cleanup(endpoint.Close)
	live := source(t, "", func(c *auth.Config) { c.TokenURL = endpoint.URL })
	for range 3 {
		if _, err := live.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b := start(t, func(c *worker.Config) {
		listening(c)
		c.Providers[0].Provider = &supplier{answer: lists(0), credentials: []*auth.Source{live, source(t, "john doe", nil)}}
	})
	_, body := b.get("/metrics")
	for _, want := range []string{
		`orderbeat_auth_state{provider="michelin",state="valid",user=""} 1`,
		`orderbeat_auth_state{provider="michelin",state="rejected",user=""} 0`,
		`orderbeat_auth_state{provider="mazda",state="consent_required",user="john doe"} 1`,
		`orderbeat_auth_consent_required{provider="mazda",user="john doe"} 1`,
		`orderbeat_auth_consent_required{provider="michelin",user=""} 0`,
		`orderbeat_auth_token_expiry_seconds{provider="michelin",user=""} 71`, // and a few seconds
		`orderbeat_auth_token_expiry_seconds{provider="mazda",user="john doe"} 0`,
		`orderbeat_auth_cooldown_seconds{provider="michelin",user=""} 0`,
		`orderbeat_auth_failures{provider="michelin",user=""} 0`,
		`orderbeat_auth_logins_total{provider="michelin",user=""} 1`,
		`orderbeat_auth_replays_total{provider="michelin",user=""} 0`,
		`orderbeat_auth_reuses_total{provider="michelin",user=""} 2`,
		"go_goroutines ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("/metrics does not have %s", want)
		}
	}
	if strings.Contains(body, "canary") {
		t.Error("/metrics has a secret in it")
	}
}

func TestConsentPagesOfInvalidRequests(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) {
		listening(c)
		c.Providers[0].Provider = &supplier{answer: lists(0), credentials: []*auth.Source{source(t, "", nil)}}
		c.Providers = append(c.Providers, worker.Provider{
			Provider: &supplier{answer: lists(0), credentials: []*auth.Source{source(t, "johndoe", nil)}},
			Name:     "mazda", Kind: "mazda", Concurrency: 1, Accounts: []clients.Account{{Name: "one", User: "johndoe"}},
		})
	})
	for name, test := range map[string]struct {
		method, path string
		status       int
		says         string
	}{
		"an unknown provider":               {"GET", "/oauth/start/nobody?user=johndoe", 404, "No provider with this name"},
		"no user":                           {"GET", "/oauth/start/mazda", 404, "No account of this provider has this user"},
		"a client's own tokens":             {"GET", "/oauth/start/michelin?user=johndoe", 404, "This provider has no users"},
		"a client's own callback":           {"GET", "/oauth/callback/michelin?code=canary&state=canary", 404, "This provider has no users"},
		"a callback of an unknown provider": {"GET", "/oauth/callback/nobody?code=canary&state=canary", 404, "No provider with this name"},
		"a state that was never begun":      {"GET", "/oauth/callback/mazda?code=canary&state=canary", 400, "no pending consent"},
		"no state":                          {"GET", "/oauth/callback/mazda?code=canary", 400, "no pending consent"},
		"an error of an unknown state":      {"GET", "/oauth/callback/mazda?error=canary&error_description=canary", 400, "no pending consent"},
		"a code by POST":                    {"POST", "/oauth/callback/mazda?code=canary", 405, "only GET"},
		"a code by HEAD":                    {"HEAD", "/oauth/callback/mazda?code=canary", 405, ""},
		"a start by HEAD":                   {"HEAD", "/oauth/start/mazda?user=johndoe", 405, ""},
		"a longer path":                     {"GET", "/oauth/callback/mazda/more", 404, ""},
		"a callback without a provider":     {"GET", "/oauth/callback/", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := b.send(test.method, test.path, nil)
			if resp.StatusCode != test.status || !strings.Contains(body, test.says) {
				t.Errorf("got %d %s, want %d: %s", resp.StatusCode, body, test.status, test.says)
			}
			if strings.Contains(body, "canary") || strings.Contains(body, "<b>") {
				t.Errorf("the page repeats the request: %s", body)
			}
		})
	}
}

func TestConsentRedirectsToTheProvider(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) {
		listening(c)
		c.Providers[0] = worker.Provider{
			Provider: &supplier{answer: lists(0), credentials: []*auth.Source{source(t, "john doe", nil)}},
			Name:     "mazda", Kind: "mazda", Concurrency: 1, Accounts: []clients.Account{{Name: "one", User: "john doe"}},
		}
	})
	resp, body := b.get("/oauth/start/mazda?user=john+doe")
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther || body != "" {
		t.Fatalf("got %d %s %q, want a redirect and nothing else", resp.StatusCode, to, body)
	}
	query := to.Query()
	if got, want := query.Get("redirect_uri"), b.web+"/oauth/callback/mazda"; to.Host != "token.test" || got != want {
		t.Errorf("got %s with redirect_uri %q, want %q", to.Host, got, want)
	}
	if len(query.Get("state")) < 22 {
		t.Errorf("got state %q, want 128 random bits at least", query.Get("state"))
	}
	denied, page := b.get("/oauth/callback/mazda?error=access_denied&state=" + query.Get("state"))
	if denied.StatusCode != http.StatusForbidden || !strings.Contains(page, "Access was denied.") || strings.Contains(page, "Try again") {
		t.Errorf("got %d %s, want a final rejection", denied.StatusCode, page)
	}
	if used, page := b.get("/oauth/callback/mazda?error=access_denied&state=" + query.Get("state")); used.StatusCode != 400 {
		t.Errorf("got %d %s, want a state to be good once", used.StatusCode, page)
	}
}

// elsewhere is a provider that configures its own redirect URI.
type elsewhere struct {
	*supplier
	uri string
}

func (e elsewhere) RedirectURI() string { return e.uri }

func TestConfiguredRedirectURIIsServed(t *testing.T) {
	t.Parallel()
	const uri = "https://127.0.0.1:8080/dms/oauth/code"
	b := start(t, func(c *worker.Config) {
		listening(c)
		c.Providers[0] = worker.Provider{
			Provider: elsewhere{&supplier{answer: lists(0), credentials: []*auth.Source{source(t, "johndoe", nil)}}, uri},
			Name:     "mazda", Kind: "mazda", Concurrency: 1, Accounts: []clients.Account{{Name: "one", User: "johndoe"}},
		}
	})
	resp, _ := b.get("/oauth/start/mazda?user=johndoe")
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || to.Query().Get("redirect_uri") != uri {
		t.Fatalf("got %v %s, want redirect_uri %s byte for byte", err, to, uri)
	}
	answer := "?error=access_denied&state=" + to.Query().Get("state")
	for path, status := range map[string]int{"/dms/oauth": 404, "/dms/oauth/code/more": 404, "/dms/oauth/code": 403} {
		if resp, page := b.get(path + answer); resp.StatusCode != status {
			t.Errorf("%s: got %d %s, want %d", path, resp.StatusCode, page, status)
		}
	}
}
