package auth

import (
	"context"
	"errors"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth/endpoint"
)

// errNoToken is returned when there is no token to introspect.
var errNoToken = errors.New("there is no access token")

// CanIntrospect reports whether there is an introspection endpoint.
func (s *Source) CanIntrospect() bool { return s.endpoint.CanIntrospect() }

// Introspect sends the current token to the introspection endpoint (RFC 7662). It changes nothing: a
// failure counts neither against the credentials nor against the token.
//
// The error is an *[endpoint.Error].
func (s *Source) Introspect(ctx context.Context) (endpoint.Introspection, error) {
	if !s.CanIntrospect() {
		return endpoint.Introspection{}, &endpoint.Error{Class: endpoint.ClassRequest, Reason: "there is no introspection URL", Hint: "set introspection_url, if the provider has such an endpoint"}
	}
	token := s.lastToken()
	if token.Empty() {
		return endpoint.Introspection{}, &endpoint.Error{Class: endpoint.ClassTransient, Reason: errNoToken.Error(), Err: errNoToken}
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	return s.current().Introspect(ctx, token)
}

// lastToken returns the token that is served, or that was served last.
func (s *Source) lastToken() secret.Secret {
	if h := s.live.Load(); h != nil && h.Generation > s.rejected.Load() {
		return h.Access
	}
	if row := s.row.Load(); row != nil {
		return row.Token
	}
	return secret.Secret{}
}

// Logout drops the tokens and revokes them at the authorization server if it has an endpoint for that
// (RFC 7009), the refresh token first. They are dropped here in any case; revoked reports whether the
// server revoked them. A user has to grant access again; a client obtains a token with its next call.
//
// The error is an *[endpoint.Error], or ctx's if nothing was done.
func (s *Source) Logout(ctx context.Context) (revoked bool, err error) {
	err = s.exclusively(ctx, func(ctx context.Context) error {
		if err := s.save(ctx); err != nil {
			return err
		}
		lease, row, err := s.forceLease(ctx)
		if err != nil {
			return err
		}
		if h := s.live.Load(); h != nil && h.Generation > row.Generation { // it was not stored
			row.Token, row.Generation = h.Access, h.Generation
		}
		var refused error
		if s.endpoint.CanRevoke() {
			refused = errors.Join(s.revoke(ctx, row.Refresh, "refresh_token"), s.revoke(ctx, row.Token, "access_token"))
			revoked = refused == nil
		}
		s.rejected.Store(max(s.rejected.Load(), row.Generation))
		row.Unreadable, row.Kept = false, secret.Secret{}
		row.Token, row.Refresh, row.Generation = secret.Secret{}, secret.Secret{}, row.Generation+1
		row.State, row.ExpiresAt, row.RefreshAt, row.ObtainedAt, row.Lost = StateEmpty, time.Time{}, time.Time{}, time.Time{}, 0
		if s.config.User != "" {
			row.State, row.ConsentReason = StateConsent, reasonLogout
		}
		if err := s.commitForced(ctx, lease, row); err != nil {
			return err
		}
		return refused
	})
	return revoked, err
}

// revoke revokes one token. A token unknown to the server counts as revoked (RFC 7009 section 2.2); after a
// 503 it may still be valid (section 2.2.1).
func (s *Source) revoke(ctx context.Context, token secret.Secret, hint string) error {
	if token.Empty() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	return s.current().Revoke(ctx, token, hint)
}
