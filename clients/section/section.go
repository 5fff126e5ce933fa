package section

import (
	"log/slog"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/auth/mask"
	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// Open makes a provider from its section of the configuration. It checks the whole section and
// reports every mistake at once, as joined [*ConfigError] values; it opens no connection and starts
// no goroutine.
//
// The provider may implement further interfaces: see [clients.StatsReporter] and the interfaces beside it.
type Open func(s Section) (clients.Provider, error)

// Section is one [providers.<name>] section, with the dependencies that the program provides.
type Section struct {
	Config
	// Decode decodes the section's own keys, those that are not in [Config], into a struct. It matches
	// `toml` tags, keeps defaults in the struct, and reports unknown keys and wrong types. Call it once.
	Decode func(into any) error
	// Tokens stores the provider's tokens.
	Tokens auth.Store
	// Sandbox is the address of the simulators; its zero value means that they do not run.
	Sandbox Sandbox
	// UserAgent is sent with every request.
	UserAgent string
	Log       *slog.Logger
	// Mask has the secrets that the process knows, and removes them from everything reported about
	// calls. Tokens are added to it; nil masks nothing.
	Mask *mask.Set
	// Watch is called with every exchange with the API as it ends, redacted, in the order of the calls.
	// A call without a response has Status 0. Token requests are not included. nil costs nothing.
	Watch func(exchange.Exchange)
}

// Sandbox describes the simulator of a provider.
type Sandbox struct {
	// URL is the base of all URLs of the simulator, without a trailing slash.
	URL string
	// ClientID and ClientSecret are the credentials that the simulator accepts.
	ClientID, ClientSecret secret.Secret
}

// Config has the keys that all kinds of provider share.
type Config struct {
	// Name is the section's name: the provider in subjects, tables and logs.
	Name string `toml:"-"`
	Kind string `toml:"kind"`
	// Environment is "sandbox", "test" or "production"; it sets the default URLs.
	Environment string `toml:"environment"`
	// BaseURL is the address of the API, TokenURL that of the token endpoint, instead of those of the
	// environment.
	BaseURL  string `toml:"base_url"`
	TokenURL string `toml:"token_url"`
	// AllowInsecureHTTP allows BaseURL and TokenURL to be http:// on a loopback address.
	AllowInsecureHTTP bool          `toml:"allow_insecure_http"`
	ClientID          secret.Secret `toml:"client_id"`
	ClientSecret      secret.Secret `toml:"client_secret"`
	// ClientSecretNext is used when ClientSecret is rejected, so that a secret can be rotated.
	ClientSecretNext secret.Secret `toml:"client_secret_next"`
	// Concurrency is the number of jobs that call the provider at once, over the whole fleet.
	Concurrency int `toml:"concurrency"`
	// Rate limits API calls, TokenRate token requests, of all processes of the fleet together.
	Rate      clients.Rate  `toml:"rate"`
	TokenRate clients.Rate  `toml:"token_rate"`
	Retry     clients.Retry `toml:"retry"`
	// Timeout bounds one HTTP exchange, its body included.
	Timeout time.Duration `toml:"timeout"`
	// MaxConnAge is the maximum age of a connection that is reused; 0 is unlimited.
	MaxConnAge time.Duration `toml:"max_conn_age"`
	TLS        TLS           `toml:"tls"`
	// Proxy is the URL of the proxy for all connections, "none" for none; empty uses the environment. It
	// may contain a password.
	Proxy secret.Secret `toml:"proxy" value:"literal"`
	// MaxBody limits a response's body, uncompressed, in bytes.
	MaxBody int64 `toml:"max_body"`
	// FreshFor is the time without a successful sync of an account after which the alert `stale` is
	// raised; 0 is never.
	FreshFor time.Duration `toml:"fresh_for"`
	// Accounts are the accounts at the provider; at least one.
	Accounts []clients.Account `toml:"accounts"`
}

// ConfigError is one mistake in a provider's section.
type ConfigError struct {
	// Key is the key below [providers.<name>], such as "base_url" or "accounts[1].ship_to".
	// A part with other characters than letters, digits, - and _ is quoted, as
	// [strconv.Quote] does: `orders.query."filter[status]"`.
	Key string
	// Offset is the position in the value of the key, in bytes counted from 1; 0 is the key as a whole.
	Offset int
	// Message says what is wrong and what is allowed.
	Message string
}

func (e *ConfigError) Error() string { return e.Key + ": " + e.Message }

// Kind is one kind of provider.
type Kind struct {
	Open Open
	// Declaration has the defaults of this kind. A section, and the file that its key `declaration` names,
	// take precedence over them. It is nil for a kind written in Go, whose sections have no such key.
	Declaration *Declaration
}

// Declaration is a set of keys of a provider's section from another source.
type Declaration struct {
	// Name is its name in error messages, such as "preset ptv".
	Name string
	// Text is TOML: the keys of a section, without its header.
	Text []byte
}
