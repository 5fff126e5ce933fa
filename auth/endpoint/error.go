package endpoint

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Class classifies a failure of a token request by what it means for the next attempt.
type Class string

// The classes.
const (
	// ClassCredential: the endpoint rejects the client's credentials. Attempts are few, because repeated
	// ones get an address blocked; see StateRejected of package auth.
	ClassCredential Class = "credential"
	// ClassBlock: no connection, soon after rejected credentials. The provider probably blocks our
	// address.
	ClassBlock Class = "block"
	// ClassRequest: the endpoint does not understand the request, or is not there.
	ClassRequest Class = "request"
	// ClassThrottle: too many requests. It says nothing about the credentials.
	ClassThrottle Class = "throttle"
	// ClassConsent: a user has no refresh token, or it was rejected. The user must grant access; no
	// attempt is made before.
	ClassConsent Class = "consent"
	// ClassTransient: the endpoint or the network is down; a later attempt may succeed.
	ClassTransient Class = "transient"
)

// Error reports why there is no access token. All callers that waited for the same attempt get the same
// one. Its text has no secret, and at most one line of the server's message.
type Error struct {
	Class Class
	// Status is the token endpoint's HTTP status, 0 without a response.
	Status int
	// Code is the response's error code (RFC 6749 section 5.2), trimmed and in lower case, "" if there
	// is none that can be shown.
	Code string
	// Reason says what happened.
	Reason string
	// Hint says what to do, "" if unknown.
	Hint string
	// Cooling reports that no token was requested for this call, because the source is in cooldown after the
	// failure described here.
	Cooling bool
	// After is the time until the next attempt is allowed. With [ClassCredential] 0 means never, until
	// the credential changes; otherwise 0 means at once.
	After time.Duration
	// Err is the cause, for errors.Is; it is not part of the text.
	Err error

	// Lost reports that the request was sent and no complete response came.
	Lost bool
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("access token: " + e.Reason)
	if e.Code != "" {
		b.WriteString(": " + e.Code)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, " (status %d)", e.Status)
	}
	switch {
	case e.Cooling && e.After > 0:
		fmt.Fprintf(&b, "; cooling down, next attempt in %s", e.After.Round(time.Second))
	case e.Cooling && e.Class == ClassConsent:
	case e.Cooling:
		b.WriteString("; no further attempt with these credentials")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// MaxRetryAfter limits a requested wait, and the cooldown of the class throttle.
const MaxRetryAfter = 15 * time.Minute

// refusal classifies a failed response to a grant: by its code if the dialect knows it, otherwise by
// its status. Too many requests never count against the credentials.
func (e *Endpoint) refusal(g Request, r reply, m members, code string) *Error {
	detail := e.detail(g, r, m)
	err := &Error{Status: r.status, Code: e.printableCode(g, code), After: Wait(r.status, r.header, MaxRetryAfter)}
	meaning, known := e.dialect.meaningOf(g.Type, code)
	switch {
	case r.status == http.StatusTooManyRequests,
		r.status == http.StatusServiceUnavailable && err.After > 0:
		err.Class = ClassThrottle
	case g.Type == AuthorizationCode && code == "invalid_grant": // RFC 6749 section 5.2: it is about the code
		err.Class, err.Reason = ClassConsent, withDetail("the token endpoint rejects the code", detail)
		err.Hint = "start again; the code has expired, was used before, or belongs to another redirect URI"
		return err
	case known:
		err.Class = meaning.Class
	default:
		err.Class = classOf(r.status)
	}
	err.Reason, err.Hint = withDetail(reasons(err.Class), detail), e.dialect.Hint(err.Class, code)
	return err
}

func classOf(status int) Class {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ClassCredential
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return ClassTransient
	case status < 500: // also a success without a token: another request would return none either
		return ClassRequest
	default:
		return ClassTransient
	}
}

func reasons(c Class) string {
	switch c {
	case ClassCredential:
		return "the token endpoint rejects the credentials"
	case ClassRequest:
		return "the token endpoint rejects the request"
	case ClassThrottle:
		return "the token endpoint received too many requests"
	case ClassConsent:
		return "the token endpoint rejects the refresh token"
	default:
		return "the token endpoint is unavailable"
	}
}

// printableCode returns the code if it may appear in an error text, else "". A code may appear if the dialect knows it,
// or if it is a short word without any value that was sent.
func (e *Endpoint) printableCode(g Request, code string) string {
	const maxCode = 40
	if _, known := e.dialect.meaningOf(g.Type, code); known {
		return code
	}
	wordy := strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == ""
	if !wordy || len(code) > maxCode || e.masked(g, code) != code {
		return ""
	}
	return code
}
