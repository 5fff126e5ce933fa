package clients

import (
	"context"
	"fmt"
	"runtime/debug"

	"orderbeat/auth"
)

// Provider is the API of one supplier. Implementations are safe for concurrent use.
type Provider interface {
	// Orders sends one query and returns the supplier's current orders. An order that the supplier does
	// not know is missing from the answer; that is not an error. A failure is an *[Error]; its Code decides what
	// happens next.
	Orders(ctx context.Context, q Query) (Answer, error)

	// Traits returns the limits of the provider's queries. They never change.
	Traits() Traits
}

// Checker is a [Provider] whose credentials and API can be checked without requesting an order.
// Implementations are safe for concurrent use.
type Checker interface {
	// Check verifies the account's credentials as far as possible without touching data. Problems that it
	// returns are only warnings. A failure is an *[Error].
	Check(ctx context.Context, a Account) ([]Problem, error)
}

// Traits are the limits of one provider's queries.
type Traits struct {
	// MaxWindowDays is the longest date range of one query, including both ends. 0 is unlimited.
	MaxWindowDays int
	// HistoryDays is the number of days, including today, that the provider reports. 0 is unlimited.
	HistoryDays int
	// NoWindows says that the provider has no queries by date range.
	NoWindows bool
	// MaxReferences is the number of order ids and references that one query may name. 0 means that the
	// provider has no queries by reference.
	MaxReferences int
	// MaxDespatchDays and MaxInvoiceDays are the longest date ranges of a [DespatchSource] and an
	// [InvoiceSource], including both ends. 0 means that it has no such queries.
	MaxDespatchDays, MaxInvoiceDays int
	// Volatile lists fields of an order, as paths of [Change] without ids ("description",
	// "lines/description"), that may differ between responses without meaning. They are stored, but
	// a difference in them alone is not a change.
	Volatile []string
}

// Optional abilities of a [Provider], found by type assertion. A provider may also have Close()
// error.
type (
	// StatsReporter reports the state of its calls.
	StatsReporter interface{ Stats() Stats }

	// CredentialHolder has the sources of its tokens: one, or one for each user where tokens belong to
	// users.
	CredentialHolder interface{ Credentials() []*auth.Source }

	// RedirectURIProvider has its own redirect URI, registered with the provider; "" leaves it to the
	// web listener.
	RedirectURIProvider interface{ RedirectURI() string }

	// BaseURLProvider has a base URL, which the paths of all calls are relative to.
	BaseURLProvider interface{ BaseURL() string }

	// Noticer has notices about its section that are not errors, such as "no orders are declared, only
	// its credentials can be checked".
	Noticer interface{ Notices() []string }

	// AccountChecker reports the missing keys of an account that requests for its orders need: a joined
	// [orderbeat/clients/section.ConfigError] for each key of the account ("bill_to").
	AccountChecker interface{ Lacks(a Account) error }

	// Successor takes over the rate limit, the pauses and the metrics of an earlier provider of the same
	// section, if that is of the same kind and calls the same API. It is called
	// before any other method.
	Successor interface{ Succeed(before Provider) }

	// RateSharer limits its calls and token requests to an equal part of the configured rates, which n
	// processes share; with n = 1 it uses the whole rates. It may be called at any time.
	RateSharer interface{ Share(n int) }

	// SampleChecker checks the samples of its section without a request. The error joins a
	// [orderbeat/clients/section.ConfigError] for each mistake.
	SampleChecker interface {
		CheckSamples(ctx context.Context) (SampleReport, error)
	}
)

// Recover calls a provider's code and returns its result. A panic becomes an error with
// [CodeInternal] and the stack, so that it ends the call and not the process.
func Recover(op string, call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Op: op, Code: CodeInternal, Message: fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	return call()
}

// TraitsOf calls p.Traits. The error reports a panic.
func TraitsOf(p Provider) (t Traits, err error) {
	err = Recover("traits", func() error {
		t = p.Traits()
		return nil
	})
	return t, err
}

// SampleReport is the result of checking the samples of a section, except errors.
type SampleReport struct {
	// Tried is the number of samples.
	Tried int
	// Warnings are about single samples.
	Warnings []string
}
