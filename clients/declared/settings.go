package declared

import (
	"time"

	"orderbeat/auth/secret"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/clients/section"
)

// settings are the keys of a declaration, besides the keys that all kinds of provider share.
type settings struct {
	section.ExchangeKeys
	section.TokenKeys
	// AuthorizeParams are added to the authorization URL.
	AuthorizeParams map[string]any `toml:"authorize_params" value:"secrets"`
	// Scheme is how calls are signed, one of schemes.
	Scheme string `toml:"scheme"`
	// Dialect names how the token endpoint speaks OAuth 2.0; ClientAuth, Encoding, GrantInQuery,
	// TokenTTL and PKCE override parts of it.
	Dialect      string        `toml:"dialect"`
	ClientAuth   string        `toml:"client_auth"`
	Encoding     string        `toml:"encoding"`
	GrantInQuery bool          `toml:"grant_in_query"`
	TokenTTL     time.Duration `toml:"token_ttl"`
	// Grant is "client_credentials" or "jwt_bearer" (RFC 7523). SigningKey signs its assertions, and
	// those of client_auth = "private_key_jwt".
	Grant      string        `toml:"grant"`
	SigningKey secret.Secret `toml:"signing_key"`
	// KeyID is the header kid of these assertions; "" omits it.
	KeyID    string `toml:"key_id"`
	Audience string `toml:"audience"` // of assertions; "" is the token URL
	Subject  string `toml:"subject"`  // of the grant; "" is the client id
	// TokenCommand is a program, with its arguments, that prints a token response as JSON.
	TokenCommand []string `toml:"token_command"`
	// LoginHint is the parameter with the user's name, "" for none; UserClaim is the path of the user
	// who granted access in the token response.
	LoginHint string `toml:"login_hint"`
	UserClaim string `toml:"user_claim"`
	// Scope is requested with each token (RFC 6749 section 3.3); "" omits it.
	Scope string `toml:"scope"`
	// AuthorizeURL is where users grant access; Issuer is the authorization server's identifier, which a
	// redirect must state if it is set (RFC 9207 section 2.4). RedirectURI is the redirect URI
	// registered with the provider; "" leaves it to the web listener. PKCE sends a code challenge with
	// each consent (RFC 7636).
	AuthorizeURL string `toml:"authorize_url"`
	Issuer       string `toml:"issuer"`
	RedirectURI  string `toml:"redirect_uri"`
	PKCE         bool   `toml:"pkce"`
	// IntrospectionURL (RFC 7662) and RevocationURL (RFC 7009) are optional endpoints; "" is none.
	IntrospectionURL string `toml:"introspection_url"`
	RevocationURL    string `toml:"revocation_url"`
	// APIKey is the key of scheme = "api_key". It is sent in the header APIKeyHeader, after
	// APIKeyPrefix, such as "ApiKey ".
	APIKey       secret.Secret `toml:"api_key"`
	APIKeyHeader string        `toml:"api_key_header"`
	APIKeyPrefix string        `toml:"api_key_prefix"`
	// Username and Password are the credentials of scheme = "basic".
	Username string        `toml:"username"`
	Password secret.Secret `toml:"password"`

	// Environments are the places of the environments.
	Environments places `toml:"environments"`
	// Ping is the path, below the base URL, of a call that proves a token and touches no data; "" is
	// none.
	Ping string `toml:"ping"`

	// Headers are sent with every call; an operation's own take precedence.
	Headers map[string]any `toml:"headers" value:"secrets"`
	// OrgPattern is a regular expression for an account's org, and OrgForm describes it.
	OrgPattern string `toml:"org_pattern"`
	OrgForm    string `toml:"org_form"`

	// Orders requests orders by date range, Fetch by number.
	Orders operation `toml:"orders"`
	Fetch  operation `toml:"fetch"`
	// Map is the mapping of operations without one of their own.
	Map string `toml:"map"`
	// Failures are the failure rules of every call; an operation's own come first.
	Failures []failure `toml:"failures"`
	// Volatile is [clients.Traits.Volatile].
	Volatile []string `toml:"volatile"`
	// Redact names members of responses, at any depth, whose values are removed before mapping.
	Redact []string `toml:"redact"`
	// NoDate are further dates that mean "no date".
	NoDate []string `toml:"no_date"`
	// Undeclared says what is missing, and why, if no orders are declared.
	Undeclared string `toml:"undeclared"`

	// Samples are responses with the orders that they map to, or the failure; check maps them.
	Samples []sample `toml:"samples"`
}

// places are the places of the three environments.
type places struct {
	Sandbox    place `toml:"sandbox"`
	Test       place `toml:"test"`
	Production place `toml:"production"`
}

// place is the place of one environment. Paths are relative to the base URL.
type place struct {
	// BaseURL is the URL to which the paths of calls are added.
	BaseURL string `toml:"base_url"`
	// Host identifies the environment's URLs; "" is the base URL's.
	Host string `toml:"host"`
	// Token is the path or URL of the token endpoint.
	Token string `toml:"token"`
	// Authorize is the path or URL where users grant access, for scheme = "oauth2_user".
	Authorize string `toml:"authorize"`
	// Ping replaces the declaration's ping in this environment.
	Ping string `toml:"ping"`
}

