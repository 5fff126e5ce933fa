package endpoint

import (
	"context"
	"net/http"

	"orderbeat/auth/secret"
)

// CanRevoke reports whether there is a revocation endpoint.
func (e *Endpoint) CanRevoke() bool { return e.revoke != "" }

// Revoke revokes one token; hint is its kind (RFC 7009 section 2.1).
func (e *Endpoint) Revoke(ctx context.Context, token secret.Secret, hint string) error {
	req, err := e.post(ctx, e.revoke, Form, params{"token": token.Reveal(), "token_type_hint": hint})
	if err != nil {
		return &Error{Class: ClassRequest, Reason: "the revocation request cannot be created", Err: err}
	}
	r, err := e.send(req)
	switch {
	case err != nil:
		return endpointError("revocation", err)
	case r.status != http.StatusOK:
		return &Error{
			Class: ClassTransient, Status: r.status, After: Wait(r.status, r.header, MaxRetryAfter),
			Reason: "the revocation endpoint did not revoke the " + hint, Hint: "Orderbeat dropped the token; at the provider it stays valid until it expires",
		}
	}
	return nil
}
