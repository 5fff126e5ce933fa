package auth

import (
	"net/http"
	"strings"
)

// bearerError is the error of the challenge Bearer (RFC 6750 section 3) in the fields
// WWW-Authenticate, in lower case; "" when there is none. A field may hold several
// challenges, and several fields may (RFC 9110 section 11.6.1).
func bearerError(h http.Header) string {
	for _, field := range h.Values("WWW-Authenticate") {
		scheme := ""
		for _, word := range words(field) {
			name, value, isParam := strings.Cut(word, "=")
			name = strings.TrimSpace(name)
			if before, after, ok := strings.Cut(name, " "); ok { // a scheme stands before its first parameter
				scheme, name = before, strings.TrimSpace(after)
			} else if !isParam {
				scheme = name
			}
			if isParam && strings.EqualFold(scheme, "bearer") && strings.EqualFold(name, "error") {
				return strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`))
			}
		}
	}
	return ""
}

// words cuts a field at its commas, but for those in quotes.
func words(field string) (all []string) {
	quoted, begin := false, 0
	for i := 0; i < len(field); i++ {
		switch c := field[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			all = append(all, strings.TrimSpace(field[begin:i]))
			begin = i + 1
		}
	}
	return append(all, strings.TrimSpace(field[begin:]))
}

// LacksRights reports whether an answer with these headers says that the token is good,
// and has not the rights that were needed (insufficient_scope, RFC 6750 section 3.1).
func LacksRights(h http.Header) bool { return bearerError(h) == "insufficient_scope" }

// RefusesToken reports whether an answer says that the token is not good: a 401, or a 400 or
// 403 whose challenge says so (invalid_token, RFC 6750 section 3.1).
func RefusesToken(status int, h http.Header) bool {
	switch status {
	case http.StatusUnauthorized:
		return !LacksRights(h)
	case http.StatusBadRequest, http.StatusForbidden:
		return bearerError(h) == "invalid_token"
	}
	return false
}
