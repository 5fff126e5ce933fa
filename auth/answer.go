package auth

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxLife bounds a life that can be believed. Beyond it a number is no number of
// seconds, and the life counts as not told.
const maxLife = 10 * 365 * 24 * time.Hour

// answer is a successful answer of a token endpoint (RFC 6749 section 5.1). A
// refresh token is not read: the client credentials grant has no use for one
// (section 4.4.3).
type answer struct {
	token   Secret
	life    time.Duration
	guessed bool // life is the dialect's
}

// read understands an answer. The body's members are looked up by their exact
// names: encoding/json would take Error for error. Every failure is an *[Error].
func (e *endpoint) read(resp *http.Response, body []byte) (answer, error) {
	var members map[string]json.RawMessage
	unreadable := json.Unmarshal(body, &members) != nil
	if code, failed := failure(members["error"]); failed || resp.StatusCode != http.StatusOK {
		return answer{}, e.refusal(resp, code)
	}
	fail := func(class Class, reason string) (answer, error) {
		return answer{}, &Error{Class: class, Status: resp.StatusCode, Reason: reason}
	}
	token := text(members["access_token"])
	switch {
	case unreadable:
		return fail(ClassTransient, "the token endpoint's answer is not JSON")
	case token == "":
		return fail(ClassTransient, "the token endpoint's answer has no access token")
	case !sendable(token):
		return fail(ClassTransient, "the access token has characters that no header can carry")
	case !e.dialect.isBearer(text(members["token_type"])):
		return fail(ClassRequest, "the access token is of a type that is not supported")
	}
	a := answer{token: NewSecret(token), life: life(members["expires_in"])}
	if a.life == 0 {
		a.life, a.guessed = e.dialect.Life, true
	}
	return a, nil
}

// failure reads the member error: its code, trimmed and in lower case, and whether
// it tells of a failure at all. One that is no text does, without a code.
func failure(raw json.RawMessage) (code string, failed bool) {
	code = strings.ToLower(strings.TrimSpace(text(raw)))
	blank := len(raw) == 0 || string(raw) == "null" || strings.HasPrefix(string(raw), `"`)
	return code, code != "" || !blank
}

// isBearer reports whether a token of this type is sent as a bearer token. An
// absent type is: RFC 6749 requires one, and some endpoints forget it.
func (d Dialect) isBearer(tokenType string) bool {
	switch strings.ToLower(strings.TrimSpace(tokenType)) {
	case "", "bearer":
		return true
	case "mac", "dpop", "pop", "n_a": // each needs a scheme of its own
		return false
	default:
		return d.AnyTokenType
	}
}

// sendable reports whether a header can carry the token. RFC 6750's alphabet is no
// measure: Michelin's tokens have an exclamation mark.
func sendable(token string) bool {
	for i := range len(token) {
		if c := token[i]; c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// text is a JSON string's value, "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// life reads expires_in: seconds, as a number or as text. 0 means that the answer
// does not tell, or nothing that can be believed.
func life(raw json.RawMessage) time.Duration {
	written := text(raw)
	if written == "" {
		written = string(raw)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(written), 64)
	if err != nil || !(seconds > 0 && seconds <= maxLife.Seconds()) { // also refuses NaN
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}
