package auth

import (
	"maps"
	"time"
)

// Dialect is how one provider's token endpoint speaks OAuth 2.0: what its answers
// leave out and what its errors mean. It is data; nothing is found out by probing,
// because a probe that fails is a failed login.
type Dialect struct {
	// Name is the dialect's name in errors and logs.
	Name string
	// Life is how long a token lives when the answer does not tell.
	Life time.Duration
	// Errors tells what an error code means. Codes are compared trimmed and in
	// lower case; one that is missing is judged by the answer's status.
	Errors map[string]Meaning
	// AnyTokenType takes a token of an unknown type for a bearer token. A type
	// that is known to need another scheme is refused all the same.
	AnyTokenType bool
}

// hint says what a person can do about a failure.
func (d Dialect) hint(c Class, code string) string {
	if hint := d.Errors[code].Hint; hint != "" {
		return hint
	}
	switch c {
	case ClassCredential:
		return "check the client id and the client secret"
	case ClassBlock:
		return "the provider may block this address after refused credentials: correct them, wait, then ask the provider"
	case ClassRequest:
		return "check the token URL; a redirect is not followed"
	default:
		return ""
	}
}

// Meaning is what an error code means, and what a person can do about it.
type Meaning struct {
	Class Class
	Hint  string
}

// RFC6749 is the dialect of the specification, with the client's credentials in the
// request body (RFC 6749 section 2.3.1). Tokens that do not tell live an hour.
func RFC6749() Dialect {
	return Dialect{
		Name: "rfc6749",
		Life: time.Hour,
		Errors: map[string]Meaning{
			"invalid_client":          {ClassCredential, "check the client id and the client secret"},
			"unauthorized_client":     {ClassCredential, "ask the provider to allow this client the client_credentials grant"},
			"access_denied":           {ClassCredential, "ask the provider whether this client is enabled"},
			"invalid_grant":           {ClassCredential, "ask the provider whether this client is enabled"},
			"invalid_request":         {ClassRequest, "check the token URL and the provider's kind"},
			"invalid_scope":           {ClassRequest, "check the provider's kind: the scope is not known there"},
			"unsupported_grant_type":  {ClassRequest, "check the token URL: it does not take the client_credentials grant"},
			"server_error":            {Class: ClassTransient},
			"temporarily_unavailable": {Class: ClassTransient},
		},
	}
}

// Michelin is the dialect of Michelin's B2B token endpoint, after Michelin's
// developer portal page of 1 April 2025 and Michelin North America Order-to-Cash,
// OpenAPI 1.0.1: answers have no expires_in ("typical lifespan is 120 minutes"),
// and refused credentials are a 400. The OpenAPI document describes token_type as
// any string, and the page knows one scheme only, Bearer.
func Michelin() Dialect {
	d := RFC6749()
	d.Name = "michelin"
	d.Life = 120 * time.Minute
	d.AnyTokenType = true
	maps.Copy(d.Errors, map[string]Meaning{
		"invalid_client":         {ClassCredential, "check that the client id and the client secret are correct, belong to this environment and are properly encoded"},
		"unsupported_grant_type": {ClassRequest, "check that nothing on the way changes the body or the Content-Type application/x-www-form-urlencoded"},
	})
	return d
}
