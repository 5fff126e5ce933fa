package auth

import (
	"context"
	"errors"

	"orderbeat/auth/endpoint"
)

// errNoToken is what tools get that need a token where there is none.
var errNoToken = errors.New("there is no access token to tell of")

// CanIntrospect reports whether there is an introspection endpoint.
func (s *Source) CanIntrospect() bool { return s.endpoint.CanIntrospect() }

// Introspect asks the authorization server about the token in hand. It changes
// nothing, and no call depends on it: what the endpoint refuses is not held against
// the credentials, and says nothing about the token.
//
// The error is an *[Error].
func (s *Source) Introspect(ctx context.Context) (endpoint.Introspection, error) {
	if !s.CanIntrospect() {
		return endpoint.Introspection{}, &Error{Class: ClassRequest, Reason: "no introspection URL is known", Hint: "set introspection_url, if the provider has such an endpoint"}
	}
	token := s.inHand()
	if token.Empty() {
		return endpoint.Introspection{}, &Error{Class: ClassTransient, Reason: errNoToken.Error(), Err: errNoToken}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.endpoint.Introspect(ctx, token)
}

// inHand is the token that is, or was last, served.
func (s *Source) inHand() Secret {
	if h := s.live.Load(); h != nil && h.Generation > s.rejected.Load() {
		return h.Access
	}
	if row := s.row.Load(); row != nil {
		return row.Token
	}
	return Secret{}
}
