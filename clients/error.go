package clients

import (
	"errors"
	"fmt"
	"orderbeat/auth/endpoint"
	"strings"
	"time"

	"orderbeat/clients/exchange"
)

// Code classifies a failure by what must happen next. It is set where the HTTP
// status or the provider's own code is known, and nowhere else.
type Code string

// The codes. CodeThrottled, CodeUnavailable and CodeBadResponse are tried again.
const (
	CodeUnauthorized Code = "unauthorized"       // the API refuses a fresh token
	CodeAuthRejected Code = "auth_rejected"      // the token endpoint refuses the credentials
	CodeIPBlock      Code = "suspected_ip_block" // connections fail soon after rejected credentials
	CodeConsent      Code = "consent_required"   // a person must grant access again
	CodeForbidden    Code = "forbidden"          // the account may not see what was asked
	CodeInvalid      Code = "invalid"            // the question is wrong; asking again does not help
	CodeThrottled    Code = "throttled"          // too many calls
	CodeUnavailable  Code = "unavailable"        // the provider, or the way to it, is down
	CodeBadResponse  Code = "bad_response"       // a success that is not the expected document
	CodeInternal     Code = "internal"           // a mistake of ours
)

// Retryable reports whether the same question can be answered later without
// anybody changing anything.
func (c Code) Retryable() bool {
	return c == CodeThrottled || c == CodeUnavailable || c == CodeBadResponse
}

// Error is a failed call to a provider. Its text never holds a token, a secret,
// a URL's query or a body.
type Error struct {
	Provider string
	// Op is the operation in the provider's words, such as "order status".
	Op   string
	Code Code
	// Status is the HTTP status, 0 when no answer came.
	Status int
	// After is the least time to wait before asking again, as the provider said;
	// 0 when it did not.
	After time.Duration
	// NotSent tells that the provider was not asked at all, because it wants no calls
	// now, or answers none. What was not sent is no attempt.
	NotSent bool
	// Message says what the provider said, or what is wrong with its answer.
	Message string
	// Hint says what a person can do about it.
	Hint string
	// Err is the cause, for errors.Is and errors.As; it is no part of the text,
	// because causes quote URLs and what came over the wire.
	Err error
	// Exchange is what went over the wire where the answer cannot be read, which is
	// [CodeBadResponse]; nil otherwise. It is no part of the text.
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

// Reason is the message with the HTTP status of a refused request: what is stored of a failed
// job, beside the provider and the code.
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

// AsError returns the *Error in err's chain; an error that is none becomes one
// with [CodeInternal]. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeInternal, Message: err.Error()}
}

// MaxRetryAfter is the longest wait that a provider may ask for. Beyond it a typing
// error of theirs is more likely than an outage that long.
const MaxRetryAfter = 6 * time.Hour

// TokenError is what it means that a token endpoint did not do what it was asked for.
// Provider and Op are the caller's to fill in.
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
