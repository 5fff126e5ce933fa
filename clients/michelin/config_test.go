package michelin_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/exchange"
	"orderbeat/clients/michelin"
	"orderbeat/clients/section"
)

func TestSections(t *testing.T) {
	set := func(environment, base, token string) func(*section.Section) {
		return func(s *section.Section) { s.Environment, s.BaseURL, s.TokenURL = environment, base, token }
	}
	keys := func(k map[string]any) func(*section.Section) {
		return func(s *section.Section) { s.Decode = clienttest.Decode(k) }
	}
	for name, c := range map[string]struct {
		change func(*section.Section)
		want   []string
	}{
		"test environment":       {set("test", "", ""), nil},
		"production environment": {set("production", "", ""), nil},
		"production in words of its own": {
			set("production", "https://api.michelin.com/", "https://api.michelin.com/idp/v2/b2b/oauth2/token"), nil,
		},
		"a gateway of one's own":    {set("production", "https://gateway.example", "https://login.example/token"), nil},
		"unknown environment":       {set("staging", "", ""), []string{"environment"}},
		"sandbox that does not run": {set("sandbox", "", ""), []string{"environment"}},
		"unknown environment and more": {func(s *section.Section) {
			s.Environment, s.BaseURL, s.TokenURL, s.Timeout = "prod", "http://api.michelin.com", "ftp://x", 0
		}, []string{"base_url", "environment", "timeout", "token_url"}},
		"sandbox that does not run and more": {func(s *section.Section) {
			s.Environment, s.BaseURL, s.TokenURL, s.Timeout = "sandbox", "", "ftp://x", 0
		}, []string{"environment", "timeout", "token_url"}},
		"token URL of another":          {set("production", "", "https://indus.api.michelin.com/idp/v2/b2b/oauth2/token"), []string{"token_url"}},
		"base URL of another":           {set("production", "https://indus.api.michelin.com", "https://API.michelin.com/token"), []string{"base_url"}},
		"production in the sandbox":     {set("sandbox", "https://api.michelin.com:443", ""), []string{"base_url"}},
		"plain http":                    {set("production", "http://api.michelin.com", ""), []string{"base_url"}},
		"plain http in the sandbox":     {set("sandbox", "http://sandbox.example", ""), []string{"base_url"}},
		"no scheme":                     {set("production", "api.michelin.com", ""), []string{"base_url"}},
		"introspection of another":      {keysAt("production", map[string]any{"introspection_url": "https://indus.api.michelin.com/i"}), []string{"introspection_url"}},
		"introspection without https":   {keys(map[string]any{"introspection_url": "ftp://127.0.0.1/i"}), []string{"introspection_url"}},
		"unknown key":                   {keys(map[string]any{"introspect": ""}), []string{"introspect"}},
		"unknown scheme":                {keys(map[string]any{"scheme": "digest"}), []string{"scheme"}},
		"unknown request":               {keys(map[string]any{"request": "soap"}), []string{"request"}},
		"token_ttl of nothing":          {keys(map[string]any{"token_ttl": time.Duration(0)}), []string{"token_ttl"}},
		"older scheme without its keys": {keys(map[string]any{"scheme": "basic_apikey"}), []string{"apikey", "password", "username"}},
		"older scheme":                  {olderScheme, nil},
		"older scheme, name with a colon": {keys(map[string]any{
			"scheme": "basic_apikey", "username": "sample:x", "password": secret.New("p"), "apikey": secret.New("k"),
		}), []string{"username"}},
		"a colon where no name is needed": {keys(map[string]any{"username": "sample:x"}), nil},
		"credentials missing":             {func(s *section.Section) { s.ClientID, s.ClientSecret = secret.Secret{}, secret.Secret{} }, []string{"client_id", "client_secret"}},
		"bill_to missing":                 {accounts(clients.Account{Name: "a", BillTo: "1111111"}, clients.Account{Name: "b"}), []string{"accounts[1].bill_to"}},
		"params that nobody asks for":     {accounts(clients.Account{Name: "a", BillTo: "1111111", Params: map[string]any{"region": "north"}}), []string{"accounts[0].params"}},
		"bill_to and ship_to not digits":  {accounts(clients.Account{Name: "a", BillTo: "11 11111", ShipTo: "x"}), []string{"accounts[0].bill_to", "accounts[0].ship_to"}},
		"ship_to missing with openapi": {func(s *section.Section) {
			s.Accounts = []clients.Account{{Name: "a", BillTo: "111111111"}}
			s.Decode = clienttest.Decode(map[string]any{"request": "openapi"})
		}, []string{"accounts[0].ship_to"}},
		"everything at once": {func(s *section.Section) {
			s.BaseURL, s.Rate, s.Accounts = "ftp://x", clients.Rate{}, nil
			s.Decode = clienttest.Decode(map[string]any{"request": "soap"})
		}, []string{"accounts", "base_url", "rate", "request"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := clienttest.Section("michelin", "http://127.0.0.1:8322")
			c.change(&s)
			_, err := michelin.Open(s)
			if diff := cmp.Diff(c.want, clienttest.Keys(err)); diff != "" {
				t.Errorf("mistakes differ (-want +got):\n%s\n%v", diff, err)
			}
			if err != nil && strings.Contains(err.Error(), clienttest.ClientSecret) {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func keysAt(environment string, k map[string]any) func(*section.Section) {
	return func(s *section.Section) { s.Environment, s.BaseURL, s.Decode = environment, "", clienttest.Decode(k) }
}

func accounts(all ...clients.Account) func(*section.Section) {
	return func(s *section.Section) { s.Accounts = all }
}

func TestSandboxProvidesAddressAndCredentials(t *testing.T) {
	url := answering(t, 200, noOrders).URL
	p := open(t, "", func(s *section.Section) {
		s.AllowInsecureHTTP, s.ClientID, s.ClientSecret = false, secret.Secret{}, secret.Secret{}
		s.Sandbox = section.Sandbox{URL: url, ClientID: secret.New("sample"), ClientSecret: secret.New("sample")}
	})
	if _, err := p.Orders(t.Context(), lastDays); err != nil {
		t.Error(err)
	}
}

func TestSandboxCredentialsAreSentToTheSandboxOnly(t *testing.T) {
	s := clienttest.Section("michelin", "https://gateway.example")
	s.ClientID, s.ClientSecret = secret.Secret{}, secret.Secret{}
	s.Sandbox = section.Sandbox{URL: "http://127.0.0.1:8322", ClientID: secret.New("sample"), ClientSecret: secret.New("sample")}
	_, err := michelin.Open(s)
	if diff := cmp.Diff([]string{"client_id", "client_secret"}, clienttest.Keys(err)); diff != "" {
		t.Errorf("mistakes differ (-want +got):\n%s", diff)
	}
}

// What is kept of exchanges is as the section says, with either scheme.
func TestRecordingFollowsTheSection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			fmt.Fprint(w, grant("canary-token"))
			return
		}
		fmt.Fprint(w, strings.Replace(noOrders, "[]", `[],"customer":{"contact":"Wanda"}`, 1))
	}))
	defer server.Close()
	oauth, basic := map[string]any{}, map[string]any{"scheme": "basic_apikey", "username": "u", "password": "canary", "apikey": "canary"}
	for _, scheme := range []map[string]any{oauth, basic} {
		for _, c := range []struct {
			exchanges, hide any
			want            string
		}{
			{"off", nil, ""},
			{"metadata", nil, "metadata  "},
			{"full", []any{"customer.contact"}, `full {"documentID":"C1","variant":"1","orderStatusIndicator":"2","errorHead":{"errorCode":"0"},"referencedOrder":[],"customer":{"contact":"REDACTED"}}`},
		} {
			keys := maps.Clone(scheme)
			keys["exchanges"] = c.exchanges
			if c.hide != nil {
				keys["hide"] = c.hide
			}
			ctx, recording := exchange.Record(t.Context())
			if _, err := open(t, server.URL, func(s *section.Section) { s.Decode = clienttest.Decode(keys) }).Orders(ctx, lastDays); err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, x := range recording.Exchanges() {
				got += string(x.Detail) + " " + x.ResponseBody
			}
			if strings.TrimSpace(got) != strings.TrimSpace(c.want) {
				t.Errorf("%v %v: got %s, want %s", scheme["scheme"], c.exchanges, got, c.want)
			}
		}
	}
}
