package endpoint

import (
	"net/http"
	"strings"
	"time"
)

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
