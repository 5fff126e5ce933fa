package clients

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"orderbeat/auth/endpoint"

	"orderbeat/clients/exchange"
)

// Code classifies a failure by what must happen next.
type Code string

// The codes. A code is set where the HTTP status or the provider's own code is known, and nowhere
// else. CodeThrottled, CodeUnavailable and CodeBadResponse are retried.
const (
	CodeUnauthorized Code = "unauthorized"       // the API rejects a fresh token
	CodeAuthRejected Code = "auth_rejected"      // the token endpoint rejects the credentials
	CodeIPBlock      Code = "suspected_ip_block" // connections fail soon after rejected credentials
	CodeConsent      Code = "consent_required"   // a user must grant access again
	CodeForbidden    Code = "forbidden"          // the account has no access to the data
	CodeInvalid      Code = "invalid"            // the request is invalid; retrying does not help
	CodeThrottled    Code = "throttled"          // too many calls
	CodeUnavailable  Code = "unavailable"        // the provider or the network is down
	CodeBadResponse  Code = "bad_response"       // a success that is not the expected document
	CodeInternal     Code = "internal"           // an error in Orderbeat
)

// Retryable reports whether the same request can succeed later without a change to the configuration
// or the credentials.
func (c Code) Retryable() bool {
	return c == CodeThrottled || c == CodeUnavailable || c == CodeBadResponse
}

// Error is a failed call to a provider. Its text never contains a token, a secret, a URL's query or a
// body.
type Error struct {
	Provider string
	// Op is the operation in the provider's words, such as "order status".
	Op   string
	Code Code
	// Status is the HTTP status, 0 without a response.
	Status int
	// After is the least time to wait before the next request, as the provider stated it; 0 if it did
	// not.
	After time.Duration
	// NotSent reports that no request was sent, because of a rate limit or an open breaker. It does not
	// count as an attempt.
	NotSent bool
	// Message is the provider's message, or what is wrong with its response.
	Message string
	// Hint says what to do.
	Hint string
	// Err is the cause, for errors.Is and errors.As; it is not part of the text, because causes quote
	// URLs and data from the wire.
	Err error
	// Exchange is the exchange whose response cannot be read ([CodeBadResponse]); nil otherwise. It is
	// not part of the text.
	Exchange *exchange.Exchange
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", e.Provider, e.Op, e.Code)
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, " (status %d)", e.Status)
	}
	return b.String()
}

// Reason is the message with the HTTP status of a rejected request: what is stored for a failed job,
// beside the provider and the code.
func (e *Error) Reason() string {
	switch {
	case e.Message == "":
		return e.Error()
	case e.Status < 300:
		return e.Message
	}
	return fmt.Sprintf("%s (status %d)", e.Message, e.Status)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns the *Error in err's chain; any other error becomes one with [CodeInternal]. It
// returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeInternal, Message: err.Error()}
}

// MaxRetryAfter is the longest wait that a provider may request. A longer one is more likely a
// mistake than an outage.
const MaxRetryAfter = 6 * time.Hour

// TokenError converts the error of a token request to that of the call. The caller sets Provider and Op.
func TokenError(e *endpoint.Error) *Error {
	f := &Error{Code: CodeUnavailable, After: min(e.After, MaxRetryAfter), Message: e.Error(), Hint: e.Hint, Err: e}
	switch e.Class {
	case endpoint.ClassCredential, endpoint.ClassRequest:
		f.Code = CodeAuthRejected
	case endpoint.ClassBlock:
		f.Code = CodeIPBlock
	case endpoint.ClassThrottle:
		f.Code = CodeThrottled
	case endpoint.ClassConsent:
		f.Code = CodeConsent
	case endpoint.ClassTransient:
	}
	return f
}
