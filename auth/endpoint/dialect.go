package endpoint

import (
	"slices"
	"time"
)

// Dialect describes how one provider's token endpoint implements OAuth 2.0: how requests are written,
// what responses omit and what errors mean. It is data: a new dialect is a new value. Nothing
// is probed, because a failed probe is a failed login.
type Dialect struct {
	// Name is the dialect's name in errors and logs.
	Name string

	// ClientAuth is how the client authenticates; "" is [InBody].
	ClientAuth ClientAuth
	// Encoding is the encoding of the request body; "" is [Form].
	Encoding Encoding
	// GrantInQuery puts the parameter grant_type, and nothing else, into the URL's
	// query instead of the body.
	GrantInQuery bool
	// UserGrants says that tokens belong to users: a user grants access once (RFC 6749 section 4.1),
	// then refresh tokens are used. The client credentials grant is not used then.
	UserGrants bool
	// Static says that there are no tokens; set by NewStatic of package auth.
	Static bool
	// JWTBearer requests tokens with a signed assertion instead of client credentials (RFC 7523 section
	// 2.1).
	JWTBearer bool
	// LoginHint is the parameter of the authorization request that names the user, "" for none.
	LoginHint string
	// UserClaim is the path, in the token response or in the claims of its id_token, to the user who
	// granted access. Access by another user is rejected. "" checks nothing.
	UserClaim string
	// NoPKCE omits the code challenge of RFC 7636, for an authorization server that rejects unknown
	// parameters.
	NoPKCE bool
	// IntrospectionEncodings are tried in turn while the status is 400 or 415; empty means [Form].
	IntrospectionEncodings []Encoding

	// Life is the lifetime of a token if the response states none.
	Life time.Duration
	// EpochExpiry reads a large expires_in as a Unix time, in seconds or milliseconds.
	EpochExpiry bool
	// JWTExpiry lets the claim exp of a JWT token shorten its lifetime. It is read without verification:
	// we are not the token's audience.
	JWTExpiry bool
	// TokenField is the path of the access token in a response, with dots into objects and lists; "" is
	// access_token. Its companions (expires_in, token_type, refresh_token) are read from the same object
	// or from the top.
	TokenField string
	// BearerAliases are token types, in lower case, that are treated as bearer.
	BearerAliases []string
	// AnyTokenType treats an unknown token type as bearer. A type that is known to need a different scheme
	// is still rejected.
	AnyTokenType bool
	// Approved is the required value of the member status if a response has one, "" for any.
	Approved string

	// ErrorMembers are the members that hold the error code, with dots into objects; the first one
	// present counts. Empty is "error".
	ErrorMembers []string
	// Errors maps error codes to their meaning. Codes are compared trimmed and in lower case; a code that is not
	// in the map is classified by the HTTP status.
	Errors map[string]Meaning
	// RefreshErrors takes precedence over Errors for refresh tokens.
	RefreshErrors map[string]Meaning
	// BlockAfter is the number of failed connections in a row after which a blocked address is
	// suspected, even without rejected credentials; 0 means never.
	BlockAfter int
}

// ClientAuth is how a client authenticates to a token endpoint (RFC 6749 section 2.3.1). A request
// uses exactly one way.
type ClientAuth string

// The ways to authenticate.
const (
	InBody    ClientAuth = "body"       // the parameters client_id and client_secret
	BasicRaw  ClientAuth = "basic_raw"  // HTTP Basic with the values unencoded
	BasicForm ClientAuth = "basic_form" // HTTP Basic with the values form-encoded, as in the RFC
	// PrivateKeyJWT is a signed assertion (RFC 7523 section 2.2).
	PrivateKeyJWT ClientAuth = "private_key_jwt"
)

// Encoding is the encoding of a request's parameters.
type Encoding string

// The encodings.
const (
	Form      Encoding = "form"
	JSON      Encoding = "json"
	Multipart Encoding = "multipart"
)

// Meaning is the class of an error code, and a hint.
type Meaning struct {
	Class Class
	Hint  string
}

// meaningOf looks up the code of a response to a grant.
func (d Dialect) meaningOf(grantType, code string) (Meaning, bool) {
	if grantType == RefreshToken {
		if m, ok := d.RefreshErrors[code]; ok {
			return m, true
		}
	}
	m, ok := d.Errors[code]
	return m, ok
}

// isBearer reports whether a token of this type is sent as a bearer token. It is if the type is missing: RFC
// 6749 requires the type, but some endpoints omit it.
func (d Dialect) isBearer(tokenType string) bool {
	switch tokenType {
	case "", "bearer":
		return true
	case "mac", "dpop", "pop", "n_a": // each requires another scheme
		return false
	default:
		return d.AnyTokenType || slices.Contains(d.BearerAliases, tokenType)
	}
}

// Hint returns what to do about a failure.
func (d Dialect) Hint(c Class, code string) string {
	if hint := d.Errors[code].Hint; hint != "" && d.Errors[code].Class == c {
		return hint
	}
	switch c {
	case ClassCredential:
		return "check the client id and the client secret"
	case ClassBlock:
		return "the provider may have blocked this address after rejected credentials: correct them, wait, then contact the provider"
	case ClassRequest:
		return "check the token URL; redirects are not followed"
	case ClassConsent:
		return "the user has to grant access in a browser"
	default:
		return ""
	}
}
