package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/endpoint"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/api"
)

// doWith is [do] with standard input.
func doWith(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := newApp(func(string) string { return "" }, strings.NewReader(stdin), &stdout, &stderr)
	status := a.Run(t.Context(), root(a), args)
	return result{status, stdout.String(), stderr.String()}
}

// everyState returns a credential in each state.
func everyState() []auth.Status {
	at := time.Date(2026, 11, 20, 6, 0, 3, 0, time.UTC)
	later := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	refusal := &auth.Failure{Class: endpoint.ClassCredential, Status: 400, Code: "invalid_client", Reason: "the token endpoint rejects the credentials", At: at}
	return []auth.Status{
		{Provider: "mazda", User: "jane", State: auth.StateConsent, ConsentReason: "access was never granted"},
		{Provider: "mazda", User: "johndoe", State: auth.StateValid, RenewedAt: at, LifeLeft: 3599, NextAttemptAt: later, Logins: 3, Replays: 1, Saved: 70, ConsentedAt: at},
		{Provider: "michelin", State: auth.StateValid, RenewedAt: at, LifeLeft: 7140, Guessed: true, NextAttemptAt: later, Logins: 1, Saved: 1203},
		{Provider: "microbilt", State: auth.StateCooldown, NextAttemptAt: later, LastFailure: &auth.Failure{Class: endpoint.ClassTransient, Reason: "the token endpoint timed out", At: at}},
		{Provider: "ptv", State: auth.StateEmpty, Unreadable: true},
		{Provider: "shell", State: auth.StateRejected, LastFailure: refusal, Logins: 3},
	}
}

func TestAuthStatusReadsTheWorker(t *testing.T) {
	t.Parallel()
	w := newStandInWorker(t)
	w.answers("auth.status", func([]byte) any { return map[string]any{"credentials": everyState()} })
	r := do(t, "--config", w.config, "auth", "status")
	if r.status != cli.Done || r.stderr != "" {
		t.Errorf("got status %d, %q", r.status, r.stderr)
	}
	golden(t, "auth_status.txt", r.stdout)

	r = do(t, "--config", w.config, "auth", "status", "--json")
	var got struct {
		From        string
		Credentials []auth.Status
	}
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || got.From != "worker" {
		t.Fatalf("got %v, %s", err, r.stdout)
	}
	if diff := cmp.Diff(everyState(), got.Credentials); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
}

// copyKey is what rekey says with an external NATS.
const copyKey = "note: copy the worker's file of worker.key to the other machines that use this NATS; until then they cannot read the tokens\n"

func TestAuthCommandsCallTheWorker(t *testing.T) {
	t.Parallel()
	expires := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name           string
		args           string
		endpoint       string
		reply          any
		request        string
		status         int
		stdout, stderr string
	}{
		{
			"logout of a user", "logout mazda --user johndoe", "auth.logout",
			map[string]any{"revoked": false},
			`{"provider":"mazda","user":"johndoe"}`, cli.Done, "mazda johndoe: tokens deleted here; the provider has no revocation endpoint", "",
		},
		{
			"logout where tokens can be revoked", "logout x", "auth.logout",
			map[string]any{"revoked": true},
			`{"provider":"x"}`, cli.Done, "x: tokens deleted here and at the provider\n", "",
		},
		{
			"logout of nobody", "logout x", "auth.logout",
			api.Error{Code: "invalid", Message: `unknown provider "x"`, Hint: "auth.status has the names"},
			`{"provider":"x"}`, cli.Usage, "", `orderbeat: invalid: unknown provider "x" (auth.status has the names)`,
		},
		{
			"unlatch", "unlatch mazda", "auth.unlatch",
			map[string]any{"credentials": everyState()[:2]},
			`{"provider":"mazda"}`, cli.Done, "mazda jane: the user must still grant access\nmazda johndoe: the next call may request a token\n", "",
		},
		{
			"rekey", "rekey", "auth.rekey",
			map[string]any{"resealed": 2, "unreadable": 0},
			`{}`, cli.Done, "2 credentials sealed with a new key\n", copyKey,
		},
		{
			"rekey of what is lost", "rekey", "auth.rekey",
			map[string]any{"resealed": 1, "unreadable": 1},
			`{}`, cli.Partial, "1 credential sealed with a new key\n", copyKey + "1 credential could not be decrypted and were left unchanged",
		},
		{
			"introspection", "introspect michelin", "auth.introspect",
			map[string]any{"introspections": []map[string]any{{"provider": "michelin", "active": true, "expires_at": expires, "scope": "api"}}},
			`{"provider":"michelin"}`, cli.Done, "michelin: the token is active, until 2026-11-20 08:00:00 UTC, scope api\n", "",
		},
		{
			"introspection of several", "introspect mazda", "auth.introspect",
			map[string]any{"introspections": []map[string]any{
				{"provider": "mazda", "user": "a", "active": false}, {"provider": "mazda", "user": "b", "error": api.Error{Code: "unavailable", Message: "down"}},
			}},
			`{"provider":"mazda"}`, cli.Partial, "mazda a: the provider reports the token as inactive\n", "mazda b: unavailable: down\n",
		},
		{
			"a worker that fails", "rekey", "auth.rekey",
			api.Error{Code: "internal", Message: "disk full"},
			`{}`, cli.Failed, "", "orderbeat: internal: disk full\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newStandInWorker(t)
			request := make(chan string, 1)
			w.answers(test.endpoint, func(body []byte) any {
				request <- string(body)
				return test.reply
			})
			r := do(t, append([]string{"--config", w.config, "auth"}, strings.Fields(test.args)...)...)
			if r.status != test.status || !strings.HasPrefix(r.stdout, test.stdout) || !strings.HasPrefix(r.stderr, test.stderr) {
				t.Errorf("got status %d\n%s%s\nwant %d\n%s%s", r.status, r.stdout, r.stderr, test.status, test.stdout, test.stderr)
			}
			if got := <-request; got != test.request {
				t.Errorf("the worker was asked %s, want %s", got, test.request)
			}
		})
	}
}

