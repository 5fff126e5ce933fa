package declared

import (
	"regexp"

	"orderbeat/auth"
	"orderbeat/clients"
)

// preset is what is known of one kind of provider before its section is read. A
// further one is a further value in presets.
type preset struct {
	dialect      auth.Dialect
	environments clients.Environments
	// documented are the paths of the provider's own environments, standIn those of
	// its stand-in in the sandbox.
	documented, standIn paths
	// clientAuth and encoding are what the keys of the same names choose from, where
	// the provider documents several ways. The dialect's own is the default.
	clientAuth map[string]auth.ClientAuth
	encoding   map[string]body
	// org is the header that names an account's organization.
	org header
}

// paths hang on the base URL. One that is "" is documented nowhere.
type paths struct{ token, authorize, ping string }

// body is one way to write a token request.
type body struct {
	encoding     auth.Encoding
	grantInQuery bool
}

// header is one whose value is the account's, "" as its name for none.
type header struct {
	name    string
	pattern *regexp.Regexp
	form    string // the pattern, for people
}

// presets are the kinds of provider, by the values of the key kind.
var presets = map[string]preset{
	// PTV Logistics' (Conundra's) OAuth2 Authentication, and the Planning API's
	// reference: the token URL is told with each API, and GET /planning/v1/ping
	// answers "pong" to whoever is authenticated.
	"ptv": {
		dialect:      auth.PTV(),
		environments: clients.Environments{"production": {BaseURL: "https://api.conundra.eu"}},
		documented:   paths{ping: "/planning/v1/ping"},
		standIn:      paths{token: "/ptv/oauth2/token", ping: "/planning/v1/ping"},
		clientAuth:   map[string]auth.ClientAuth{"basic": auth.BasicRaw, "body": auth.InBody},
	},
	// Shell's Loyalty APIs Authentication Guide, which tells the test host only. That
	// api.shell.com is production is in Shell's guides to other APIs.
	"shell": {
		dialect:      auth.Shell(),
		environments: clients.Environments{"test": {BaseURL: "https://api-test.shell.com"}, "production": {Host: "api.shell.com"}},
		documented:   paths{token: "/v2/oauth/token"},
		standIn:      paths{token: "/v2/oauth/token", ping: "/shell/ping"},
	},
	// Microbilt API's OAuth Documentation, which calls its test environment Sandbox.
	"microbilt": {
		dialect: auth.Microbilt(),
		environments: clients.Environments{
			"test":       {BaseURL: "https://apitest.microbilt.com"},
			"production": {BaseURL: "https://api.microbilt.com"},
		},
		documented: paths{token: "/OAuth/GetAccessToken"},
		standIn:    paths{token: "/OAuth/GetAccessToken", ping: "/microbilt/ping"},
		encoding:   map[string]body{"json": {encoding: auth.JSON}, "form": {encoding: auth.Form, grantInQuery: true}},
	},
	// Mazda's Access keys for DMS (OAuth2). Its test environment is called acceptance.
	// It names no base URL of the API: the host that grants tokens is taken for it.
	"mazda": {
		dialect: auth.Mazda(),
		environments: clients.Environments{
			"test":       {BaseURL: "https://mappsacc.mazdaeur.com"},
			"production": {BaseURL: "https://mapps.mazdaeur.com"},
		},
		documented: paths{token: "/oauth/token", authorize: "/oauth/authorize"},
		standIn:    paths{token: "/oauth/token", authorize: "/oauth/authorize", ping: "/mazda/ping"},
		org: header{
			name: "X-mazda-org", pattern: regexp.MustCompile(`^[^/\s]+/[^/\s]+$`), form: `dealer number and market code, like "10030/MMD"`,
		},
	},
}
