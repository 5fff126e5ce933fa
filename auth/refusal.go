package auth

import (
	"net/http"
	"strings"
	"time"
)

// maxRetryAfter bounds a wait that an endpoint asks for, and the cooldown of the
// class throttle.
const maxRetryAfter = 15 * time.Minute

// refusal judges a failed answer: by its code where the dialect knows it, else by
// its status. Too many requests are never held against the credentials.
func (e *endpoint) refusal(resp *http.Response, code string) *Error {
	err := &Error{Status: resp.StatusCode, Code: e.shown(code), After: RetryAfter(resp.Header, maxRetryAfter)}
	meaning, known := e.dialect.Errors[code]
	switch {
	case resp.StatusCode == http.StatusTooManyRequests,
		resp.StatusCode == http.StatusServiceUnavailable && err.After > 0:
		err.Class = ClassThrottle
	case known:
		err.Class = meaning.Class
	default:
		err.Class = classOf(resp.StatusCode)
	}
	err.Reason, err.Hint = reasons(err.Class), e.dialect.hint(err.Class, code)
	return err
}

func classOf(status int) Class {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ClassCredential
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return ClassTransient
	case status >= 300 && status < 500:
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
	default:
		return "the token endpoint is out of order"
	}
}

// shown is a code that may stand in a text: one that the dialect knows, or a short
// word that repeats no credential.
func (e *endpoint) shown(code string) string {
	const maxCode = 40
	if _, known := e.dialect.Errors[code]; known {
		return code
	}
	wordy := strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == ""
	if !wordy || len(code) > maxCode {
		return ""
	}
	for _, s := range []Secret{e.clientID, e.clientSecret} {
		if strings.Contains(code, strings.ToLower(s.Reveal())) {
			return ""
		}
	}
	return code
}
