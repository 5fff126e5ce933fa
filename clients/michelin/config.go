package michelin

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"orderbeat/auth"
	"orderbeat/clients"
)

const (
	schemeOAuth2 = "oauth2"
	schemeBasic  = "basic_apikey"

	sandbox = "sandbox"
)

// hosts are Michelin's environments, as the portal page lists them.
var hosts = map[string]string{
	"test":       "https://indus.api.michelin.com",
	"production": "https://api.michelin.com",
}

// settings are the section's own keys.
type settings struct {
	// Scheme is how calls are signed: "oauth2", or "basic_apikey", which the portal
	// page keeps for older customers only.
	Scheme   string      `toml:"scheme"`
	Username string      `toml:"username"`
	Password auth.Secret `toml:"password"`
	APIKey   auth.Secret `toml:"apikey"`
	// TokenTTL is how long a token is taken to live: token answers do not tell, and
	// the portal page says that 120 minutes are typical.
	TokenTTL time.Duration `toml:"token_ttl"`
	// IntrospectionURL is where a token can be examined. It is checked, and has no
	// effect yet.
	IntrospectionURL string `toml:"introspection_url"`
	// Request is how questions are written: "portal" or "openapi".
	Request string `toml:"request"`
}

// configure reads and checks the whole section, and fills in the URLs and
// credentials that the environment implies.
func configure(s *clients.Section) (settings, error) {
	set := settings{Scheme: schemeOAuth2, TokenTTL: 120 * time.Minute, Request: "portal"}
	var wrong clients.Mistakes
	if s.Decode != nil {
		wrong.Join(s.Decode(&set))
	}
	if place(s, &wrong) {
		wrong.Join(s.Check())
	} else {
		wrong.Join(s.CheckRest())
	}
	if set.IntrospectionURL != "" {
		wrong.Join(s.CheckURL("introspection_url", set.IntrospectionURL))
	}
	checkEnvironments(s, set, &wrong)
	set.checkCredentials(s, &wrong)
	if set.TokenTTL <= 0 {
		wrong.Add("token_ttl", "must be more than 0")
	}
	if _, ok := profiles[set.Request]; !ok {
		wrong.Add("request", `must be "portal" or "openapi", not %.40q`, set.Request)
	}
	set.checkAccounts(s.Accounts, &wrong)
	if s.TokenURL == "" { // only now: it is no mistake of its own when base_url is wrong
		s.TokenURL = s.BaseURL + tokenPath
	}
	return set, wrong.Err()
}

// place fills in the base URL, and reports whether there is one to check. An unknown
// environment is taken for the sandbox, which asks for the least: what is wrong there
// is wrong everywhere.
func place(s *clients.Section, wrong *clients.Mistakes) bool {
	host, known := hosts[s.Environment]
	if !known {
		host = s.Sandbox.URL
		s.AllowInsecureHTTP = true // on a loopback address, which CheckURL sees to
	}
	if !known && s.Environment != sandbox {
		wrong.Add("environment", `must be "sandbox", "test" or "production", not %.40q`, s.Environment)
	}
	ours := !known && host != "" && (s.BaseURL == "" || s.BaseURL == host)
	if ours && s.ClientID.Empty() && s.ClientSecret.Empty() {
		s.ClientID, s.ClientSecret = s.Sandbox.ClientID, s.Sandbox.ClientSecret
	}
	if s.BaseURL == "" {
		s.BaseURL = host
	}
	if s.BaseURL == "" && s.Environment == sandbox {
		wrong.Add("environment", `is "sandbox", but the sandbox does not run: add a [sandbox] section, set base_url, or set environment to "test" or "production"`)
	}
	if s.BaseURL == "" {
		return false
	}
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	return true
}

// checkEnvironments refuses to mix Michelin's environments: credentials of one would
// be tried at the other, and repeated failures get an address blocked.
func checkEnvironments(s *clients.Section, set settings, wrong *clients.Mistakes) {
	api := environmentOf(s.BaseURL)
	for key, u := range map[string]string{"token_url": s.TokenURL, "introspection_url": set.IntrospectionURL} {
		if other := environmentOf(u); api != "" && other != "" && other != api {
			wrong.Add(key, "is Michelin's %s environment, but base_url is its %s environment", other, api)
		}
	}
}

// environmentOf names the environment whose host a URL has, "" for any other URL.
func environmentOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	for name, host := range hosts {
		if strings.EqualFold("https://"+u.Hostname(), host) {
			return name
		}
	}
	return ""
}

func (set *settings) checkCredentials(s *clients.Section, wrong *clients.Mistakes) {
	need := func(key string, missing bool) {
		if missing {
			wrong.Add(key, "is missing: scheme %q needs it", set.Scheme)
		}
	}
	switch set.Scheme {
	case schemeOAuth2:
		need("client_id", s.ClientID.Empty())
		need("client_secret", s.ClientSecret.Empty())
	case schemeBasic:
		need("username", set.Username == "")
		need("password", set.Password.Empty())
		need("apikey", set.APIKey.Empty())
		if strings.Contains(set.Username, ":") {
			wrong.Add("username", "must not contain a colon: HTTP Basic takes what follows for the password (RFC 7617 section 2)")
		}
	default:
		wrong.Add("scheme", `must be "oauth2" or "basic_apikey", not %.40q`, set.Scheme)
	}
}

// checkAccounts checks the parties. Michelin's numbers are all digits, typically 7
// or 9 of them (the OpenAPI's partyID).
func (set *settings) checkAccounts(accounts []clients.Account, wrong *clients.Mistakes) {
	for i, a := range accounts {
		billTo, shipTo := fmt.Sprintf("accounts[%d].bill_to", i), fmt.Sprintf("accounts[%d].ship_to", i)
		switch {
		case a.BillTo == "":
			wrong.Add(billTo, "is missing: it is Michelin's Bill-to number of the customer")
		case !digits(a.BillTo):
			wrong.Add(billTo, "must be digits only")
		}
		switch {
		case a.ShipTo == "" && set.Request == "openapi":
			wrong.Add(shipTo, `is missing: request = "openapi" needs Michelin's Ship-to number`)
		case !digits(a.ShipTo):
			wrong.Add(shipTo, "must be digits only")
		}
	}
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
