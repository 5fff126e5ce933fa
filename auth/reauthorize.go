package auth

import (
	"context"
	"time"
)

// Why a person must grant access. The texts stand in errors, alerts and the store.
const (
	reasonNever      = "access was never granted"
	reasonRefused    = "the provider refuses to renew the access that was granted"
	reasonLost       = "the answer to a renewal was lost, and so the new refresh token"
	reasonEnded      = "the access that was granted has ended, and came without a refresh token"
	reasonUnreadable = "the tokens that were stored cannot be read"
	reasonLogout     = "somebody logged the user out"
)

// lapsed is why a person must grant access before another token can be asked for, ""
// when nobody needs to.
func (s *Source) lapsed(row Row) string {
	switch {
	case s.config.User == "" || !row.Refresh.Empty() && row.State != StateConsent:
		return ""
	case row.Unreadable:
		return reasonUnreadable
	case row.State == StateConsent:
		return row.ConsentReason
	case row.ConsentedAt.IsZero():
		return reasonNever
	default:
		return reasonEnded
	}
}

// consentError is the error of a call for a user who must grant access. No request
// was sent for it.
func (s *Source) consentError(reason string) *Error {
	return &Error{
		Class: ClassConsent, Reason: "user " + s.config.User + " must grant access: " + reason,
		Hint: s.dialect.Hint(ClassConsent, ""), Cooling: true,
	}
}

// refusedRefresh acts on a refresh token that is refused. Another process may have
// spent it meanwhile, under a lease that we have lost: what that one got is good then.
func (s *Source) refusedRefresh(ctx context.Context, lease Lease, row Row) error {
	if newer, err := s.store.Load(ctx, s.id.Key); err == nil && newer.Generation > lease.Generation && s.useStored(newer, time.Now()) {
		s.row.Store(&newer)
		return nil
	}
	if row.Lost > 0 {
		return s.lapse(ctx, lease, row, reasonLost)
	}
	return s.lapse(ctx, lease, row, reasonRefused)
}

// lapse gives up the refresh token. The access token is served as long as the API
// takes it.
func (s *Source) lapse(ctx context.Context, lease Lease, row Row, reason string) error {
	row.State, row.ConsentReason, row.Refresh, row.Lost = StateConsent, reason, Secret{}, 0
	row.Credential = s.id.Credential
	row.Failures++
	row.Failure = Failure{Class: ClassConsent, Reason: reason, At: time.Now()}
	row.CooldownUntil = time.Time{}
	s.row.Store(&row)
	s.commit(ctx, lease, row)
	return s.consentError(reason)
}
