package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"orderbeat/auth/secret"
)

// Introspection is the authorization server's view of a token (RFC 7662 section 2.2). It is not reliable:
// servers have reported working tokens as inactive.
type Introspection struct {
	// Active reports that the token is valid.
	Active bool `json:"active"`
	// ExpiresAt is when the token expires.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// IssuedAt is when the token was issued.
	IssuedAt time.Time `json:"issued_at,omitzero"`
	// Scope is the token's scope.
	Scope string `json:"scope,omitzero"`
	// ClientID is the client that the token was issued to.
	ClientID string `json:"client_id,omitzero"`
	// Username is the user that the token belongs to.
	Username string `json:"username,omitzero"`
}

// CanIntrospect reports whether there is an introspection endpoint.
func (e *Endpoint) CanIntrospect() bool { return e.introspect != "" }

// Introspect introspects a token. The error is an *[Error].
func (e *Endpoint) Introspect(ctx context.Context, token secret.Secret) (Introspection, error) {
	encodings := e.dialect.IntrospectionEncodings
	if len(encodings) == 0 {
		encodings = []Encoding{Form}
	}
	var result Introspection
	var err error
	for _, enc := range encodings {
		result, err = e.introspectWith(ctx, enc, token)
		if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusBadRequest && e.Status != http.StatusUnsupportedMediaType {
			break
		}
	}
	return result, err
}

func (e *Endpoint) introspectWith(ctx context.Context, enc Encoding, token secret.Secret) (Introspection, error) {
	req, err := e.post(ctx, e.introspect, enc, params{"token": token.Reveal()})
	if err != nil {
		return Introspection{}, &Error{Class: ClassRequest, Reason: "the introspection request cannot be created", Err: err}
	}
	r, err := e.send(req)
	if err != nil {
		return Introspection{}, endpointError("introspection", err)
	}
	if r.status != http.StatusOK {
		return Introspection{}, &Error{Class: ClassTransient, Status: r.status, Reason: "the introspection endpoint rejects the request"}
	}
	var m members
	var active bool
	if json.Unmarshal(r.body, &m) != nil || json.Unmarshal(m["active"], &active) != nil {
		return Introspection{}, &Error{Class: ClassTransient, Status: r.status, Reason: "the introspection response does not say whether the token is active"}
	}
	if !active {
		return Introspection{}, nil // other members do not count (RFC 7662 section 2.2)
	}
	return Introspection{
		Active: true, ExpiresAt: epoch(m["exp"]), IssuedAt: epoch(m["iat"]),
		Scope: strings.TrimSpace(text(m["scope"])), ClientID: strings.TrimSpace(text(m["client_id"])), Username: text(m["username"]),
	}, nil
}

// epoch parses a time in Unix seconds, written as a number or a string; zero if it is neither.
func epoch(raw json.RawMessage) time.Time {
	written := text(raw)
	if written == "" {
		written = string(raw)
	}
	n, err := strconv.ParseFloat(written, 64)
	if err != nil || !(n > 0 && n < 1e11) {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}

// endpointError returns the error of a request to the introspection or revocation endpoint that got no response.
func endpointError(name string, err error) *Error {
	e := unreachable(err)
	e.Reason = strings.Replace(e.Reason, "token endpoint", name+" endpoint", 1)
	return e
}
