package declared_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/declared"
	"orderbeat/clients/section"
)

// sectionOf is the section of a kind that is right, for a server at baseURL.
func sectionOf(tb testing.TB, kind, baseURL string) section.Section {
	tb.Helper()
	s := clienttest.Section(kind, baseURL)
	s.Kind = kind
	s.Decode = over(tb, kind, nil)
	s.Accounts = []clients.Account{{
		Name: "main", BillTo: "GB00000101", Params: map[string]any{"colco": int64(32), "product": "IBV"},
	}}
	if kind == "mazda" {
		s.Accounts = []clients.Account{{Name: "johndoe", User: "mmd10030.johndoe", Org: "10030/MMD"}}
	}
	return s
}

func TestConfigurationErrors(t *testing.T) {
	at := func(environment, base, token string) func(*section.Section) {
		return func(s *section.Section) { s.Environment, s.BaseURL, s.TokenURL = environment, base, token }
	}
	keys := func(k map[string]any) func(*section.Section) {
		return func(s *section.Section) { s.Decode = over(t, s.Kind, k) }
	}
	account := func(user, org string) func(*section.Section) {
		return func(s *section.Section) {
			s.Accounts = append(s.Accounts, clients.Account{Name: "b", User: user, Org: org, BillTo: s.Accounts[0].BillTo, Params: s.Accounts[0].Params})
		}
	}
	for name, c := range map[string]struct {
		kind   string
		change func(*section.Section)
		want   []string
	}{
		"an unknown environment":                     {"ptv", at("staging", "", ""), []string{"environment"}},
		"a sandbox that does not run":                {"shell", at("sandbox", "", ""), []string{"environment"}},
		"PTV without the token URL":                  {"ptv", at("production", "", ""), []string{"token_url"}},
		"PTV's test, which is nowhere":               {"ptv", at("test", "", ""), []string{"base_url", "token_url"}},
		"Shell's production, which is nowhere":       {"shell", at("production", "", ""), []string{"base_url"}},
		"Shell's production":                         {"shell", at("production", "https://api.shell.com", ""), nil},
		"Shell's test host in production":            {"shell", at("production", "https://api-test.shell.com", ""), []string{"base_url"}},
		"Shell's production host in test":            {"shell", at("test", "https://api.shell.com", ""), []string{"base_url"}},
		"Shell's production token in test":           {"shell", at("test", "", "https://API.shell.com:443/v2/oauth/token"), []string{"token_url"}},
		"Microbilt's test token in production":       {"microbilt", at("production", "", "https://apitest.microbilt.com/OAuth/GetAccessToken"), []string{"token_url"}},
		"PTV's production host in test":              {"ptv", at("test", "https://api.conundra.eu", "https://login.example/token"), []string{"base_url"}},
		"Microbilt's production host in the sandbox": {"microbilt", at("sandbox", "https://api.microbilt.com", ""), []string{"base_url"}},
		"Mazda's consent at another environment": {"mazda", func(s *section.Section) {
			s.Environment, s.BaseURL = "production", ""
			s.Decode = over(t, s.Kind, map[string]any{"authorize_url": "https://mappsacc.mazdaeur.com/oauth/authorize"})
		}, []string{"authorize_url"}},
		"Mazda's other endpoints at another environment": {"mazda", func(s *section.Section) {
			s.Environment, s.BaseURL = "production", ""
			s.Decode = over(t, s.Kind, map[string]any{
				"introspection_url": "https://mappsacc.mazdaeur.com/i", "revocation_url": "https://mappsacc.mazdaeur.com/r", "issuer": "https://mappsacc.mazdaeur.com",
			})
		}, []string{"introspection_url", "issuer", "revocation_url"}},
		"other endpoints over plain http":           {"shell", keys(map[string]any{"introspection_url": "http://login.example/i", "revocation_url": "http://login.example/r"}), []string{"introspection_url", "revocation_url"}},
		"an issuer with a query":                    {"mazda", keys(map[string]any{"issuer": "https://login.example?x=1"}), []string{"issuer"}},
		"an issuer where nobody is sent to consent": {"ptv", keys(map[string]any{"issuer": "https://login.example"}), []string{"issuer"}},
		"other endpoints that are right":            {"ptv", keys(map[string]any{"introspection_url": "https://login.example/i", "revocation_url": "https://login.example/r"}), nil},
		"the sandbox in production": {"microbilt", func(s *section.Section) {
			s.Environment, s.Sandbox.URL = "production", s.BaseURL
		}, []string{"base_url"}},
		"plain http":                              {"shell", at("production", "http://api.example", ""), []string{"base_url"}},
		"a consent page without https":            {"mazda", keys(map[string]any{"authorize_url": "http://login.example"}), []string{"authorize_url"}},
		"no credentials":                          {"ptv", func(s *section.Section) { s.ClientID, s.ClientSecret = secret.Secret{}, secret.Secret{} }, []string{"client_id", "client_secret"}},
		"an unknown key":                          {"ptv", keys(map[string]any{"scopes": "read"}), []string{"scopes"}},
		"keys of users where there are none":      {"ptv", keys(map[string]any{"pkce": false, "redirect_uri": "https://dms.example/callback", "authorize_url": "https://login.example"}), []string{"authorize_url", "pkce", "redirect_uri"}},
		"a client_auth that PTV does not know":    {"ptv", keys(map[string]any{"client_auth": "digest"}), []string{"client_auth"}},
		"an encoding that nobody knows":           {"microbilt", keys(map[string]any{"encoding": "xml"}), []string{"encoding"}},
		"tokens of clients where users have them": {"mazda", keys(map[string]any{"scheme": "oauth2"}), []string{"accounts[0].user", "scheme"}},
		"a ping that is a URL":                    {"ptv", keys(map[string]any{"ping": "https://api.example/ping"}), []string{"ping"}},
		"a ping at another host":                  {"ptv", keys(map[string]any{"ping": "//api.example/ping"}), []string{"ping"}},
		"a redirect_uri that is a path":           {"mazda", keys(map[string]any{"redirect_uri": "/callback"}), []string{"redirect_uri"}},
		"a redirect_uri over plain http":          {"mazda", keys(map[string]any{"redirect_uri": "http://dms.example/callback"}), []string{"redirect_uri"}},
		"a redirect_uri with a fragment":          {"mazda", keys(map[string]any{"redirect_uri": "https://dms.example/callback#"}), []string{"redirect_uri"}},
		"a redirect_uri on a loopback address":    {"mazda", keys(map[string]any{"redirect_uri": "http://127.0.0.1:8080/dms/oauth/code"}), nil},
		"Mazda without user and org":              {"mazda", account("", ""), []string{"accounts[1].org", "accounts[1].user"}},
		"a user with a blank":                     {"mazda", account("john doe", "10030/MMD"), []string{"accounts[1].user"}},
		"an org without a market":                 {"mazda", account("john", "10030"), []string{"accounts[1].org"}},
		"an org with two slashes":                 {"mazda", account("john", "10030/MMD/x"), []string{"accounts[1].org"}},
		"an org with a line's end":                {"mazda", account("john", "10030/MMD\n"), []string{"accounts[1].org"}},
		"an org that no header can carry":         {"mazda", account("john", "10030/M\x00D"), []string{"accounts[1].org"}},
		"several users, and one of them twice":    {"mazda", account("mmd10030.johndoe", "10031/MMD"), nil},
		"a user and an org where there are none":  {"shell", account("john", "10030/MMD"), []string{"accounts[1].org", "accounts[1].user"}},
		"everything at once": {"mazda", func(s *section.Section) {
			s.BaseURL, s.Rate, s.Accounts = "ftp://x", clients.Rate{}, nil
			s.Decode = over(t, s.Kind, map[string]any{"ping": "ping"})
		}, []string{"accounts", "base_url", "ping", "rate"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := sectionOf(t, c.kind, "http://127.0.0.1:8322")
			if c.change != nil {
				c.change(&s)
			}
			_, err := declared.Open(s)
			if diff := cmp.Diff(c.want, clienttest.Keys(err)); diff != "" {
				t.Errorf("mistakes differ (-want +got):\n%s\n%v", diff, err)
			}
			if err != nil && strings.Contains(err.Error(), clienttest.ClientSecret) {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestUndocumentedURLsAreRequired(t *testing.T) {
	for kind, want := range map[string]string{"ptv": "token_url: is missing: the provider's documents state none", "shell": "base_url: is missing: the provider documents no base URL"} {
		s := sectionOf(t, kind, "")
		s.Environment = "production"
		if _, err := declared.Open(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", kind, err, want)
		}
	}
}

func TestSandboxProvidesItsCredentials(t *testing.T) {
	for _, kind := range []string{"ptv", "shell", "microbilt", "mazda"} {
		s := sectionOf(t, kind, "")
		s.ClientID, s.ClientSecret = secret.Secret{}, secret.Secret{}
		s.Sandbox = section.Sandbox{URL: "http://127.0.0.1:8322", ClientID: secret.New("sample"), ClientSecret: secret.New("sample")}
		if _, err := declared.Open(s); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
