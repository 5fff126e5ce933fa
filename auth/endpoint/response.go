package endpoint

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderbeat/auth/secret"
)

const (
	// maxLife is the longest plausible lifetime. A larger number is not in seconds and counts as missing.
	maxLife = 10 * 365 * 24 * time.Hour
	// maxEpochLife is the longest plausible lifetime stated as a Unix time.
	maxEpochLife = 2 * 365 * 24 * time.Hour
)

// Answer is a successful token response (RFC 6749 section 5.1).
type Answer struct {
	Token   secret.Secret
	Refresh secret.Secret // for users' grants only: a client does not need one (section 4.4.3)
	Life    time.Duration // from the time of the request
	Expiry  Expiry        // where Life comes from
	// Identity is the user who granted access, from [Dialect.UserClaim]; "" if unknown.
	Identity string
}

// members are the members of a JSON object, by their exact names: encoding/json would match Error
// with error.
type members map[string]json.RawMessage

// read reads a response to a grant. Every failure is an *[Error].
func (e *Endpoint) read(g Request, r reply) (Answer, error) {
	var m members
	body := bytes.TrimSpace(bytes.TrimPrefix(r.body, []byte("\ufeff")))
	unreadable := json.Unmarshal(body, &m) != nil
	e.mask.Hold(e.owner+" issued", stripScheme(text(m.at(e.dialect.tokenField()))), text(m["access_token"]), text(m["refresh_token"]), text(m["id_token"]))
	success := r.status >= 200 && r.status <= 299
	if code, failed := e.dialect.failure(m); failed || !success {
		return Answer{}, e.refusal(g, r, m, code)
	}
	fail := func(class Class, reason, hint string) (Answer, error) {
		return Answer{}, &Error{Class: class, Status: r.status, Reason: withDetail(reason, e.detail(g, r, m)), Hint: hint}
	}
	beside := m.sibling(e.dialect.TokenField)
	token := stripScheme(text(m.at(e.dialect.tokenField())))
	kind := strings.ToLower(strings.TrimSpace(text(beside("token_type"))))
	const look = "check token_url, and the path of the token in the response (token_field)"
	switch status := text(m["status"]); {
	case unreadable && len(body) > 0 && body[0] == '{': // truncated
		return fail(ClassTransient, "the token response is not JSON", "")
	case unreadable:
		return fail(ClassRequest, "the token response is not JSON, and has no access token", look)
	case e.dialect.Approved != "" && status != "" && !strings.EqualFold(status, e.dialect.Approved):
		return fail(ClassCredential, "the token response has a status other than "+e.dialect.Approved, e.dialect.Hint(ClassCredential, ""))
	case token == "":
		return fail(ClassRequest, "the token response has no access token", look)
	case !sendable(token):
		return fail(ClassRequest, "the access token has characters that are invalid in a header", look)
	case kind == "dpop":
		return fail(ClassRequest, "the access token is bound to a key (DPoP, RFC 9449), which is not supported", "ask the provider for bearer tokens")
	case !e.dialect.isBearer(kind):
		return fail(ClassRequest, "the access token is of a type that is not supported", `ask the provider for bearer tokens, or set token_type to the type that is a bearer token`)
	}
	a := Answer{Token: secret.New(token), Identity: e.dialect.identity(m)}
	if g.Type == AuthorizationCode || g.Type == RefreshToken {
		a.Refresh = secret.New(strings.TrimSpace(text(beside("refresh_token"))))
	}
	a.Life, a.Expiry = e.dialect.lifeOf(token, beside("expires_in"), time.Now())
	return a, nil
}

// identity returns the user who granted access: a member of the response, or a claim of its id_token,
// which is read without verification because it comes straight from the token endpoint (OpenID
// Connect Core section 3.1.3.7).
func (d Dialect) identity(m members) string {
	if d.UserClaim == "" {
		return ""
	}
	if who := text(m.at(d.UserClaim)); who != "" {
		return who
	}
	var claims members
	if json.Unmarshal(jwtClaims(text(m["id_token"])), &claims) != nil {
		return ""
	}
	return text(claims.at(d.UserClaim))
}

func (d Dialect) tokenField() string { return cmp.Or(d.TokenField, "access_token") }

// sibling returns a function that finds members in the object that contains path, or else at the top level.
func (m members) sibling(path string) func(name string) json.RawMessage {
	return func(name string) json.RawMessage {
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			if raw := m.at(path[:i+1] + name); len(raw) > 0 {
				return raw
			}
		}
		return m[name]
	}
}

