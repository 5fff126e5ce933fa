package auth

import (
	"sync/atomic"
	"time"

	"orderbeat/auth/endpoint"
)

// counts holds the counters since the source was created.
type counts struct {
	logins  atomic.Int64
	replays atomic.Int64
	saved   atomic.Int64
	// stored is the part of the counts that is already stored; used by the renewal only.
	stored tally
}

// tally is a snapshot of the counts.
type tally struct{ logins, replays, saved int64 }

// tally adds the counts that are not stored yet to the row, and returns the snapshot that is stored
// with it.
func (c *counts) tally(row *Row) tally {
	now := tally{c.logins.Load(), c.replays.Load(), c.saved.Load()}
	row.Logins += now.logins - c.stored.logins
	row.Replays += now.replays - c.stored.replays
	row.Saved += now.saved - c.stored.saved
	return now
}

func (c *counts) tallied(t tally) { c.stored = t }

// Status is the state of a source. It contains no secret.
type Status struct {
	// Key identifies the credential: it contains the provider, the environment and the user.
	Key string `json:"key"`
	// Provider is the name of the provider's section in the configuration.
	Provider string `json:"provider"`
	// Environment is "sandbox", "test" or "production".
	Environment string `json:"environment"`
	// User is the user that the tokens belong to. Absent if they are the client's own.
	User string `json:"user,omitzero"`
	// Dialect is the name of the token endpoint's dialect.
	Dialect string `json:"dialect,omitzero"`
	// State is the state of the credential.
	State State `json:"state"`
	// Generation counts the tokens of the credential.
	Generation int64 `json:"generation"`

	// RenewedAt is when the current token was obtained.
	RenewedAt time.Time `json:"renewed_at,omitzero"`
	// ExpiresAt is when the current token expires. Absent without a valid token.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// LifeLeft is in whole seconds, 0 without a valid token. In the state consent_required it can be
	// more: the token is served until it expires.
	LifeLeft int64 `json:"life_left_seconds"`
	// Guessed reports that the lifetime is a default.
	Guessed bool `json:"life_guessed"`
	// Expiry says where the lifetime comes from.
	Expiry endpoint.Expiry `json:"expiry_source,omitzero"`

	// NextAttemptAt is when the next token is requested at the earliest: the end of a cooldown, or the
	// early renewal of a valid token. Absent when the next call requests one, and when no token will
	// be requested.
	NextAttemptAt time.Time `json:"next_attempt_at,omitzero"`
	// Cooling reports a cooldown until next_attempt_at, also while the old token is served.
	Cooling bool `json:"cooling"`
	// LastFailure is the last failed attempt. Absent if there was none.
	LastFailure *Failure `json:"last_failure,omitempty"`
	// Failures counts failed attempts of the class of the last one, in a row.
	Failures int `json:"failures"`
	// Refusals counts the rejections of the credentials since the last token.
	Refusals int `json:"refusals"`

	// NextSecret reports that client_secret_next is used, because client_secret is rejected.
	NextSecret bool `json:"client_secret_next,omitzero"`
	// ConsentedAt is when the user granted access.
	ConsentedAt time.Time `json:"consented_at,omitzero"`
	// ConsentReason is why the user must grant access again.
	ConsentReason string `json:"consent_reason,omitzero"`
	// Unreadable reports that the stored token cannot be read, or that the store has no keys to write
	// with, so that no token is requested.
	Unreadable bool `json:"unreadable,omitzero"`

	// Logins counts the token requests that were sent.
	Logins int64 `json:"logins"`
	// Replays counts the calls that were sent again after a 401.
	Replays int64 `json:"replays"`
	// Saved counts the tokens that were served without a token request.
	Saved int64 `json:"saved"`
}

// Status returns the state known to this source. It reads neither the store nor the endpoint: what other
// processes did since the last attempt is missing. The counts are this source's.
func (s *Source) Status() Status {
	now := time.Now()
	row := Row{State: StateEmpty}
	if r := s.row.Load(); r != nil {
		row = *r
	}
	row.Key, row.Provider, row.Environment, row.User = s.id.Key, s.id.Provider, s.id.Environment, s.id.User
	if row.Credential != "" && row.Credential != s.id.Credential { // the row's state belongs to another credential
		row.State, row.CooldownUntil = row.unlatched(), time.Time{}
	}
	st := row.status(now, s.live.Load(), s.rejected.Load())
	st.Dialect, st.NextSecret = s.config.Dialect.Name, s.config.Client.secrets.accepted()
	st.Unreadable = st.Unreadable || s.keyless.Load()
	if reason := s.consentReason(row); reason != "" {
		st.State, st.ConsentReason = StateConsent, reason
	}
	st.Logins, st.Replays, st.Saved = s.counts.logins.Load(), s.counts.replays.Load(), s.counts.saved.Load()
	return st
}

// StatusOf returns the status of a source that has just read the row. The counts are those of all
// processes, as of the last commit.
func StatusOf(row Row) Status {
	now := time.Now()
	st := row.status(now, newServedToken(row, 0, now), 0)
	if row.State == StateConsent {
		st.State = StateConsent
	}
	return st
}

func (r Row) status(now time.Time, h *servedToken, rejected int64) Status {
	st := Status{
		Key: r.Key, Provider: r.Provider, Environment: r.Environment, User: r.User,
		State: StateEmpty, Generation: r.Generation, RenewedAt: r.ObtainedAt, Expiry: r.Expiry, Guessed: r.Expiry == endpoint.ExpiryDefault,
		Failures: r.Failures, Refusals: r.Refusals, ConsentedAt: r.ConsentedAt, ConsentReason: r.ConsentReason, Unreadable: r.Unreadable,
		Logins: r.Logins, Replays: r.Replays, Saved: r.Saved,
	}
	if r.Failure.Class != "" {
		failure := r.Failure
		st.LastFailure = &failure
	}
	st.Cooling = r.coolingDown(now)
	switch {
	case h.usable(now, rejected):
		st.State, st.Generation, st.ExpiresAt, st.NextAttemptAt = StateValid, h.Generation, h.ExpiresAt, h.refreshAt
		st.LifeLeft = int64(h.ExpiresAt.Sub(now) / time.Second)
	case r.State == StateRejected:
		st.State = StateRejected
	case st.Cooling:
		st.State = StateCooldown
	case r.State == StateValid && (r.User != "" || r.ExpiresAt.IsZero()):
		st.State = StateValid // a grant that the next call renews, or credentials without tokens
	}
	if st.Cooling {
		st.NextAttemptAt = r.CooldownUntil
	}
	return st
}
