package authtest

import (
	"maps"
	"net/http"
	"time"
)

// Dialect names a provider's variant of OAuth 2.0.
type Dialect string

// The dialects, after Michelin's developer portal page of 1 April 2025, PTV Logistics'
// OAuth2 Authentication, Shell's Loyalty APIs Authentication Guide, Microbilt API's
// OAuth Documentation, Mazda's Access keys for DMS (OAuth2), and the specification.
const (
	Michelin  Dialect = "michelin"
	PTV       Dialect = "ptv"
	Shell     Dialect = "shell"
	Microbilt Dialect = "microbilt"
	Mazda     Dialect = "mazda"
	RFC6749   Dialect = "rfc6749"
)

// Paths are the paths of a server's endpoints, "" for none.
type Paths struct{ Token, Authorize, Introspect, Revoke string }

// Paths are those in the provider's document. It panics for an unknown dialect.
func (d Dialect) Paths() Paths { return d.data().paths }

func (d Dialect) data() dialect {
	data, ok := dialects[d]
	if !ok {
		panic("authtest: unknown dialect " + string(d))
	}
	return data
}

// dialect is everything that differs between providers.
type dialect struct {
	paths  Paths
	grants []string
	// clientAuth are the accepted ways of client authentication.
	clientAuth []clientAuth
	// bodies are the accepted encodings of token requests, inspectBodies those of introspection and
	// revocation.
	bodies, inspectBodies []body

	life, refreshLife time.Duration
	expiry            Expiry
	access, refresh   random
	code              random

	answer, introspection document
	errors                errorDocument
	refusals              refusals
	// unauthorized is the API's response without a valid token.
	unauthorized reply
	// services names the API on the consent page, redirectErrors are the errors that the redirect can
	// have; a denial is access_denied.
	services       string
	redirectErrors []string
	// perSecond is the limit of requests per second and address, 0 for none.
	perSecond int
}

// clientAuth is a way of client authentication (RFC 6749 section 2.3.1).
type clientAuth int

const (
	inBody    clientAuth = iota // parameters client_id and client_secret
	basicRaw                    // Basic with the values unencoded
	basicForm                   // Basic with the values form-encoded, as in the RFC
)

type body struct {
	mediaType string
	// grantInQuery requires grant_type, and nothing else, in the query.
	grantInQuery bool
}

const (
	mediaForm      = "application/x-www-form-urlencoded"
	mediaJSON      = "application/json"
	mediaMultipart = "multipart/form-data"
)

type reason int

const (
	badMethod reason = iota
	badRequest
	badGrantType
	badClient
	badCode
	badRefresh
	badScope
)

// problem is a reason with a detail for the error text.
type problem struct {
	reason reason
	what   string
}

// refusal is a dialect's error response for a reason. "{}" in its text is replaced by the detail.
type refusal struct {
	status     int
	code, text string
}

type refusals map[reason]refusal

// with returns a copy with different responses for some reasons.
func (r refusals) with(others refusals) refusals {
	r = maps.Clone(r)
	maps.Copy(r, others)
	return r
}

// errorDocument has the names of the two members of an error response.
type errorDocument struct {
	layout     layout
	code, text string
}

type reply struct {
	status int
	header http.Header
	body   string
}
