package declared_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/authorization"
	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/declared"
	"orderbeat/clients/section"
	"orderbeat/jobs"
)

// grants are token answers as the providers document them, with other values. PTV
// documents none.
var grants = map[string]string{
	"ptv":       `{"access_token":%q,"token_type":"Bearer"}`,
	"shell":     `{"access_token":%q,"expires_in":"899","token_type":"Bearer"}`,
	"microbilt": `{"issued_at":"1525190727056","expires_in":"3599","token_type":"BearerToken","access_token":%q,"status":"approved"}`,
	"mazda":     `{"access_token":%q,"expires_in":"3600","refresh_token":"canary-refresh"}`,
}

// tokenPaths are those of the stand-ins.
var tokenPaths = map[string]string{
	"ptv": "/ptv/oauth2/token", "shell": "/v2/oauth/token", "microbilt": "/OAuth/GetAccessToken", "mazda": "/oauth/token",
}

// open opens a kind at a server, with what change makes of its section.
func open(t *testing.T, kind, server string, change func(*section.Section)) *declared.Client {
	t.Helper()
	s := sectionOf(t, kind, server)
	if change != nil {
		change(&s)
	}
	p, err := declared.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	c := p.(*declared.Client)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// grantAccess has every user of a client grant access.
func grantAccess(t *testing.T, c *declared.Client) {
	t.Helper()
	for _, source := range c.Credentials() {
		if source.User() == "" {
			continue
		}
		_, consent, err := source.Authorize("https://127.0.0.1:8080/dms/oauth/code")
		if err == nil {
			err = source.Exchange(t.Context(), consent, "sample-code")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestProvider(t *testing.T) {
	for kind, grant := range grants {
		t.Run(kind, func(t *testing.T) {
			clienttest.Run(t, func(t *testing.T, baseURL string) clients.Provider {
				t.Helper()
				return open(t, kind, baseURL, nil)
			}, clienttest.Wire{
				TokenPath: tokenPaths[kind], Users: kind == "mazda",
				Grant: func(token string) string { return fmt.Sprintf(grant, token) },
				Refusal: map[string]string{
					"ptv": `{"error":"invalid_client"}`, "shell": `{"ErrorCode":"invalid_client","Error":"ClientId is Invalid"}`,
					"microbilt": `{"error":"invalid_client"}`, "mazda": `{"error":"invalid_request"}`,
				}[kind],
				Query: clients.Query{Account: sectionOf(t, kind, "").Accounts[0]},
				Check: true, Answer: "pong", Secrets: []string{"canary-refresh", "sample-code"},
			})
		})
	}
}

// wireRequest is one request as a server saw it.
type wireRequest struct {
	Request string // method, path and query
	Header  map[string]string
	Body    string
}

// server answers everything like a kind's stand-in, and notes what it was asked.
type server struct {
	*httptest.Server
	mu  sync.Mutex // guards got
	got []wireRequest
}

func serve(t *testing.T, kind string) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e := wireRequest{Request: r.Method + " " + r.URL.RequestURI(), Header: map[string]string{}, Body: string(body)}
		for _, name := range []string{"Authorization", "Content-Type", "X-mazda-org"} {
			if value := r.Header.Get(name); value != "" {
				e.Header[name] = value
			}
		}
		s.mu.Lock()
		s.got = append(s.got, e)
		s.mu.Unlock()
		if r.URL.Path == tokenPaths[kind] {
			fmt.Fprintf(w, grants[kind], "token!1")
		}
	}))
	t.Cleanup(s.Close)
	return s
}

const form = "application/x-www-form-urlencoded"

