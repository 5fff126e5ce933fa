package section

import (
	"log/slog"
	"orderbeat/auth/secret"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/mask"
	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// Open makes a provider from its section of the configuration. It checks the
// whole section and reports every mistake at once, as [*ConfigError] values
// joined; it opens no connection and starts no goroutine.
//
// What it makes may have further methods, which are found by assertion:
//
//   - BaseURL() string: what the paths of every call hang on.
//   - RedirectURI() string: where users' browsers come back to, "" for the web listener's page.
//   - Notices() []string: what is worth knowing of the section though nothing is wrong,
//     such as "declares no orders yet: add [providers.mazda.orders]".
//   - CheckSamples(ctx context.Context) (SampleReport, error): tries the section's samples,
//     asking nobody. The error joins a [*ConfigError] for everything that is wrong.
//   - Lacks(a Account) error: what an account has not that asking for its orders needs;
//     the error joins a [*ConfigError] for each, its Key the account's ("bill_to").
//   - Stats() Stats: how calls to the API go now.
//   - Close() error.
type Open func(s Section) (clients.Provider, error)

// Section is one [providers.<name>] section, and what the program lends its provider.
type Section struct {
	Config
	// Decode fills the struct that into points to with the section's own keys:
	// those that are not the frame's. It matches `toml` tags, keeps defaults that
	// stand in the struct, and reports unknown keys and wrong types. Call it once.
	Decode func(into any) error
	// Tokens keeps the provider's tokens.
	Tokens auth.Store
	// Sandbox is where the stand-ins listen; its zero value means that they do not run.
	Sandbox Sandbox
	// UserAgent is sent with every request.
	UserAgent string
	Log       *slog.Logger
	// Mask is the secrets that the process knows. What is told of calls has none of them. Live
	// tokens are added to it; nil masks nothing.
	Mask *mask.Set
	// Watch hears of every exchange with the API as it ends, redacted, and in order where
	// calls are. One that was not answered has Status 0. Tokens are not asked for under
	// its eyes. nil hears nothing, and costs nothing.
	Watch func(exchange.Exchange)
}

// Sandbox is what a provider needs to know of its stand-in.
type Sandbox struct {
	// URL is the base of every URL of the stand-in, without a trailing slash.
	URL string
	// ClientID and ClientSecret are the credentials that the stand-in takes.
	ClientID, ClientSecret secret.Secret
}

// Config is the part of a provider's section that every kind shares.
type Config struct {
	// Name is the section's name: the provider in subjects, tables and logs.
	Name string `toml:"-"`
	Kind string `toml:"kind"`
	// Environment is "sandbox", "test" or "production"; it sets the URLs together.
	Environment string `toml:"environment"`
	BaseURL     string `toml:"base_url"`
	TokenURL    string `toml:"token_url"`
	// AllowInsecureHTTP lets BaseURL and TokenURL be http:// on a loopback address.
	AllowInsecureHTTP bool          `toml:"allow_insecure_http"`
	ClientID          secret.Secret `toml:"client_id"`
	ClientSecret      secret.Secret `toml:"client_secret"`
	// Concurrency is how many jobs ask the provider at once, over the whole fleet.
	Concurrency int `toml:"concurrency"`
	// Rate bounds API calls, TokenRate token endpoint calls, of this process.
	Rate      clients.Rate  `toml:"rate"`
	TokenRate clients.Rate  `toml:"token_rate"`
	Retry     clients.Retry `toml:"retry"`
	// Timeout bounds one HTTP exchange, its body included.
	Timeout time.Duration `toml:"timeout"`
	// MaxConnAge is how old a kept connection may be that gets a further call; 0 is any age.
	MaxConnAge time.Duration `toml:"max_conn_age"`
	TLS        TLS           `toml:"tls"`
	// Proxy is the URL of the proxy of all connections, "none" for none; empty leaves it to
	// the environment. There may be a password in it.
	Proxy secret.Secret `toml:"proxy" value:"literal"`
	// MaxBody bounds an answer's body, unpacked, in bytes.
	MaxBody int64 `toml:"max_body"`
	// FreshFor is how long an account may go without having been asked with success before
	// a person is told; 0 is any time.
	FreshFor time.Duration     `toml:"fresh_for"`
	Accounts []clients.Account `toml:"accounts"`
}

// ConfigError is one mistake in a provider's section.
type ConfigError struct {
	// Key is the key below [providers.<name>], such as "base_url" or "accounts[1].ship_to".
	// A part with other characters than letters, digits, - and _ is quoted, as
	// [strconv.Quote] does: `orders.query."filter[status]"`.
	Key string
	// Offset is where in the text that the key holds, in bytes counted from 1; 0 is the
	// key as a whole.
	Offset int
	// Message says what is wrong and what is allowed.
	Message string
}

func (e *ConfigError) Error() string { return e.Key + ": " + e.Message }

// Kind is one kind of provider.
type Kind struct {
	Open Open
	// Declaration is what sections of this kind stand upon: keys that hold where the
	// section, and the file that its key `declaration` names, say nothing. nil for a
	// kind that is written in Go alone, whose sections name no file.
	Declaration *Declaration
}

// Declaration is keys of a provider's section, written down elsewhere.
type Declaration struct {
	// Name is what it is called in mistakes, such as "preset ptv".
	Name string
	// Text is TOML: the keys of a section, without its header.
	Text []byte
}
