package authtest

import (
	"net/http"
	"time"
)

const (
	grantClient  = "client_credentials"
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// rfcRefusals are those of RFC 6749 section 5.2.
var rfcRefusals = refusals{
	badRequest:   {http.StatusBadRequest, "invalid_request", "{}"},
	badGrantType: {http.StatusBadRequest, "unsupported_grant_type", "grant type not supported"},
	badClient:    {http.StatusUnauthorized, "invalid_client", "{}"},
	badCode:      {http.StatusBadRequest, "invalid_grant", "{}"},
	badRefresh:   {http.StatusBadRequest, "invalid_grant", "{}"},
	badScope:     {http.StatusBadRequest, "invalid_scope", "{}"},
}

// gatewayRefusals are those of Shell's Loyalty APIs Authentication Guide, Example 1
// and 2, and of its table "Troubleshooting authentication".
var gatewayRefusals = refusals{
	badRequest:   {http.StatusBadRequest, "invalid_request", "Missing or incorrect parameters or header values"},
	badGrantType: {http.StatusBadRequest, "invalid_request", "Unsupported grant type : {}"},
	badClient:    {http.StatusUnauthorized, "invalid_client", "ClientId is Invalid"},
}

// unauthorizedBearer is required by RFC 6750 section 3.1.
var unauthorizedBearer = reply{
	status: http.StatusUnauthorized,
	header: http.Header{"Www-Authenticate": {`Bearer realm="api", error="invalid_token"`}},
}

var jsonHeader = http.Header{"Content-Type": {"application/json;charset=UTF-8"}}

// dialects has the data of every dialect. It never changes.
var dialects = map[Dialect]dialect{
	// Michelin's developer portal page of 1 April 2025. Its list gives the token URL for introspection
	// too, its sample a different one; the sample's is used. The error code of every invalid request is
	// unsupported_grant_type, with the spaces of the page. The member error_description is from Michelin
	// North America Order-to-Cash, OpenAPI 1.0.1, which does not give its text. Introspection is
	// declared as multipart, but its sample is partly a form.
	Michelin: {
		paths:         Paths{Token: "/idp/v2/b2b/oauth2/token", Introspect: "/idp/v2/b2b/oauth2/introspect"},
		grants:        []string{grantClient},
		clientAuth:    []clientAuth{inBody},
		bodies:        []body{{mediaType: mediaForm}},
		inspectBodies: []body{{mediaType: mediaMultipart}, {mediaType: mediaForm}},
		life:          120 * time.Minute,
		expiry:        ExpiryNone,
		access:        random{"00DSB0000000001!AQEAQ", 73}, // the exclamation mark is from the sample
		answer: document{layout{"{  ", ": ", ",  ", "}"}, []member{
			{"access_token", access},
			{"signature", signature},
			{"scope", fixed("openid api")},
			{"instance_url", fixed("https://sandbox.invalid")}, // not to be used
			{"id", fixed("https://sandbox.invalid/id/00DSB0000000001EAC/005SB0000000001AAW")},
			{"token_type", fixed("Bearer")},
			{"issued_at", issuedAt},
			{"expires_in", expiresIn},
		}},
		introspection: document{layout{"{    ", ": ", ",    ", "}"}, []member{
			{"active", fixed(true)},
			{"scope", fixed("api openid")}, // in a different order than above
			{"client_id", clientIDBlank},
			{"username", fixed("orderbeat@sandbox.invalid")},
			{"sub", fixed("https://sandbox.invalid/id/00DSB0000000001EAC/005SB0")},
			{"token_type", fixed("access_token")},
			{"exp", expires},
			{"iat", begins},
			{"nbf", begins},
		}},
		errors: errorDocument{compact, "error", "error_description"},
		refusals: refusals{
			badRequest:   {http.StatusBadRequest, " unsupported_grant_type ", "grant type not supported"},
			badGrantType: {http.StatusBadRequest, " unsupported_grant_type ", "grant type not supported"},
			badClient:    {http.StatusBadRequest, "invalid_client", "invalid client credentials"},
		},
		unauthorized: reply{status: http.StatusUnauthorized}, // "(empty body)"
	},

	// PTV Logistics' OAuth2 Authentication. The token URL is given with each API, so this path is ours.
	// The sample request is sent as multipart by curl, though the text names the other encoding. There
	// is no sample of a response or of an error: they follow RFC 6749. "Up to 50 requests per second
	// from the same IP are allowed, further requests will be rejected with a 429", without further
	// details. The API's 401 is that of the Planning API's reference.
	PTV: {
		paths:      Paths{Token: "/ptv/oauth2/token"},
		grants:     []string{grantClient},
		clientAuth: []clientAuth{basicRaw, inBody},
		bodies:     []body{{mediaType: mediaForm}, {mediaType: mediaMultipart}},
		life:       time.Hour,
		expiry:     ExpirySeconds,
		access:     random{"", 40},
		answer: document{compact, []member{
			{"access_token", access}, {"token_type", fixed("Bearer")}, {"expires_in", expiresIn}, {"scope", scope},
		}},
		errors:   errorDocument{compact, "error", "error_description"},
		refusals: rfcRefusals,
		unauthorized: reply{
			http.StatusUnauthorized, http.Header{"Content-Type": {"text/plain;charset=UTF-8"}}, "Authentication required",
		},
		perSecond: 50,
	},

	// Shell's Loyalty APIs Authentication Guide. Its prose also names /token.oauth2; table and sample
	// agree on this path. "All error scenarios are returned with a response body and identifier", and
	// the samples show no identifier. The API's 401 is not documented: it is like the token endpoint's.
	Shell: {
		paths:      Paths{Token: "/v2/oauth/token"},
		grants:     []string{grantClient},
		clientAuth: []clientAuth{inBody},
		bodies:     []body{{mediaType: mediaForm}},
		life:       899 * time.Second,
		expiry:     ExpiryText,
		access:     random{"", 28},
		answer: document{layout{"{\n", ": ", ",\n", "\n}"}, []member{
			{"access_token", access}, {"expires_in", expiresIn}, {"token_type", fixed("Bearer")},
		}},
		errors:   errorDocument{layout{"{\n", ": ", ",\n", "\n}"}, "ErrorCode", "Error"},
		refusals: gatewayRefusals,
		unauthorized: reply{
			http.StatusUnauthorized, jsonHeader, "{\n\"ErrorCode\": \"invalid_token\",\n\"Error\": \"Access Token is Invalid\"\n}",
		},
	},

	// Microbilt API's OAuth Documentation: JSON, or a form with the grant in the query. issued_at is
	// "the UNIX timestamp of our system in central standard time", which contradicts itself; the true
	// one is sent. Errors are not documented. The responses are those of the same gateway product as
	// Shell's, so the errors are too; its API rejects tokens with a fault.
	Microbilt: {
		paths:      Paths{Token: "/OAuth/GetAccessToken"},
		grants:     []string{grantClient},
		clientAuth: []clientAuth{inBody},
		bodies:     []body{{mediaType: mediaJSON}, {mediaType: mediaForm, grantInQuery: true}},
		life:       3599 * time.Second,
		expiry:     ExpiryText,
		access:     random{"", 28},
		answer: document{layout{"{ ", " : ", ", ", " }"}, []member{
			{"issued_at", issuedAt},
			{"expires_in", expiresIn},
			{"token_type", fixed("BearerToken")},
			{"access_token", access},
			{"status", fixed("approved")},
		}},
		errors:   errorDocument{layout{"{", " : ", ", ", "}"}, "ErrorCode", "Error"},
		refusals: gatewayRefusals,
		unauthorized: reply{
			http.StatusUnauthorized, jsonHeader,
			`{"fault":{"faultstring":"Invalid Access Token","detail":{"errorcode":"keymanagement.service.invalid_access_token"}}}`,
		},
	},

	// Mazda's Access keys for DMS (OAuth2). Responses have no sample, and no token_type in the list of
	// attributes. Tokens have up to 1024 characters and look like JWTs whose contents must not be
	// used: these say that they expired in 2016. Only the rejection of a refresh token is documented;
	// the others follow RFC 6749, and so does the API's 401.
	Mazda: {
		paths:       Paths{Token: "/oauth/token", Authorize: "/oauth/authorize"},
		grants:      []string{grantCode, grantRefresh},
		clientAuth:  []clientAuth{basicRaw},
		bodies:      []body{{mediaType: mediaForm}},
		life:        24 * time.Hour,      // "usually valid for at least a full day"
		refreshLife: 21 * 24 * time.Hour, // "usually with an expiry time of a few weeks"
		expiry:      ExpirySeconds,
		access:      random{"eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE0ODAwMDAwMDB9.", 1024},
		refresh:     random{"eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE0ODAwMDAwMDB9.", 1024},
		code:        random{"", 32},
		answer: document{compact, []member{
			{"access_token", access}, {"expires_in", expiresIn}, {"refresh_token", refresh},
		}},
		errors: errorDocument{compact, "error", "error_description"},
		refusals: rfcRefusals.with(refusals{
			badRefresh: {http.StatusBadRequest, "invalid_request", "{}"},
		}),
		unauthorized: unauthorizedBearer,
		services:     "the Mazda DMS web services",
		redirectErrors: []string{
			"invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope", "server_error",
			"temporary_unavailable", // sic
		},
	},

	// RFC 6749, with introspection as in RFC 7662 and revocation as in RFC 7009. The
	// paths are ours.
	RFC6749: {
		paths:         Paths{Token: "/token", Authorize: "/authorize", Introspect: "/introspect", Revoke: "/revoke"},
		grants:        []string{grantClient, grantCode, grantRefresh},
		clientAuth:    []clientAuth{basicForm, inBody},
		bodies:        []body{{mediaType: mediaForm}},
		inspectBodies: []body{{mediaType: mediaForm}},
		life:          time.Hour,
		refreshLife:   14 * 24 * time.Hour,
		expiry:        ExpirySeconds,
		access:        random{"", 40},
		refresh:       random{"", 40},
		code:          random{"", 32},
		answer: document{layout{"{\n  ", ":", ",\n  ", "\n}"}, []member{
			{"access_token", access},
			{"token_type", fixed("Bearer")},
			{"expires_in", expiresIn},
			{"refresh_token", refresh},
			{"scope", scope},
		}},
		introspection: document{compact, []member{
			{"active", fixed(true)},
			{"client_id", clientID},
			{"username", user},
			{"scope", scope},
			{"token_type", fixed("Bearer")},
			{"exp", expires},
			{"iat", begins},
		}},
		errors:       errorDocument{layout{"{\n  ", ":", ",\n  ", "\n}"}, "error", "error_description"},
		refusals:     rfcRefusals,
		unauthorized: unauthorizedBearer,
		services:     "the API",
		redirectErrors: []string{ // RFC 6749 section 4.1.2.1
			"invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope", "server_error",
			"temporarily_unavailable",
		},
	},
}
