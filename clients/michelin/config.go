package michelin

import (
	"fmt"
	"strings"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/clients/section"
)

const (
	schemeOAuth2 = "oauth2"
	schemeBasic  = "basic_apikey"
)

// environments are Michelin's, as the portal page lists them.
var environments = section.Environments{
	"test":       {BaseURL: "https://indus.api.michelin.com"},
	"production": {BaseURL: "https://api.michelin.com"},
}

type settings struct {
	section.ExchangeKeys
	section.TokenKeys
	// Scheme is how calls are signed: "oauth2", or "basic_apikey", which the portal page keeps for older
	// customers only.
	Scheme   string        `toml:"scheme"`
	Username string        `toml:"username"`
	Password secret.Secret `toml:"password"`
	APIKey   secret.Secret `toml:"apikey"`
	// TokenTTL is the assumed lifetime of a token: token responses do not state it, and the portal page
	// says that 120 minutes are typical.
	TokenTTL time.Duration `toml:"token_ttl"`
	// IntrospectionURL is used by a check only. The portal page lists the token URL for it, but its example
	// has the default.
	IntrospectionURL string `toml:"introspection_url"`
	// Request is the format of requests: "portal" or "openapi".
	Request string `toml:"request"`
}

// Keys returns the section's own keys with their defaults, for the JSON Schema of the configuration.
func Keys() any { return defaults() }

func defaults() settings {
	return settings{Scheme: schemeOAuth2, TokenTTL: 120 * time.Minute, Request: "portal"}
}

// configure reads and checks the whole section, and sets the URLs and credentials that follow from
// the environment.
func configure(s *section.Section) (settings, error) {
	set := defaults()
	var wrong section.Errors
	if s.Decode != nil {
		wrong.Join(s.Decode(&set))
	}
	s.Place(environments, &wrong)
	if set.IntrospectionURL != "" {
		wrong.Join(s.CheckURL("introspection_url", set.IntrospectionURL))
	}
	wrong.Join(s.CheckEnvironment(environments, "introspection_url", set.IntrospectionURL))
	set.checkCredentials(s, &wrong)
	set.Apply(&auth.Config{}, &wrong)
	if set.TokenTTL <= 0 {
		wrong.Add("token_ttl", "must be more than 0")
	}
	if _, ok := profiles[set.Request]; !ok {
		wrong.Add("request", `must be "portal" or "openapi", not %.40q`, set.Request)
	}
	set.CheckExchanges(&wrong)
	set.checkAccounts(s.Accounts, &wrong)
	if s.TokenURL == "" { // set after the checks, so that a wrong base_url is reported once
		s.TokenURL = s.BaseURL + tokenPath
		if set.IntrospectionURL == "" { // the secret is sent to the token endpoint's host only
			set.IntrospectionURL = s.BaseURL + introspectionPath
		}
	}
	return set, wrong.Err()
}

func (set *settings) checkCredentials(s *section.Section, wrong *section.Errors) {
	need := func(key string, missing bool) {
		if missing {
			wrong.Add(key, "is missing: scheme %q needs it", set.Scheme)
		}
	}
	switch set.Scheme {
	case schemeOAuth2:
		need("client_id", s.ClientID.Empty())
		need("client_secret", s.ClientSecret.Empty())
		s.CheckNextSecret(s.ClientSecret.Empty(), wrong)
	case schemeBasic:
		s.CheckNextSecret(true, wrong)
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

// checkAccounts checks the party numbers. Michelin's are all digits, typically 7 or 9 of them (the
// OpenAPI's partyID).
func (set *settings) checkAccounts(accounts []clients.Account, wrong *section.Errors) {
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
		if len(a.Params) > 0 {
			wrong.Add(fmt.Sprintf("accounts[%d].params", i), "has no effect: Michelin's requests have no custom values")
		}
	}
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
