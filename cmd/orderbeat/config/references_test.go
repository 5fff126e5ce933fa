package config_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/clients/declared"
	"orderbeat/clients/exchange"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
)

// references is a provider whose requests and token requests carry secrets.
const references = `
[providers.acme]
kind = "declared"
base_url = "%[1]s"
token_url = "%[1]s/token?tenant=t"
allow_insecure_http = true
client_id = "env:ID"
client_secret = "env:ID"
headers = { Ocp-Apim-Subscription-Key = "env:HEADER", X-Plain = "environment:x" }
token_params = { audience = "https://api", assertion_hint = "env:PARAM" }
token_headers = { X-Tenant-Secret = "file:%[2]s" }
map = '.orders[] | {order_id: .id}'
[providers.acme.orders]
path = "/orders"
query = { subscription = "env:QUERY", list = ["env:QUERY", "plain"], p = '\($params.code)' }
[[providers.acme.accounts]]
name = "main"
params = { code = "env:CODE" }
`

var plainKinds = map[string]section.Kind{"declared": {Open: declared.Open, Declaration: &section.Declaration{Name: "declared"}}}

func TestSecretReferencesAreAllowedWhereverSecretsAreSent(t *testing.T) {
	var token, call string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/token" {
			token = r.URL.RawQuery + " " + string(body) + " " + r.Header.Get("X-Tenant-Secret")
			fmt.Fprint(w, `{"access_token":"t"}`)
			return
		}
		call = r.URL.RawQuery + " " + r.Header.Get("Ocp-Apim-Subscription-Key") + " " + r.Header.Get("X-Plain")
		fmt.Fprint(w, `{"orders":[]}`)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("canary-file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(references, server.URL, file)
	c, err := config.Load(write(t, text), plainKinds, env("ID", "id", "HEADER", "canary-header\n", "PARAM", "canary-param", "QUERY", "canary-query", "CODE", "canary-code"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Providers[0].Open(config.ProviderDeps{Tokens: auth.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, recording := exchange.Record(t.Context())
	if _, err := p.Orders(ctx, clients.Query{Account: c.Providers[0].Accounts[0], From: "2026-01-01", To: "2026-01-02"}); err != nil {
		t.Fatal(err)
	}
	if want := "list=canary-query&list=plain&p=canary-code&subscription=canary-query canary-header environment:x"; call != want {
		t.Errorf("the call: got %q want %q", call, want)
	}
	if want := "tenant=t assertion_hint=canary-param&audience=https%3A%2F%2Fapi&client_id=id&client_secret=id&grant_type=client_credentials canary-file"; token != want {
		t.Errorf("the token request: got %q want %q", token, want)
	}
	for _, x := range recording.Exchanges() {
		if kept := fmt.Sprintf("%+v", x); strings.Contains(kept, "canary-query") || strings.Contains(kept, "canary-header") {
			t.Errorf("a secret is recorded: %s", kept)
		}
	}

	_, err = config.Load(write(t, text), plainKinds, env("ID", "id", "HEADER", "h", "PARAM", "p", "CODE", "c"))
	if err == nil || !strings.Contains(err.Error(), "orders.query.subscription: the environment variable QUERY is not set") {
		t.Errorf("got %v, want the variable named, and where", err)
	}
}
