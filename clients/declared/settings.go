package declared

import (
	"orderbeat/auth/secret"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/clients/section"
)

// settings are a declaration's own keys: those that are not of the frame that all
// providers share.
type settings struct {
	section.ExchangeKeys
	section.TokenKeys
	// AuthorizeParams are added to what a user's browser is sent to the provider with.
	AuthorizeParams map[string]any `toml:"authorize_params" value:"secrets"`
	// Scheme is how calls are signed, one of schemes.
	Scheme string `toml:"scheme"`
	// Dialect names how the token endpoint speaks OAuth 2.0; ClientAuth, Encoding,
	// GrantInQuery, TokenTTL and PKCE choose otherwise than it does.
	Dialect      string        `toml:"dialect"`
	ClientAuth   string        `toml:"client_auth"`
	Encoding     string        `toml:"encoding"`
	GrantInQuery bool          `toml:"grant_in_query"`
	TokenTTL     time.Duration `toml:"token_ttl"`
	// Grant is "client_credentials" or "jwt_bearer" (RFC 7523). SigningKey signs its assertions,
	// and those that prove the client with client_auth = "private_key_jwt".
	Grant      string        `toml:"grant"`
	SigningKey secret.Secret `toml:"signing_key"`
	KeyID      string        `toml:"key_id"`
	Audience   string        `toml:"audience"` // of assertions; "" is the token URL
	Subject    string        `toml:"subject"`  // of the grant's; "" is the client id
	// TokenCommand is a program, with its arguments, that prints a token answer as JSON.
	TokenCommand []string `toml:"token_command"`
	// LoginHint is the parameter that tells the provider whose access is asked for, "" for none;
	// UserClaim is where its answer tells who granted it.
	LoginHint string `toml:"login_hint"`
	UserClaim string `toml:"user_claim"`
	// Scope is asked for with each token (RFC 6749 section 3.3); "" leaves it out.
	Scope string `toml:"scope"`
	// AuthorizeURL is where users grant access; Issuer is the authorization server's
	// identifier, which a redirect must name where it is set (RFC 9207 section 2.4).
	// RedirectURI is where users' browsers come back to, as it is registered with the
	// provider; "" leaves it to the web listener. PKCE sends a code challenge with each
	// consent (RFC 7636).
	AuthorizeURL string `toml:"authorize_url"`
	Issuer       string `toml:"issuer"`
	RedirectURI  string `toml:"redirect_uri"`
	PKCE         bool   `toml:"pkce"`
	// IntrospectionURL (RFC 7662) and RevocationURL (RFC 7009) are where a token can be
	// examined and ended; "" is nowhere.
	IntrospectionURL string `toml:"introspection_url"`
	RevocationURL    string `toml:"revocation_url"`
	// The credentials of the schemes without tokens.
	APIKey       secret.Secret `toml:"api_key"`
	APIKeyHeader string        `toml:"api_key_header"`
	APIKeyPrefix string        `toml:"api_key_prefix"` // before the key, such as "ApiKey "
	Username     string        `toml:"username"`
	Password     secret.Secret `toml:"password"`

	// Environments say where each is.
	Environments struct {
		Sandbox    place `toml:"sandbox"`
		Test       place `toml:"test"`
		Production place `toml:"production"`
	} `toml:"environments"`
	// Ping is the path, below the base URL, of a call that proves a token and touches
	// no data; "" is none.
	Ping string `toml:"ping"`

	// Headers go with every call; an operation's own go before them.
	Headers map[string]any `toml:"headers" value:"secrets"`
	// OrgPattern is what an account's org must be like, a regular expression, and OrgForm
	// says so to people.
	OrgPattern string `toml:"org_pattern"`
	OrgForm    string `toml:"org_form"`

	// Orders asks for the orders of a window, Fetch for those that are named.
	Orders operation `toml:"orders"`
	Fetch  operation `toml:"fetch"`
	// Map is that of operations which have none of their own.
	Map string `toml:"map"`
	// Failures say what an answer to any call means; an operation's own go before them.
	Failures []failure `toml:"failures"`
	// Volatile is [clients.Traits.Volatile].
	Volatile []string `toml:"volatile"`
	// Redact names the members of answers, at whichever depth, whose values are taken out
	// before anything else sees them.
	Redact []string `toml:"redact"`
	// NoDate are further days that mean that there is no date.
	NoDate []string `toml:"no_date"`
	// Undeclared says what is missing, and why, where no orders are declared.
	Undeclared string `toml:"undeclared"`

	Samples []sample `toml:"samples"`
}