// stripScheme removes surrounding whitespace and the name of the scheme from a token.
func stripScheme(token string) string {
	token = strings.TrimSpace(token)
	const scheme = "bearer "
	if len(token) > len(scheme) && strings.EqualFold(token[:len(scheme)], scheme) {
		token = strings.TrimSpace(token[len(scheme):])
	}
	return token
}

// failure returns the error code, trimmed and in lower case, and whether the response reports a failure
// at all. An error member that is not a string reports one without a code, unless it is empty.
func (d Dialect) failure(m members) (code string, failed bool) {
	names := d.ErrorMembers
	if len(names) == 0 {
		names = []string{"error"}
	}
	for _, name := range names {
		raw := m.at(name)
		if noError(raw) {
			continue
		}
		return strings.ToLower(strings.TrimSpace(text(raw))), true
	}
	return "", false
}

// noError reports whether an error member means that there is no error.
func noError(raw json.RawMessage) bool {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return true
	}
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case float64:
		return v == 0
	case string:
		word := strings.ToLower(strings.TrimSpace(v))
		return slices.Contains([]string{"", "0", "false", "null", "none"}, word)
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// at returns the member at a path, nil if there is none. A number in the path is an index into a list.
func (m members) at(path string) json.RawMessage {
	name, rest, deeper := strings.Cut(path, ".")
	raw := m[name]
	if !deeper {
		return raw
	}
	var inner members
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		inner = members{}
		for i, element := range list {
			inner[strconv.Itoa(i)] = element
		}
	} else if json.Unmarshal(raw, &inner) != nil {
		return nil
	}
	return inner.at(rest)
}

// lifeOf returns the remaining lifetime of a token and its source: the response, or the token itself if
// it expires earlier, otherwise the dialect.
func (d Dialect) lifeOf(token string, expiresIn json.RawMessage, now time.Time) (time.Duration, Expiry) {
	life, expiry := d.statedLife(expiresIn, now), ExpiryServer
	if life == 0 {
		life, expiry = d.Life, ExpiryDefault
	}
	if d.JWTExpiry {
		if left := jwtExpiry(token).Sub(now); left > 0 && left < life {
			return left, ExpiryJWT
		}
	}
	return life, expiry
}

// statedLife reads expires_in: seconds, as a number or a string, or in some dialects the expiry as a Unix
// time. 0 means that it is missing or implausible.
func (d Dialect) statedLife(raw json.RawMessage, now time.Time) time.Duration {
	const millis = 1e12 // a larger time is in milliseconds: as seconds this is the year 33658
	written := text(raw)
	if written == "" {
		written = string(raw)
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(written), 64)
	switch {
	case err != nil || !(n > 0): // also rejects NaN
		return 0
	case n <= maxLife.Seconds():
		return time.Duration(n * float64(time.Second))
	case !d.EpochExpiry || n >= millis*1000:
		return 0
	case n >= millis:
		n /= 1000
	}
	life := time.UnixMilli(int64(n * 1000)).Sub(now)
	if life <= 0 || life > maxEpochLife {
		return 0
	}
	return life
}

// jwtExpiry reads the claim exp of a JWT (RFC 7519 section 4.1.4); the zero time if there is none.
func jwtExpiry(token string) time.Time {
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(jwtClaims(token), &claims) != nil || !(claims.Exp > 0 && claims.Exp < 1e11) {
		return time.Time{}
	}
	return time.UnixMilli(int64(claims.Exp * 1000))
}

// jwtClaims returns the claims of a JWT, as JSON; nil if the token is not a JWT.
func jwtClaims(token string) []byte {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	return claims
}

// sendable reports whether a header can carry the token. RFC 6750's alphabet is too narrow:
// Michelin's tokens have an exclamation mark.
func sendable(token string) bool {
	for i := range len(token) {
		if c := token[i]; c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// text returns the value of a JSON string, "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// Expiry says where a token's lifetime comes from.
type Expiry string

// The sources of a lifetime.
const (
	ExpiryServer  Expiry = "server"  // stated in the response
	ExpiryJWT     Expiry = "jwt"     // the claim exp of the token, which was earlier
	ExpiryDefault Expiry = "default" // not stated: the dialect's or the configured lifetime
)
