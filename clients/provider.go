package clients

import (
	"context"
	"fmt"
	"runtime/debug"

	"orderbeat/auth"
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

// What a [Provider] can do besides, each found by a type assertion.
type (
	// StatsReporter knows how calls to it go.
	StatsReporter interface{ Stats() Stats }

	// CredentialHolder has the sources of its tokens: one, or one for each user where tokens
	// belong to users.
	CredentialHolder interface{ Credentials() []*auth.Source }

	// RedirectURIProvider knows itself where it sends users back to: the URI that is
	// registered with it; "" leaves it to the web listener.
	RedirectURIProvider interface{ RedirectURI() string }

	// BaseURLProvider knows which base URL it requests.
	BaseURLProvider interface{ BaseURL() string }

	// Noticer knows what is worth knowing of its section although nothing is wrong.
	Noticer interface{ Notices() []string }

	// AccountChecker says what an account lacks that requests for its orders need.
	AccountChecker interface{ Lacks(a Account) error }

	// SampleChecker tries its samples.
	SampleChecker interface {
		CheckSamples(ctx context.Context) (SampleReport, error)
	}
)

// Recover calls a provider's code, and returns what it returns. A panic in it becomes an
// error with [CodeInternal] and the stack, so that it ends the call and not the process.
func Recover(op string, call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Op: op, Code: CodeInternal, Message: fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	return call()
}

// TraitsOf is p.Traits. The error says that it panicked.
func TraitsOf(p Provider) (t Traits, err error) {
	err = Recover("traits", func() error {
		t = p.Traits()
		return nil
	})
	return t, err
}

// SampleReport is what trying the samples of a section found that is not wrong.
type SampleReport struct {
	// Tried is how many samples there are.
	Tried int
	// Warnings are about single samples.
	Warnings []string
}
