package endpoint

import (
	"slices"
	"time"
)

// Dialect is how one provider's token endpoint speaks OAuth 2.0: how it wants to be
// asked, what its answers leave out and what its errors mean. It is data, and a
// further dialect is a further value; nothing is found out by probing, because a
// probe that fails is a failed login.
type Dialect struct {
	// Name is the dialect's name in errors and logs.
	Name string

	// ClientAuth is how the client proves itself, "" is [InBody].
	ClientAuth ClientAuth
	// Encoding is how a request's body is written, "" is [Form].
	Encoding Encoding
	// GrantInQuery puts the parameter grant_type, and nothing else, into the URL's
	// query instead of the body.
	GrantInQuery bool
	// UserGrants says that tokens belong to users: a person grants access once
	// (RFC 6749 section 4.1), and refresh tokens carry on from there. There is no
	// client credentials grant then.
	UserGrants bool
	// Static says that there are no tokens: what NewStatic of package auth sets.
	Static bool
	// JWTBearer asks with an assertion of our own instead of client credentials (RFC 7523
	// section 2.1).
	JWTBearer bool
	// LoginHint is the parameter by which the authorization endpoint is told whose access is
	// asked for, "" for none.
	LoginHint string
	// UserClaim is where the answer to a code tells who granted access: a path in it, or in the
	// claims of its id_token. Another user's access is not taken. "" asks for nothing.
	UserClaim string
	// NoPKCE leaves out the code challenge of RFC 7636, for an authorization server
	// that does not ignore parameters which it does not know.
	NoPKCE bool
	// IntrospectionEncodings are tried in turn while the answer is 400 or 415;
	// none is [Form].
	IntrospectionEncodings []Encoding

	// Life is how long a token lives when the answer does not tell.
	Life time.Duration
	// EpochExpiry reads a large expires_in as the moment of the end since 1970, in
	// seconds or milliseconds.
	EpochExpiry bool
	// JWTExpiry lets the claim exp of a token that is a JWT shorten its life. It is
	// read without verification: we are not the token's audience.
	JWTExpiry bool
	// TokenField is where an answer has the access token, dots leading into objects and lists;
	// "" is access_token. What belongs to it (expires_in, token_type, refresh_token) stands
	// beside it or at the top.
	TokenField string
	// BearerAliases are token types, in lower case, that mean bearer here.
	BearerAliases []string
	// AnyTokenType takes a token of an unknown type for a bearer token. A type
	// that is known to need another scheme is refused all the same.
	AnyTokenType bool
	// Approved is what the member status must say where an answer has one, ""
	// asks for nothing.
	Approved string

	// ErrorMembers name the members that hold an answer's error code, dots leading
	// into objects; the first that is there counts. None is "error".
	ErrorMembers []string
	// Errors tells what an error code means. Codes are compared trimmed and in
	// lower case; one that is missing is judged by the answer's status.
	Errors map[string]Meaning
	// RefreshErrors goes before Errors when a refresh token was sent.
	RefreshErrors map[string]Meaning
	// BlockAfter is after how many connections in a row that fail a blocked address
	// is suspected, even though no credentials were refused; 0 is never.
	BlockAfter int
}

// ClientAuth is one of the ways in which a client proves itself to a token endpoint
// (RFC 6749 section 2.3.1). Exactly one is used in a request.
type ClientAuth string

// The ways.
const (
	InBody    ClientAuth = "body"       // the parameters client_id and client_secret
	BasicRaw  ClientAuth = "basic_raw"  // HTTP Basic over the values as they are
	BasicForm ClientAuth = "basic_form" // HTTP Basic over the form-encoded values, as the RFC has it
	// PrivateKeyJWT is an assertion that the client signs (RFC 7523 section 2.2).
	PrivateKeyJWT ClientAuth = "private_key_jwt"
)

// Encoding is how a request's parameters are written.
type Encoding string

// The encodings.
const (
	Form      Encoding = "form"
	JSON      Encoding = "json"
	Multipart Encoding = "multipart"
)

// Meaning is what an error code means, and what a person can do about it.
type Meaning struct {
	Class Class
	Hint  string
}

// meaning looks up a code that answered a grant.
func (d Dialect) meaning(grantType, code string) (Meaning, bool) {
	if grantType == RefreshToken {
		if m, ok := d.RefreshErrors[code]; ok {
			return m, true
		}
	}
	m, ok := d.Errors[code]
	return m, ok
}

// isBearer reports whether a token of this type is sent as a bearer token. An
// absent type is: RFC 6749 requires one, and some endpoints forget it.
func (d Dialect) isBearer(tokenType string) bool {
	switch tokenType {
	case "", "bearer":
		return true
	case "mac", "dpop", "pop", "n_a": // each needs a scheme of its own
		return false
	default:
		return d.AnyTokenType || slices.Contains(d.BearerAliases, tokenType)
	}
}

// Hint says what a person can do about a failure.
func (d Dialect) Hint(c Class, code string) string {
	if hint := d.Errors[code].Hint; hint != "" && d.Errors[code].Class == c {
		return hint
	}
	switch c {
	case ClassCredential:
		return "check the client id and the client secret"
	case ClassBlock:
		return "the provider may block this address after refused credentials: correct them, wait, then ask the provider"
	case ClassRequest:
		return "check the token URL; a redirect is not followed"
	case ClassConsent:
		return "the user has to grant access in a browser"
	default:
		return ""
	}
}
