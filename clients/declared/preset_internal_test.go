package declared // inside: the real addresses, which no test may ask, are seen nowhere else

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
)

// asked is where a provider's requests go.
type asked struct{ Base, Token, Authorize, Ping string }

// What the providers' documents say, and nothing where they say nothing.
func TestAddresses(t *testing.T) {
	const standIn = "http://127.0.0.1:8322"
	type given struct{ base, token, authorize string }
	for name, c := range map[string]struct {
		kind, environment string
		given             given
		want              asked
	}{
		"PTV's production, with the API's token URL": {
			"ptv", "production",
			given{token: "https://login.example/token"},
			asked{"https://api.conundra.eu", "https://login.example/token", "", "/planning/v1/ping"},
		},
		"PTV's stand-in": {"ptv", "sandbox", given{}, asked{standIn, standIn + "/ptv/oauth2/token", "", "/planning/v1/ping"}},
		"Shell's test":   {"shell", "test", given{}, asked{"https://api-test.shell.com", "https://api-test.shell.com/v2/oauth/token", "", ""}},
		"Shell's production, told where": {
			"shell", "production",
			given{base: "https://api.shell.com/"},
			asked{"https://api.shell.com", "https://api.shell.com/v2/oauth/token", "", ""},
		},
		"Shell's stand-in": {"shell", "sandbox", given{}, asked{standIn, standIn + "/v2/oauth/token", "", "/shell/ping"}},
		"Microbilt's test": {
			"microbilt", "test",
			given{},
			asked{"https://apitest.microbilt.com", "https://apitest.microbilt.com/OAuth/GetAccessToken", "", ""},
		},
		"Microbilt's production": {
			"microbilt", "production",
			given{},
			asked{"https://api.microbilt.com", "https://api.microbilt.com/OAuth/GetAccessToken", "", ""},
		},
		"Microbilt's stand-in": {"microbilt", "sandbox", given{}, asked{standIn, standIn + "/OAuth/GetAccessToken", "", "/microbilt/ping"}},
		"Mazda's acceptance": {
			"mazda", "test",
			given{},
			asked{"https://mappsacc.mazdaeur.com", "https://mappsacc.mazdaeur.com/oauth/token", "https://mappsacc.mazdaeur.com/oauth/authorize", ""},
		},
		"Mazda's production": {
			"mazda", "production",
			given{},
			asked{"https://mapps.mazdaeur.com", "https://mapps.mazdaeur.com/oauth/token", "https://mapps.mazdaeur.com/oauth/authorize", ""},
		},
		"Mazda's stand-in": {
			"mazda", "sandbox",
			given{},
			asked{standIn, standIn + "/oauth/token", standIn + "/oauth/authorize", "/mazda/ping"},
		},
		"what is configured goes before": {
			"mazda", "production",
			given{"https://gateway.example/dms", "https://login.example/token", "https://login.example/grant"},
			asked{"https://gateway.example/dms", "https://login.example/token", "https://login.example/grant", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := clienttest.Section(c.kind, c.given.base)
			s.Kind, s.Environment, s.TokenURL, s.Sandbox.URL = c.kind, c.environment, c.given.token, standIn
			keys := map[string]any{}
			if err := toml.Unmarshal(Preset(c.kind).Text, &keys); err != nil {
				t.Fatal(err)
			}
			if c.given.authorize != "" {
				keys["authorize_url"] = c.given.authorize
			}
			s.Decode = clienttest.Decode(keys)
			s.Accounts = []clients.Account{{Name: "main", BillTo: "GB00000101", Params: map[string]any{"colco": int64(32), "product": "IBV"}}}
			if c.kind == "mazda" {
				s.Accounts = []clients.Account{{Name: "johndoe", User: "mmd10030.johndoe", Org: "10030/MMD"}}
			}
			set, err := configure(&s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, asked{s.BaseURL, s.TokenURL, set.AuthorizeURL, set.Ping}); diff != "" {
				t.Errorf("the addresses differ (-want +got):\n%s", diff)
			}
		})
	}
}