func TestCommandsWithoutAWorkerSayHowToStartOne(t *testing.T) {
	unreachable := writeConfig(t, "[nats]\nlisten = \"127.0.0.1:1\"\n[web]\nlisten = \"127.0.0.1:1\"\n")
	unseen := writeConfig(t, "[nats]\nlisten = \"127.0.0.1:1\"\n[web]\nlisten = \"\"\n")
	for _, test := range []struct {
		name   string
		args   []string
		status int
		stderr string
	}{
		{"logout", []string{"auth", "logout", "mazda", "--config", unreachable}, cli.Failed, "start one with `orderbeat run`"},
		{"rekey", []string{"auth", "rekey", "--config", unreachable}, cli.Failed, "start one with `orderbeat run`"},
		{"doctor", []string{"doctor", "--config", unreachable}, cli.Failed, "start one with `orderbeat run`"},
		{"login", []string{"auth", "login", "mazda", "--user", "u", "--config", unreachable}, cli.Failed, "no orderbeat worker responds at http://127.0.0.1:1; start one with `orderbeat run`"},
		{"the link alone", []string{"auth", "login", "mazda", "--user", "u", "--print-url", "--config", unreachable}, cli.Failed, "start one with `orderbeat run`"},
		{"login without pages", []string{"auth", "login", "mazda", "--user", "u", "--config", unseen}, cli.Failed, `web.listen is ""`},
		{"status without a database", []string{"auth", "status", "--config", unreachable}, cli.Failed, "there is no database at "},
		{"login without a user", []string{"auth", "login", "mazda", "--config", unreachable}, cli.Usage, `required flag(s) "user" not set`},
		{"a link and a prompt", []string{"auth", "login", "mazda", "--user", "u", "--paste", "--print-url"}, cli.Usage, "[paste print-url]"},
		{"an unknown command of auth", []string{"auth", "logn"}, cli.Usage, `unknown command "logn" for "orderbeat auth"`},
		{"auth alone", []string{"auth"}, cli.Done, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := do(t, test.args...)
			if got.status != test.status || !strings.Contains(got.stderr, test.stderr) {
				t.Errorf("got status %d, %s, want %d: %s", got.status, got.stderr, test.status, test.stderr)
			}
		})
	}
}

// pages starts a web listener like a worker's, and records the requests to it.
func pages(t *testing.T, more string, answer http.HandlerFunc) (config string, asked *[]string) {
	t.Helper()
	asked = new([]string)
	listener := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.RequestURI())
		answer(rw, r)
	}))
	t.Cleanup(listener.Close)
	address, _ := strings.CutPrefix(listener.URL, "http://")
	return writeConfig(t, fmt.Sprintf("[nats]\nlisten = \"127.0.0.1:1\"\n[web]\nlisten = %q\n%s", address, more)), asked
}