// The requests are those of the providers' documents. HTTP Basic is over the values as
// they are: PTV's Base64Encode("${clientId}:${clientSecret}").
func TestRequests(t *testing.T) {
	const clientSecret = `s+c/r=t!`
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("sample-client:"+clientSecret))
	inBody := "client_id=sample-client&client_secret=" + url.QueryEscape(clientSecret)
	ping := func(path string) wireRequest {
		return wireRequest{"GET " + path, map[string]string{"Authorization": "Bearer token!1"}, ""}
	}
	for name, c := range map[string]struct {
		kind string
		keys map[string]any
		want []wireRequest
	}{
		"PTV, Basic": {"ptv", nil, []wireRequest{
			{"POST /ptv/oauth2/token", map[string]string{"Authorization": basic, "Content-Type": form}, "grant_type=client_credentials"},
			ping("/planning/v1/ping"),
		}},
		"PTV, Basic by name": {"ptv", map[string]any{"client_auth": "basic", "ping": ""}, []wireRequest{
			{"POST /ptv/oauth2/token", map[string]string{"Authorization": basic, "Content-Type": form}, "grant_type=client_credentials"},
		}},
		"PTV, credentials in the body": {"ptv", map[string]any{"client_auth": "body", "scope": " read  write "}, []wireRequest{
			{"POST /ptv/oauth2/token", map[string]string{"Content-Type": form}, inBody + "&grant_type=client_credentials&scope=read+write"},
			ping("/planning/v1/ping"),
		}},
		"Shell": {"shell", nil, []wireRequest{
			{"POST /v2/oauth/token", map[string]string{"Content-Type": form}, inBody + "&grant_type=client_credentials"},
			ping("/shell/ping"),
		}},
		"Shell, with a ping of one's own": {"shell", map[string]any{"ping": "/loyalty/v1/health?probe=1"}, []wireRequest{
			{"POST /v2/oauth/token", map[string]string{"Content-Type": form}, inBody + "&grant_type=client_credentials"},
			ping("/loyalty/v1/health?probe=1"),
		}},
		"Microbilt, JSON": {"microbilt", nil, []wireRequest{
			{
				"POST /OAuth/GetAccessToken",
				map[string]string{"Content-Type": "application/json"},
				`{"client_id":"sample-client","client_secret":"` + clientSecret + `","grant_type":"client_credentials"}`,
			},
			ping("/microbilt/ping"),
		}},
		"Microbilt, a form with the grant in the query": {"microbilt", map[string]any{"encoding": "form"}, []wireRequest{
			{"POST /OAuth/GetAccessToken?grant_type=client_credentials", map[string]string{"Content-Type": form}, inBody},
			ping("/microbilt/ping"),
		}},
		"Mazda": {"mazda", map[string]any{"pkce": false}, []wireRequest{
			{
				"POST /oauth/token",
				map[string]string{"Authorization": basic, "Content-Type": form},
				"code=sample-code&grant_type=authorization_code&redirect_uri=https%3A%2F%2F127.0.0.1%3A8080%2Fdms%2Foauth%2Fcode",
			},
			{"GET /mazda/ping", map[string]string{"Authorization": "Bearer token!1", "X-mazda-org": "10030/MMD"}, ""},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.kind)
			p := open(t, c.kind, s.URL, func(s *section.Section) {
				s.ClientSecret = secret.New(clientSecret)
				s.Decode = over(t, s.Kind, c.keys)
			})
			grantAccess(t, p)
			if out := check(t, p, sectionOf(t, c.kind, "").Accounts[0]); out.State != jobs.Succeeded {
				t.Fatalf("got %s with %v, want succeeded", out.State, out.Err)
			}
			if diff := cmp.Diff(c.want, s.got); diff != "" {
				t.Errorf("the requests differ (-want +got):\n%s", diff)
			}
		})
	}
}

