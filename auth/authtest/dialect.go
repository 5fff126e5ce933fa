package authtest

import (
	"maps"
	"net/http"
	"time"
)

// Dialect names how one provider's authorization server speaks OAuth 2.0.
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

// Paths are where a server answers. One that is "" does not exist there.
type Paths struct{ Token, Authorize, Introspect, Revoke string }

// Paths are those that the dialect's document names. It panics when there is no such
// dialect.
func (d Dialect) Paths() Paths { return d.data().paths }

func (d Dialect) data() dialect {
	data, ok := dialects[d]
	if !ok {
		panic("authtest: there is no dialect " + string(d))
	}
	return data
}

// dialect is all that differs between providers.
type dialect struct {
	paths  Paths
	grants []string
	// clientAuth are the ways in which it lets the client prove itself.
	clientAuth []clientAuth
	// bodies are how a token request may be written, inspectBodies one to
	// introspection and revocation.
	bodies, inspectBodies []body

	life, refreshLife time.Duration
	expiry            Expiry
	access, refresh   random
	code              random

	answer, introspection document
	errors                errorDocument
	refusals              refusals
	// unauthorized is what the API answers where no living token came along.
	unauthorized reply
	// services is what the consent page asks about, redirectErrors what it can answer
	// besides a code; the user's refusal is access_denied.
	services       string
	redirectErrors []string
	// perSecond is how many requests of one address are taken in a second, 0 is any number.
	perSecond int
}

// clientAuth is a way for the client to prove itself (RFC 6749 section 2.3.1).
type clientAuth int

const (
	inBody    clientAuth = iota // parameters client_id and client_secret
	basicRaw                    // Basic over the values as they are
	basicForm                   // Basic over the form-encoded values, as the RFC has it
)

// body is a way to write a request.
type body struct {
	mediaType string
	// grantInQuery says that grant_type is in the URL's query, and nothing else is.
	grantInQuery bool
}

const (
	mediaForm      = "application/x-www-form-urlencoded"
	mediaJSON      = "application/json"
	mediaMultipart = "multipart/form-data"
)

// reason is why a request is refused.
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

// problem is a refusal to come. What is its detail, for people.
type problem struct {
	reason reason
	what   string
}

// refusal is how a dialect tells a reason. A "{}" in its text becomes the detail.
type refusal struct {
	status     int
	code, text string
}

type refusals map[reason]refusal

// with is a copy that tells some reasons otherwise.
func (r refusals) with(others refusals) refusals {
	r = maps.Clone(r)
	maps.Copy(r, others)
	return r
}

// errorDocument is how an error is written: the names of its two members.
type errorDocument struct {
	layout     layout
	code, text string
}

// reply is an answer that is always the same.
type reply struct {
	status int
	header http.Header
	body   string
}
