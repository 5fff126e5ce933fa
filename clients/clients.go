// Package clients holds the words every provider speaks: [Order], [Query],
// [Provider] and [Error], and how two reports of one order differ ([Diff]). The HTTP
// client that all providers share is package httpapi, which this one does not know.
//
// A provider lives in a folder of its own below this one. It turns a Query into
// requests and answers into Orders; it stores, publishes, sleeps and retries
// nothing, and it never sees an access token.
package clients

import (
	"context"
	"log/slog"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/mask"
)

// Provider asks one supplier. Implementations are safe for concurrent use.
type Provider interface {
	// Orders asks one question and reports what the supplier says now. A
	// supplier that knows no such order answers with no orders, not with an
	// error. A failure is an *[Error]; its Code decides what happens next.
	Orders(ctx context.Context, q Query) (Answer, error)

	// Traits tells what the provider can be asked. It never changes.
	Traits() Traits
}

// Checker is a [Provider] whose credentials can be proven, and whose API be reached,
// without asking for an order. Implementations are safe for concurrent use.
type Checker interface {
	// Check proves the account's credentials as far as that touches no data. What it
	// reports as problems is worth a look, and keeps no call from succeeding. A failure
	// is an *[Error].
	Check(ctx context.Context, a Account) ([]Problem, error)
}

// Traits are the limits of one provider's questions.
type Traits struct {
	// MaxWindowDays is the longest date window of one query, counting both
	// ends. 0 means unlimited.
	MaxWindowDays int
	// HistoryDays is of how many days, today included, the provider tells at all. 0
	// means all.
	HistoryDays int
	// NoWindows says that the provider cannot be asked for a date window.
	NoWindows bool
	// MaxReferences is how many order ids and references one query may name
	// together. 0 means that the provider cannot be asked by reference.
	MaxReferences int
	// MaxDespatchDays and MaxInvoiceDays are the longest windows of an [Adviser] and an
	// [Invoicer], counting both ends. 0 means that the provider cannot be asked so.
	MaxDespatchDays, MaxInvoiceDays int
	// Volatile names the fields of an order, as paths of [Change] without ids
	// ("description", "lines/description"), that may differ from one answer to
	// the next without meaning anything. They are stored, but alone make no
	// change.
	Volatile []string
}

// Account is one of a provider's accounts, as configured.
type Account struct {
	// Name is how the account is called in configuration, subjects and tables.
	Name string `toml:"name"`
	// BillTo and ShipTo are the supplier's numbers of the buyer party and of the
	// consignee (EDIWheel).
	BillTo string `toml:"bill_to"`
	ShipTo string `toml:"ship_to"`
	// User and Org name whose token is used where tokens belong to users.
	User string `toml:"user"`
	Org  string `toml:"org"`
	// Timezone is the IANA name of the zone the account's dates are in; "" is UTC.
	Timezone string `toml:"timezone"`
	// Params are values of the user's own, for the templates of a declared provider:
	// texts, secrets (auth.Secret), numbers (int64, float64) and booleans.
	Params map[string]any `toml:"params" value:"secrets"`
	// Location is the loaded Timezone.
	Location *time.Location `toml:"-"`
}

// Query is one question about one account: either a window of order dates or a
// handful of order ids and references, never both.
type Query struct {
	Account Account
	// From and To bound the order date, both included, in the account's zone.
	From, To Date
	// OrderIDs are the supplier's own order numbers.
	OrderIDs []string
	// References are the customer's own order numbers (PO).
	References []string
}

// ByReference reports whether the query names orders rather than a window.
func (q Query) ByReference() bool { return len(q.OrderIDs)+len(q.References) > 0 }

// Answer is what a provider reported to one query.
type Answer struct {
	// Orders are normalized ([Order.Normalize]); each order id appears once.
	Orders []Order
	// Advices and Invoices are what an [Adviser] and an [Invoicer] report, normalized;
	// each number appears once.
	Advices  []Advice
	Invoices []Invoice
	// Partial lists what the provider, or the mapping, could not tell about
	// single orders. What could be told is there all the same.
	Partial []Problem
}

// Problem is one order, or part of an answer, that came with an error.
type Problem struct {
	// OrderID and Reference name the order where the provider does.
	OrderID   string
	Reference string
	// Code is the provider's own code.
	Code    string
	Message string
	// Unread tells that the order stands in the answer and could not be read, or asked
	// for: it is not among [Answer.Orders], and stays as it is stored. One of which single
	// values could not be read, or contradict each other, is among them: see [Order.Unread].
	Unread bool
}

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
//   - Traffic() Traffic: how calls to the API go now.
//   - Close() error.
type Open func(s Section) (Provider, error)

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
	Watch func(Exchange)
}

// Sandbox is what a provider needs to know of its stand-in.
type Sandbox struct {
	// URL is the base of every URL of the stand-in, without a trailing slash.
	URL string
	// ClientID and ClientSecret are the credentials that the stand-in takes.
	ClientID, ClientSecret auth.Secret
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
	AllowInsecureHTTP bool        `toml:"allow_insecure_http"`
	ClientID          auth.Secret `toml:"client_id"`
	ClientSecret      auth.Secret `toml:"client_secret"`
	// Concurrency is how many jobs ask the provider at once, over the whole fleet.
	Concurrency int `toml:"concurrency"`
	// Rate bounds API calls, TokenRate token endpoint calls, of this process.
	Rate      Rate  `toml:"rate"`
	TokenRate Rate  `toml:"token_rate"`
	Retry     Retry `toml:"retry"`
	// Timeout bounds one HTTP exchange, its body included.
	Timeout time.Duration `toml:"timeout"`
	// MaxConnAge is how old a kept connection may be that gets a further call; 0 is any age.
	MaxConnAge time.Duration `toml:"max_conn_age"`
	TLS        TLS           `toml:"tls"`
	// Proxy is the URL of the proxy of all connections, "none" for none; empty leaves it to
	// the environment. There may be a password in it.
	Proxy auth.Secret `toml:"proxy" value:"literal"`
	// MaxBody bounds an answer's body, unpacked, in bytes.
	MaxBody int64 `toml:"max_body"`
	// FreshFor is how long an account may go without having been asked with success before
	// a person is told; 0 is any time.
	FreshFor time.Duration `toml:"fresh_for"`
	Accounts []Account     `toml:"accounts"`
}

// Retry bounds how often a job is tried: Attempts in all, none later than For
// after the first.
type Retry struct {
	Attempts int           `toml:"attempts"`
	For      time.Duration `toml:"for"`
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
