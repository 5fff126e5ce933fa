package endpoint

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Class says what a failure at the token endpoint means for the next attempt.
type Class string

// The classes.
const (
	// ClassCredential: the endpoint refuses the client's credentials. Attempts are
	// few, because repeated ones get an address blocked; see StateRejected of package auth.
	ClassCredential Class = "credential"
	// ClassBlock: no connection, soon after refused credentials. The provider
	// probably blocks our address.
	ClassBlock Class = "block"
	// ClassRequest: the endpoint does not understand what we send, or is not there.
	ClassRequest Class = "request"
	// ClassThrottle: too many requests. It says nothing about the credentials.
	ClassThrottle Class = "throttle"
	// ClassConsent: there is nothing to renew a user's token with, or it is refused.
	// A person must grant access; no attempt is made before.
	ClassConsent Class = "consent"
	// ClassTransient: the endpoint, or the way to it, is down; it may answer later.
	ClassTransient Class = "transient"
)

// Error is why there is no access token. Everybody who waited for the same
// attempt gets the same one. Its text holds no secret, and of what the endpoint says a line at most.
type Error struct {
	Class Class
	// Status is the token endpoint's HTTP status, 0 when no answer came.
	Status int
	// Code is the answer's error code (RFC 6749 section 5.2), trimmed and in lower
	// case, "" when it had none that can be shown.
	Code string
	// Reason says what happened.
	Reason string
	// Hint says what a person can do about it, "" when nothing is known.
	Hint string
	// Cooling is set when no token was asked for on behalf of this call: the source
	// rests after the failure that is described here.
	Cooling bool
	// After is the time until the next attempt is allowed. With [ClassCredential] 0
	// means that none is, until the credential changes; else, that one is at once.
	After time.Duration
	// Err is the cause, for errors.Is; it is no part of the text.
	Err error

	// Lost tells that the request was sent and no whole answer came.
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

// MaxRetryAfter bounds a wait that an endpoint asks for, and the cooldown of the
// class throttle.
const MaxRetryAfter = 15 * time.Minute

// refusal judges a failed answer to a grant: by its code where the dialect knows it,
// else by its status. Too many requests are never held against the credentials.
func (e *Endpoint) refusal(g Request, r reply, m members, code string) *Error {
	detail := e.detail(g, r, m)
	err := &Error{Status: r.status, Code: e.shown(g, code), After: Wait(r.status, r.header, MaxRetryAfter)}
	meaning, known := e.dialect.meaning(g.Type, code)
	switch {
	case r.status == http.StatusTooManyRequests,
		r.status == http.StatusServiceUnavailable && err.After > 0:
		err.Class = ClassThrottle
	case g.Type == AuthorizationCode && code == "invalid_grant": // RFC 6749 section 5.2: it is about the code
		err.Class, err.Reason = ClassConsent, because("the token endpoint refuses the code", detail)
		err.Hint = "begin again: the code has ended, was used before, or belongs to another redirect URI"
		return err
	case known:
		err.Class = meaning.Class
	default:
		err.Class = classOf(r.status)
	}
	err.Reason, err.Hint = because(reasons(err.Class), detail), e.dialect.Hint(err.Class, code)
	return err
}

func classOf(status int) Class {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ClassCredential
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return ClassTransient
	case status < 500: // a success without a token, too: asking again brings none
		return ClassRequest
	default:
		return ClassTransient
	}
}

func reasons(c Class) string {
	switch c {
	case ClassCredential:
		return "the token endpoint refuses the credentials"
	case ClassRequest:
		return "the token endpoint does not take the request"
	case ClassThrottle:
		return "the token endpoint has had too many requests"
	case ClassConsent:
		return "the token endpoint refuses the refresh token"
	default:
		return "the token endpoint is out of order"
	}
}

// shown is a code that may stand in a text: one that the dialect knows, or a short
// word that repeats nothing of what was sent.
func (e *Endpoint) shown(g Request, code string) string {
	const maxCode = 40
	if _, known := e.dialect.meaning(g.Type, code); known {
		return code
	}
	wordy := strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == ""
	if !wordy || len(code) > maxCode {
		return ""
	}
	sent := []string{e.clientID.Reveal(), e.clientSecret.Reveal()}
	for _, value := range g.Params {
		sent = append(sent, value)
	}
	if e.mask.Text(code) != code {
		return ""
	}
	for _, s := range sent {
		if s != "" && strings.Contains(code, strings.ToLower(s)) {
			return ""
		}
	}
	return code
}
