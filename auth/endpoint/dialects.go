package endpoint

import (
	"maps"
	"time"
)

// RFC6749 is the dialect of the specification, with the client credentials in the request body (RFC
// 6749 section 2.3.1). Tokens without expires_in last an hour. With other values of
// [Dialect.ClientAuth] and [Dialect.UserGrants] it suits any plain OAuth 2.0 server.
func RFC6749() Dialect {
	return Dialect{
		Name: "rfc6749",
		Life: time.Hour,
		Errors: map[string]Meaning{
			"invalid_client":          {ClassCredential, "check the client id and the client secret"},
			"unauthorized_client":     {ClassCredential, "ask the provider to allow this grant for this client"},
			"access_denied":           {ClassCredential, "ask the provider whether this client is enabled"},
			"invalid_grant":           {ClassCredential, "ask the provider whether this client is enabled"},
			"invalid_request":         {ClassRequest, "check the token URL and the provider's kind"},
			"invalid_scope":           {ClassRequest, "check the scope: the provider does not know it"},
			"unsupported_grant_type":  {ClassRequest, "check the token URL: it does not support this grant"},
			"use_dpop_nonce":          {ClassRequest, "the provider requires tokens bound to a key (DPoP, RFC 9449), which is not supported"},
			"server_error":            {Class: ClassTransient},
			"temporarily_unavailable": {Class: ClassTransient},
		},
		RefreshErrors: map[string]Meaning{
			"invalid_grant": {Class: ClassConsent}, // RFC 6749 section 5.2: expired, revoked, or used
		},
	}
}

// Michelin is the dialect of Michelin's B2B token endpoint, after Michelin's developer portal page of
// 1 April 2025 and Michelin North America Order-to-Cash, OpenAPI 1.0.1: responses have no expires_in
// ("typical lifespan is 120 minutes"; JWS tokens contain their expiry), and rejected
// credentials are a 400. The OpenAPI document describes token_type as any string, and the page knows
// only the scheme Bearer. The page declares the introspection request as multipart but shows most of
// it as a form.
func Michelin() Dialect {
	d := RFC6749()
	d.Name = "michelin"
	d.Life = 120 * time.Minute
	d.JWTExpiry = true
	d.AnyTokenType = true
	d.IntrospectionEncodings = []Encoding{Multipart, Form}
	maps.Copy(d.Errors, map[string]Meaning{
		"invalid_client":         {ClassCredential, "check that the client id and the client secret are correct, belong to this environment and are properly encoded"},
		"unsupported_grant_type": {ClassRequest, "check that no proxy changes the body or the Content-Type application/x-www-form-urlencoded"},
	})
	return d
}

// PTV is the dialect of PTV Logistics' token endpoints, after their page OAUth2 Authentication: Basic
// with the values unencoded, or [InBody]. It has no sample of a response, so a token without
// expires_in lasts five minutes. An address is blocked after repeated failed logins; connections then
// fail.
func PTV() Dialect {
	d := RFC6749()
	d.Name = "ptv"
	d.ClientAuth = BasicRaw
	d.Life = 5 * time.Minute
	d.AnyTokenType = true
	d.BlockAfter = 3
	return d
}

// Shell is the dialect of Shell's Loyalty APIs Authentication Guide: a lifetime of "899" seconds, as
// text, and errors as {"ErrorCode", "Error"}, where Error is a sentence. Shell's mobility APIs use a
// member error, as in the RFC.
func Shell() Dialect {
	d := RFC6749()
	d.Name = "shell"
	d.Life = 899 * time.Second
	d.ErrorMembers = []string{"ErrorCode", "error"}
	return d
}

// Microbilt is the dialect of Microbilt API's OAuth Documentation: the request is JSON, or, with
// [Form] and [Dialect.GrantInQuery], a form with the grant in the query. A success is stated in a
// member status, and the type BearerToken means Bearer. The member issued_at is in a time zone and is
// ignored. Errors are not documented; its gateway is known to respond {"fault": {"detail":
// {"errorcode"}}}.
func Microbilt() Dialect {
	d := RFC6749()
	d.Name = "microbilt"
	d.Encoding = JSON
	d.BearerAliases = []string{"bearertoken"}
	d.Approved = "approved"
	d.ErrorMembers = []string{"error", "ErrorCode", "fault.detail.errorcode", "fault"}
	return d
}

// Mazda is the dialect of Mazda's Access keys for DMS (OAuth2): tokens of users, Basic with the
// values unencoded, and an expiry that the page describes as seconds and as a Unix time. A revoked
// refresh token is rejected with invalid_request. An access token is "usually valid for at least a
// full day", and opaque.
func Mazda() Dialect {
	d := RFC6749()
	d.Name = "mazda"
	d.ClientAuth = BasicRaw
	d.UserGrants = true
	d.Life = 24 * time.Hour
	d.EpochExpiry = true
	d.AnyTokenType = true // the page lists no token_type, and only the scheme Bearer
	d.RefreshErrors["invalid_request"] = Meaning{Class: ClassConsent}
	return d
}