func TestLoginShowsTheWorkersResponse(t *testing.T) {
	begins := func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Location", "https://provider.test/authorize?state=canary")
		rw.WriteHeader(http.StatusSeeOther)
	}
	says := func(status int, text string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(status)
			_, _ = fmt.Fprintln(rw, text)
		}
	}
	for _, test := range []struct {
		name   string
		more   string
		args   []string
		answer http.HandlerFunc
		status int
		stdout string // %s is the listener's address
		stderr string
		asked  string
	}{
		{"the link alone", "", []string{"--print-url"}, begins, cli.Done, "http://%s/oauth/start/mazda?user=john+doe\n", "", "/oauth/start/mazda?user=john+doe"},
		{
			"the link of a proxy", `external_url = "https://o.example.com/ob/"`,
			[]string{"--print-url"},
			begins, cli.Done, "https://o.example.com/ob/oauth/start/mazda?user=john+doe\n", "", "/oauth/start/mazda?user=john+doe",
		},
		{"access that is granted already", "", []string{"--print-url"}, says(200, "Access is granted already"), cli.Done, "", "mazda john doe has already granted access; use --force to request consent again\n", "/oauth/start/mazda?user=john+doe"},
		{"a user who is not configured", "", nil, says(404, "Nobody to ask for access"), cli.Usage, "", "orderbeat: Nobody to ask for access\n", "/oauth/start/mazda?user=john+doe"},
		{"a worker that cannot", "", nil, says(503, "That did not work"), cli.Failed, "", "That did not work\n", "/oauth/start/mazda?user=john+doe"},
		{"another password", "", nil, says(401, "who are you?"), cli.Failed, "", "orderbeat: the worker at http://%s rejected the user or password of web.auth: was it started with another configuration?\n", "/oauth/start/mazda?user=john+doe"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config, asked := pages(t, test.more, test.answer)
			r := do(t, append([]string{"--config", config, "auth", "login", "mazda", "--user", "john doe"}, test.args...)...)
			if r.status != test.status || r.stdout != here(t, test.stdout, config) || r.stderr != here(t, test.stderr, config) {
				t.Errorf("got status %d\n%s%s\nwant %d\n%s%s", r.status, r.stdout, r.stderr, test.status, here(t, test.stdout, config), here(t, test.stderr, config))
			}
			if diff := cmp.Diff([]string{test.asked}, *asked); diff != "" {
				t.Errorf("the worker was asked (-want +got):\n%s", diff)
			}
		})
	}
}

// here replaces %s in a text by the address of a configuration's listener.
func here(t *testing.T, text, path string) string {
	t.Helper()
	a := newApp(func(string) string { return "" }, strings.NewReader(""), io.Discard, io.Discard)
	a.ConfigPath = path
	conf, err := a.LoadPart("web")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(text, "%s", conf.Web.Listen)
}

func TestLoginSendsThePassword(t *testing.T) {
	config, _ := pages(t, `auth = { user = "ops", password = "env:WEB_PASSWORD" }`, func(rw http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ops" || password != "canary" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		rw.WriteHeader(http.StatusSeeOther)
	})
	var stdout, stderr bytes.Buffer
	getenv := func(name string) string { return map[string]string{"WEB_PASSWORD": "canary"}[name] }
	status := run(t.Context(), []string{"--config", config, "auth", "login", "mazda", "--user", "u", "--print-url"}, getenv, &stdout, &stderr)
	if status != cli.Done || strings.Contains(stdout.String()+stderr.String(), "canary") {
		t.Errorf("got status %d, %s%s", status, stdout.String(), stderr.String())
	}
}

func TestPastedRedirectIsSentToTheWorker(t *testing.T) {
	for _, test := range []struct {
		name, pasted string
		status       int
		want         url.Values // nil: no request is sent
		stderr       string
	}{
		{"the whole address", "https://127.0.0.1:8321/oauth/callback/mazda?code=C1&state=S1\n", cli.Done, url.Values{"code": {"C1"}, "state": {"S1"}}, ""},
		{"an address with a fragment", "https://127.0.0.1/cb?code=C1&state=S1#x", cli.Done, url.Values{"code": {"C1"}, "state": {"S1"}}, ""},
		{"the query alone", "code=C1&state=S1", cli.Done, url.Values{"code": {"C1"}, "state": {"S1"}}, ""},
		{"the code alone", "  C1  \n", cli.Done, url.Values{"code": {"C1"}, "state": {"S0"}}, ""},
		{"a refusal", "https://127.0.0.1/cb?error=access_denied&state=S0", cli.Done, url.Values{"error": {"access_denied"}, "state": {"S0"}}, ""},
		{"another page's address", "https://provider.test/login?canary=1", cli.Failed, nil, "paste the whole address that the browser was redirected to"},
		{"nothing", "\n", cli.Failed, nil, "nothing was pasted"},
		{"no line at all", "", cli.Failed, nil, "nothing was pasted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got url.Values
			config, _ := pages(t, "", func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/oauth/callback/mazda" {
					got = r.URL.Query()
					_, _ = fmt.Fprintln(rw, "Access is granted")
					return
				}
				rw.Header().Set("Location", "https://provider.test/authorize?state=S0")
				rw.WriteHeader(http.StatusSeeOther)
			})
			r := doWith(t, test.pasted, "--config", config, "auth", "login", "mazda", "--user", "u", "--paste")
			if r.status != test.status || !strings.Contains(r.stderr, test.stderr) || strings.Contains(r.stderr, "canary") {
				t.Errorf("got status %d, %s, want %d: %s", r.status, r.stderr, test.status, test.stderr)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("handed on (-want +got):\n%s", diff)
			}
			want := "https://provider.test/authorize?state=S0\n"
			if test.status == cli.Done {
				want += "Access is granted\n"
			}
			if r.stdout != want {
				t.Errorf("got %q, want %q", r.stdout, want)
			}
		})
	}
}