// check does a job of the kind check.
func check(t *testing.T, p clients.Provider, a clients.Account) jobs.Outcome {
	t.Helper()
	job := jobs.Job{Kind: "check", Account: a.Name, Attempt: 1, FirstAt: time.Now()}
	out, err := jobs.Perform(t.Context(), p, a, job, clients.Retry{Attempts: 3, For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestConsentRequestsTheConfiguredScopes(t *testing.T) {
	for name, c := range map[string]struct {
		keys map[string]any
		want url.Values
	}{
		"as Mazda documents it": {map[string]any{"pkce": false, "login_hint": ""}, url.Values{
			"response_type": {"code"}, "client_id": {"sample-client"}, "redirect_uri": {"https://dms.example/code"}, "state": {""},
		}},
		"with a scope": {map[string]any{"pkce": false, "scope": "read write"}, url.Values{
			"response_type": {"code"}, "client_id": {"sample-client"}, "redirect_uri": {"https://dms.example/code"}, "state": {""}, "scope": {"read write"}, "login_hint": {"mmd10030.johndoe"},
		}},
		"with PKCE, which is the default": {nil, url.Values{
			"response_type": {"code"}, "client_id": {"sample-client"}, "redirect_uri": {"https://dms.example/code"}, "state": {""},
			"code_challenge": {""}, "code_challenge_method": {"S256"}, "login_hint": {"mmd10030.johndoe"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, "mazda", "http://127.0.0.1:1", func(s *section.Section) { s.Decode = over(t, s.Kind, c.keys) })
			link, _, err := p.Credentials()[0].Authorize("https://dms.example/code")
			if err != nil {
				t.Fatal(err)
			}
			page, query, _ := strings.Cut(link, "?")
			got, err := url.ParseQuery(query)
			for _, random := range []string{"state", "code_challenge"} {
				if got.Has(random) {
					got.Set(random, "")
				}
			}
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" || page != "http://127.0.0.1:1/oauth/authorize" {
				t.Errorf("got %s; the query differs (-want +got):\n%s", page, diff)
			}
		})
	}
}

func TestAccountsOfOneUserShareItsTokens(t *testing.T) {
	s := serve(t, "mazda")
	p := open(t, "mazda", s.URL, func(s *section.Section) {
		s.Accounts = []clients.Account{
			{Name: "a", User: "mmd10030.johndoe", Org: "10030/MMD"},
			{Name: "b", User: "mmd10030.janedoe", Org: "10030/MMD"},
			{Name: "c", User: "mmd10030.johndoe", Org: "10031/MMD"},
		}
	})
	var users []string
	for _, source := range p.Credentials() {
		users = append(users, source.User())
	}
	if diff := cmp.Diff([]string{"mmd10030.johndoe", "mmd10030.janedoe"}, users); diff != "" {
		t.Fatalf("the credentials differ (-want +got):\n%s", diff)
	}
	john := p.Credentials()[0]
	_, consent, err := john.Authorize("https://127.0.0.1:8080/code")
	if err == nil {
		err = john.Exchange(t.Context(), consent, "sample-code")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		account clients.Account
		want    jobs.State
		code    clients.Code
	}{
		{clients.Account{Name: "a", User: "mmd10030.johndoe", Org: "10030/MMD"}, jobs.Succeeded, ""},
		{clients.Account{Name: "b", User: "mmd10030.janedoe", Org: "10030/MMD"}, jobs.Failed, clients.CodeConsent},
		{clients.Account{Name: "c", User: "mmd10030.johndoe", Org: "10031/MMD"}, jobs.Succeeded, ""},
		{clients.Account{Name: "d", User: "mmd10030.nobody", Org: "10030/MMD"}, jobs.Failed, clients.CodeInvalid},
	} {
		out := check(t, p, c.account)
		if out.State != c.want || out.Err != nil && out.Err.Code != c.code {
			t.Errorf("account %s: got %s with %v, want %s with code %q", c.account.Name, out.State, out.Err, c.want, c.code)
		}
	}
	var orgs []string
	for _, e := range s.got[1:] { // the first is the consent's
		orgs = append(orgs, e.Header["X-mazda-org"])
	}
	if diff := cmp.Diff([]string{"10030/MMD", "10031/MMD"}, orgs); diff != "" {
		t.Errorf("the organizations asked for differ (-want +got):\n%s", diff)
	}
}

func TestHTMLIsNoPingResponse(t *testing.T) {
	for body, want := range map[string]jobs.State{
		"pong": jobs.Succeeded, "": jobs.Succeeded, "{}": jobs.Succeeded,
		"\n <!DOCTYPE html><html>": jobs.Waiting,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == tokenPaths["ptv"] {
				fmt.Fprintf(w, grants["ptv"], "token")
				return
			}
			fmt.Fprint(w, body)
		}))
		if out := check(t, open(t, "ptv", s.URL, nil), clients.Account{Name: "main"}); out.State != want {
			t.Errorf("%q: got %s with %v, want %s", body, out.State, out.Err, want)
		}
		s.Close()
	}
}

