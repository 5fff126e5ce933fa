package secret

import (
	"fmt"
	"io"
	"log/slog"
	"unique"
)

// Redacted is what a secret looks like wherever it is printed.
const Redacted = "REDACTED"

// Secret is a credential or a token. When printed, logged or encoded it shows as REDACTED; only [Secret.Reveal]
// returns the value. The zero Secret is empty.
//
// The value is behind a handle because fmt calls no methods on unexported fields: a struct that
// contains a Secret prints an address, not the value. Equal values have equal handles, so Secrets
// compare with ==.
type Secret struct{ value unique.Handle[string] }

// New wraps a value. An empty one gives the zero Secret.
func New(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{value: unique.Make(value)}
}

// Reveal returns the value. Call it only where the secret is sent.
func (s Secret) Reveal() string {
	if s.Empty() {
		return ""
	}
	return s.value.Value()
}

// Empty reports whether there is no secret.
func (s Secret) Empty() bool { return s == Secret{} }

// Equal is ==. It is here for packages that compare values by their methods, as cmp does.
func (s Secret) Equal(other Secret) bool { return s == other }

// String hides the value.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return Redacted
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// Format hides the value from every verb, including verbs that do not apply to strings, such as %d.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