// place is where one environment is. Paths hang on the base URL.
type place struct {
	BaseURL string `toml:"base_url"`
	// Host tells the environment's URLs from another's; "" is the base URL's.
	Host      string `toml:"host"`
	Token     string `toml:"token"`
	Authorize string `toml:"authorize"`
	Ping      string `toml:"ping"`
}

// request is one call. Texts are templates.
type request struct {
	Method  string         `toml:"method"`
	Path    string         `toml:"path"`
	Query   map[string]any `toml:"query" value:"secrets"`
	Headers map[string]any `toml:"headers" value:"secrets"`
	JSON    map[string]any `toml:"json"`
	Form    map[string]any `toml:"form"`
	// Accept lists statuses, beside 2xx, whose bodies are answers too, and Empty those
	// that say that there is nothing.
	Accept []int `toml:"accept"`
	Empty  []int `toml:"empty"`
	// Idempotent says that asking again harms nobody, so that a call whose fate is not
	// known is sent again.
	Idempotent bool `toml:"idempotent"`
	// Rate bounds these calls, of this process, beside the provider's rate.
	Rate     clients.Rate `toml:"rate"`
	Failures []failure    `toml:"failures"`
}

// operation is a question, and how its answer is read.
type operation struct {
	request
	// WindowDays and HistoryDays are [clients.Traits.MaxWindowDays] and HistoryDays,
	// MaxReferences is of [operation] Fetch.
	WindowDays    int    `toml:"window_days"`
	HistoryDays   int    `toml:"history_days"`
	MaxReferences int    `toml:"max_references"`
	Paging        paging `toml:"paging"`
	// Each asks again about every item of an answer.
	Each each `toml:"each"`
	// Lines says what equal lines without ids are: "add" makes them different lines. By
	// default they are one line that is reported twice.
	Lines string `toml:"lines"`
	// Map is the jq program that makes our orders of an answer.
	Map string `toml:"map"`
}

// each is a call for every item that the jq program Items finds in an answer.
type each struct {
	request
	Items string `toml:"items"`
}

// paging is how an answer goes on.
type paging struct {
	// By is one of pagings.
	By string `toml:"by"`
	// Size is how many items a page is to have, $size.
	Size int `toml:"size"`
	// First is the number of the first page.
	First int `toml:"first"`
	// Next is the cursor of the next page, a jq program, null at the end; Header names
	// the header that it stands in instead.
	Next   string `toml:"next"`
	Header string `toml:"header"`
	// Items is how many items a page has, Total how many there are, Pages how many pages,
	// More whether there is a further one: jq programs.
	Items string `toml:"items"`
	Total string `toml:"total"`
	Pages string `toml:"pages"`
	More  string `toml:"more"`
	// NextURL is the address of the next page in an answer, a jq program, instead of the
	// header Link; Follow is "path" where only path and query of an address are followed.
	NextURL string `toml:"next_url"`
	Follow  string `toml:"follow"`
	// MaxPages bounds them.
	MaxPages int `toml:"max_pages"`
}

// failure says what an answer means: the first whose conditions hold.
type failure struct {
	// Status lists HTTP statuses; none is every one.
	Status []int `toml:"status"`
	// When is a jq program over the answer, "" is always.
	When string `toml:"when"`
	// Code is a [clients.Code], or one of the outcomes that are none.
	Code    string `toml:"code"`
	Message string `toml:"message"`
	Hint    string `toml:"hint"`
}

// sample is an answer, and what is to be made of it.
type sample struct {
	Name string `toml:"name"`
	// Operation is "orders" or "fetch".
	Operation string `toml:"operation"`
	Status    int    `toml:"status"`
	// Answer is what the provider says, Item what its answer about a single one belongs
	// to: JSON.
	Answer string `toml:"answer"`
	Item   string `toml:"item"`
	// OrderID and Reference are what was asked for.
	OrderID   string `toml:"order_id"`
	Reference string `toml:"reference"`
	// Orders is what the program makes of it, as JSON; Code is the failure that it is.
	Orders string `toml:"orders"`
	Code   string `toml:"code"`
}

// unsaid stands where nothing is said, for what may be said to be none.
const unsaid = "\x00"

// defaults are what holds where nothing is said.
func defaults() settings {
	asks := operation{
		request:       request{Idempotent: true},
		MaxReferences: 50,
		Paging:        paging{First: 1, MaxPages: 1000},
		Each:          each{request: request{Idempotent: true}},
	}
	return settings{Scheme: schemeOAuth2, Dialect: "rfc6749", APIKeyHeader: "X-API-Key", PKCE: true, Grant: grantClient, LoginHint: "login_hint", ExchangeKeys: section.ExchangeKeys{Exchanges: exchange.Full}, Ping: unsaid, Orders: asks, Fetch: asks}
}