// request is one call. Texts are templates.
type request struct {
	// Method is GET, the default, POST, PUT or PATCH.
	Method string `toml:"method"`
	// Path is added to the base URL; it begins with a slash.
	Path string `toml:"path"`
	// Query has the parameters of the URL.
	Query map[string]any `toml:"query" value:"secrets"`
	// Headers are sent with these calls, besides those of the declaration.
	Headers map[string]any `toml:"headers" value:"secrets"`
	// JSON is the body, an object. A call has one body: this, or a form.
	JSON map[string]any `toml:"json"`
	// Form is the body as the fields of a form (application/x-www-form-urlencoded).
	Form map[string]any `toml:"form"`
	// Accept lists statuses outside 2xx whose bodies are mapped as well, and Empty those that mean "no
	// orders".
	Accept []int `toml:"accept"`
	Empty  []int `toml:"empty"`
	// Idempotent allows a call to be sent again if its outcome is unknown.
	Idempotent bool `toml:"idempotent"`
	// Rate limits these calls, of this process, in addition to the provider's rate.
	Rate clients.Rate `toml:"rate"`
	// Failures are the failure rules of these calls; they come before those of the declaration.
	Failures []failure `toml:"failures"`
}

// operation is a kind of query, and how its response is read.
type operation struct {
	request
	// WindowDays and HistoryDays are [clients.Traits.MaxWindowDays] and HistoryDays, MaxReferences
	// belongs to Fetch.
	WindowDays    int    `toml:"window_days"`
	HistoryDays   int    `toml:"history_days"`
	MaxReferences int    `toml:"max_references"`
	Paging        paging `toml:"paging"`
	// Each requests every item of a response.
	Each each `toml:"each"`
	// Lines is "add" if equal lines without ids are different lines. By default they are one line that
	// is reported twice.
	Lines string `toml:"lines"`
	// Map is the jq program that maps a response to orders.
	Map string `toml:"map"`
}

// each is a call for every item that the jq program Items finds in a response.
type each struct {
	request
	// Items is a jq program that finds the items of a response; each is the variable $item of one call.
	Items string `toml:"items"`
}

// paging is how a response continues.
type paging struct {
	// By is one of pagings.
	By string `toml:"by"`
	// Size is the requested number of items of a page, $size.
	Size int `toml:"size"`
	// First is the number of the first page.
	First int `toml:"first"`
	// Next is the cursor of the next page, a jq program, null at the end; Header names a header with it
	// instead.
	Next   string `toml:"next"`
	Header string `toml:"header"`
	// Items is the number of items of a page, Total that of all items, Pages that of pages, More whether
	// there is another page: jq programs.
	Items string `toml:"items"`
	Total string `toml:"total"`
	Pages string `toml:"pages"`
	More  string `toml:"more"`
	// NextURL is the URL of the next page in a response, a jq program, instead of the header Link;
	// Follow is "path" if only path and query of a link are used.
	NextURL string `toml:"next_url"`
	Follow  string `toml:"follow"`
	// MaxPages is the limit of pages.
	MaxPages int `toml:"max_pages"`
}

// failure is a rule about responses: the first whose conditions hold applies.
type failure struct {
	// Status lists HTTP statuses; none is any.
	Status []int `toml:"status"`
	// When is a jq program over the response, "" is always.
	When string `toml:"when"`
	// Code is a [clients.Code], or an outcome that is not an error.
	Code string `toml:"code"`
	// Message is the text of the error, a template over the response.
	Message string `toml:"message"`
	// Hint says what an operator can do about it.
	Hint string `toml:"hint"`
}

// sample is a response, and what it maps to.
type sample struct {
	// Name identifies the sample in the output of check.
	Name string `toml:"name"`
	// Operation is "orders" or "fetch".
	Operation string `toml:"operation"`
	// Status is the HTTP status of the response; 200 if absent.
	Status int `toml:"status"`
	// Answer is the provider's response, Item the item that it is about: JSON.
	Answer string `toml:"answer"`
	Item   string `toml:"item"`
	// OrderID and Reference are the requested ones.
	OrderID   string `toml:"order_id"`
	Reference string `toml:"reference"`
	// Orders is the expected result of the mapping, as JSON; Code is the expected failure.
	Orders string `toml:"orders"`
	Code   string `toml:"code"`
}

// unsaid marks a missing key where "" has a meaning.
const unsaid = "\x00"

// Keys returns the keys of a declaration, for the JSON Schema of the configuration.
func Keys() any { return defaults() }

func defaults() settings {
	asks := operation{
		request:       request{Idempotent: true},
		MaxReferences: 50,
		Paging:        paging{First: 1, MaxPages: 1000},
		Each:          each{request: request{Idempotent: true}},
	}
	return settings{Scheme: schemeOAuth2, Dialect: "rfc6749", APIKeyHeader: "X-API-Key", PKCE: true, Grant: grantClient, LoginHint: "login_hint", ExchangeKeys: section.ExchangeKeys{Exchanges: exchange.Full}, Ping: unsaid, Orders: asks, Fetch: asks}
}