func TestRejectedPingsAreClassified(t *testing.T) {
	for kind, c := range map[string]struct {
		status int
		code   clients.Code
		hint   string
	}{
		"mazda": {403, clients.CodeForbidden, "user and org"},
		"shell": {403, clients.CodeForbidden, "ask the provider"},
		"ptv":   {404, clients.CodeInvalid, "base_url and ping"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == tokenPaths[kind] {
				fmt.Fprintf(w, grants[kind], "token")
				return
			}
			w.WriteHeader(c.status)
		}))
		p := open(t, kind, s.URL, nil)
		grantAccess(t, p)
		out := check(t, p, sectionOf(t, kind, "").Accounts[0])
		if out.State != jobs.Failed || out.Err.Code != c.code || !strings.Contains(out.Err.Hint, c.hint) {
			t.Errorf("%s: got %s with %v and the hint %q, want %s with %q", kind, out.State, out.Err, out.Err.Hint, c.code, c.hint)
		}
		s.Close()
	}
}

// Mazda's API is not public: its preset has tokens, and says what is to be declared.
func TestMazdaDeclaresNoOrders(t *testing.T) {
	p := open(t, "mazda", "http://127.0.0.1:1", nil)
	q := clients.Query{Account: sectionOf(t, "mazda", "").Accounts[0], From: "2026-11-20", To: "2026-11-20"}
	if _, err := p.Orders(t.Context(), q); clients.AsError(err).Code != clients.CodeInvalid || !strings.Contains(clients.AsError(err).Hint, "[providers.mazda.orders]") {
		t.Errorf("got %v, want invalid, with what to declare", err)
	}
	if got := p.Notices(); len(got) != 1 || !strings.Contains(got[0], "declare the endpoints that Mazda gave you") {
		t.Errorf("got notices %q, want what to declare", got)
	}
	if traits := p.Traits(); !traits.NoWindows || traits.MaxReferences != 0 {
		t.Errorf("got %+v, want a provider that cannot be asked", traits)
	}
}

func TestRedirectURI(t *testing.T) {
	p := open(t, "mazda", "http://127.0.0.1:1", func(s *section.Section) {
		s.Decode = over(t, s.Kind, map[string]any{"redirect_uri": "https://127.0.0.1:8080/myGreatDms/oauth/code"})
	})
	if got, want := p.RedirectURI(), "https://127.0.0.1:8080/myGreatDms/oauth/code"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := open(t, "mazda", "http://127.0.0.1:1", nil).RedirectURI(); got != "" {
		t.Errorf("got %q, want none: the web listener has its own", got)
	}
}

func TestRedirectMustHaveTheConfiguredIssuer(t *testing.T) {
	for name, c := range map[string]struct {
		keys map[string]any
		iss  string
		code string // why the answer is refused, "" when it is taken
	}{
		"the issuer":            {map[string]any{"issuer": "https://login.example"}, "https://login.example", ""},
		"another":               {map[string]any{"issuer": "https://login.example"}, "https://other.example", "invalid_issuer"},
		"none":                  {map[string]any{"issuer": "https://login.example"}, "", "invalid_issuer"},
		"any where none is set": {nil, "https://other.example", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, "mazda", serve(t, "mazda").URL, func(s *section.Section) { s.Decode = over(t, s.Kind, c.keys) })
			begun := authorization.NewPending()
			link, err := begun.Begin(p.Credentials()[0], "https://dms.example/code")
			if err != nil {
				t.Fatal(err)
			}
			to, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			answer := url.Values{"code": {"sample-code"}, "state": {to.Query().Get("state")}}
			if c.iss != "" {
				answer.Set("iss", c.iss)
			}
			_, err = begun.Finish(t.Context(), p.Credentials()[0].Provider(), answer)
			e, refused := errors.AsType[*authorization.Error](err)
			if refused != (c.code != "") || refused && e.Code != c.code || !refused && err != nil {
				t.Errorf("got %v, want %q", err, c.code)
			}
		})
	}
}
