package config_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"orderbeat/auth/endpoint"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/clients/declared"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
)

var declaredKinds = map[string]section.Kind{
	"ptv": preset("ptv"), "shell": preset("shell"), "microbilt": preset("microbilt"), "mazda": preset("mazda"),
}

func preset(kind string) section.Kind {
	return section.Kind{Open: declared.Open, Declaration: declared.Preset(kind)}
}

// everyKey has every key of declared providers.
const everyKey = `
[providers.planning]
kind          = "ptv"
environment   = "production"
token_url     = "https://login.example/oauth2/token"
client_id     = "env:SAMPLE"
client_secret = "env:SAMPLE"
client_auth   = "body"
scope         = "read"
ping          = "/planning/v1/ping"
[[providers.planning.accounts]]
name = "main"

[providers.reports]
kind          = "microbilt"
environment   = "test"
client_id     = "env:SAMPLE"
client_secret = "env:SAMPLE"
encoding      = "form"
[[providers.reports.accounts]]
name = "main"
params = { product = "IBV" }

[providers.dms]
kind          = "mazda"
environment   = "test"
client_id     = "env:SAMPLE"
client_secret = "env:SAMPLE"
authorize_url = "https://mappsacc.mazdaeur.com/oauth/authorize"
redirect_uri  = "https://127.0.0.1:8080/myGreatDms/oauth/code"
pkce          = false
[[providers.dms.accounts]]
name = "johndoe"
user = "mmd10030.johndoe"
org  = "10030/MMD"

[[schedules]]
name     = "dms-check"
cron     = "@every 1h"
provider = "dms"
kind     = "check"
`

func TestDeclaredProvidersAreRead(t *testing.T) {
	c, err := config.Load(write(t, everyKey), declaredKinds, env("SAMPLE", "sample"))
	if err != nil {
		t.Fatal(err)
	}
	origins := map[string]string{}
	for _, p := range c.Providers {
		origins[p.Name] = p.Origin
		opened, err := p.Open(config.ProviderDeps{Tokens: auth.NewMemory()})
		if err != nil {
			t.Fatal(err)
		}
		if got := opened.(*declared.Client).RedirectURI(); (got != "") != (p.Kind == "mazda") {
			t.Errorf("%s: got redirect_uri %q", p.Name, got)
		}
	}
	want := map[string]string{
		"planning": "https://api.conundra.eu", "reports": "https://apitest.microbilt.com", "dms": "https://mappsacc.mazdaeur.com",
	}
	if diff := cmp.Diff(want, origins); diff != "" {
		t.Errorf("the addresses differ (-want +got):\n%s", diff)
	}
}

func TestMistakesInDeclarationsHavePositions(t *testing.T) {
	text := strings.NewReplacer(
		`client_auth   = "body"`, `client_auth   = "digest"`,
		`encoding      = "form"`, `pkce          = false`,
		`org  = "10030/MMD"`, `org  = "10030"`,
		`kind     = "check"`, "kind     = \"check\"\nparams   = { lookback = \"14d\" }",
	).Replace(everyKey)
	_, err := config.Load(write(t, text), declaredKinds, env("SAMPLE", "sample"))
	var got []string
	for line := range strings.Lines(err.Error()) {
		_, at, _ := strings.Cut(line, "config.toml:")
		key, _, _ := strings.Cut(strings.SplitN(at, ": ", 2)[1], ": ")
		got = append(got, strings.SplitN(at, ": ", 2)[0]+" "+key)
	}
	want := []string{"8:1 providers.planning.client_auth", "19:1 providers.reports.pkce", "35:1 providers.dms.accounts[0].org", "42:14 schedules[0].params.lookback"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes differ (-want +got):\n%s\n%v", diff, err)
	}
}

// The sandbox accepts only its own credentials.
func TestEveryKindGetsItsSandboxCredentials(t *testing.T) {
	server := httptest.NewServer(sandbox.New(sandbox.Options{}))
	defer server.Close()
	needs := map[string]string{
		"mazda": "user = \"mmd10030.johndoe\"\norg = \"10030/MMD\"\n", "microbilt": "params = { product = \"IBV\" }\n", "shell": "bill_to = \"GB00000101\"\nparams = { colco = 32 }\n",
	}
	text := "[sandbox]\n"
	for kind := range declaredKinds {
		text += "[providers." + kind + "]\nkind = \"" + kind + "\"\n[[providers." + kind + ".accounts]]\nname = \"main\"\n" + needs[kind]
	}
	c, err := config.Load(write(t, text), declaredKinds, env())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Providers {
		opened, err := p.Open(config.ProviderDeps{Tokens: auth.NewMemory(), SandboxURL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		client := opened.(*declared.Client)
		if p.Kind == "mazda" {
			refusesOnlyTheCode(t, client.Credentials()[0])
		} else if _, err := client.Check(t.Context(), p.Accounts[0]); err != nil {
			t.Errorf("%s: %v", p.Kind, err)
		}
	}
}

// refusesOnlyTheCode checks that an unknown code is rejected by a server that has accepted the
// client's credentials.
func refusesOnlyTheCode(t *testing.T, source *auth.Source) {
	t.Helper()
	_, consent, err := source.Authorize("https://127.0.0.1:8080/myGreatDms/oauth/code")
	if err != nil {
		t.Fatal(err)
	}
	err = source.Exchange(t.Context(), consent, "nobodys-code")
	if e, ok := errors.AsType[*endpoint.Error](err); !ok || e.Code != "invalid_grant" {
		t.Errorf("got %v, want invalid_grant: the client is taken, the code is not", err)
	}
}
