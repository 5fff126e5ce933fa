package auth

import (
	"sync/atomic"
	"time"

	"orderbeat/auth/endpoint"
)

// counts are since the source was made.
type counts struct {
	logins  atomic.Int64
	replays atomic.Int64
	saved   atomic.Int64
	// stored is what of them the store knows; used by the flight alone.
	stored tally
}

// tally is a reading of the counts.
type tally struct{ logins, replays, saved int64 }

// tally adds to the row what the store does not know yet, and returns the reading
// that it then knows.
func (c *counts) tally(row *Row) tally {
	now := tally{c.logins.Load(), c.replays.Load(), c.saved.Load()}
	row.Logins += now.logins - c.stored.logins
	row.Replays += now.replays - c.stored.replays
	row.Saved += now.saved - c.stored.saved
	return now
}

func (c *counts) tallied(t tally) { c.stored = t }

// Status is what can be told of a source. It holds no secret.
type Status struct {
	Key         string `json:"key"`
	Provider    string `json:"provider"`
	Environment string `json:"environment"`
	User        string `json:"user,omitzero"` // "" where tokens are the client's own
	Dialect     string `json:"dialect,omitzero"`
	State       State  `json:"state"`
	Generation  int64  `json:"generation"`

	RenewedAt time.Time `json:"renewed_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// LifeLeft is in whole seconds, 0 without a live token. In [StateConsent] it can
	// be more: what was granted is served until it ends.
	LifeLeft int64 `json:"life_left_seconds"`
	// Guessed says that nobody told how long the token lives; Expiry says who did.
	Guessed bool            `json:"life_guessed"`
	Expiry  endpoint.Expiry `json:"expiry_source,omitzero"`

	// NextAttemptAt is before when no token is asked for: the end of a cooldown, or
	// the early renewal of a live token. It is zero when a token is asked for at
	// the next call, and when none will be.
	NextAttemptAt time.Time `json:"next_attempt_at,omitzero"`
	// Cooling says that a failed attempt is rested from until NextAttemptAt, also
	// while the old token is served.
	Cooling bool `json:"cooling"`
	// LastFailure is the last attempt that failed, nil if none did; Failures
	// counts those of its class in a row, and Refusals those that refused the credentials,
	// since the last token.
	LastFailure *Failure `json:"last_failure,omitempty"`
	Failures    int      `json:"failures"`
	Refusals    int      `json:"refusals"`

	// ConsentedAt is when the user granted access, ConsentReason why they must do
	// so again.
	ConsentedAt   time.Time `json:"consented_at,omitzero"`
	ConsentReason string    `json:"consent_reason,omitzero"`
	// Unreadable says that what the store holds cannot be read, or that it lacks the
	// keys to write with, so that no token is asked for.
	Unreadable bool `json:"unreadable,omitzero"`

	Logins  int64 `json:"logins"`  // token requests sent
	Replays int64 `json:"replays"` // calls sent again after a 401
	Saved   int64 `json:"saved"`   // tokens served without a token request
}

// Status tells what this source knows now. It asks neither the store nor the
// endpoint: what other processes did since the last attempt is not in it. The counts
// are this source's.
func (s *Source) Status() Status {
	now := time.Now()
	row := Row{State: StateEmpty}
	if r := s.row.Load(); r != nil {
		row = *r
	}
	row.Key, row.Provider, row.Environment, row.User = s.id.Key, s.id.Provider, s.id.Environment, s.id.User
	if row.Credential != "" && row.Credential != s.id.Credential { // its judgement was about another credential
		row.State, row.CooldownUntil = row.unlatched(), time.Time{}
	}
	st := row.status(now, s.live.Load(), s.rejected.Load())
	st.Dialect = s.dialect.Name
	st.Unreadable = st.Unreadable || s.keyless.Load()
	if reason := s.lapsed(row); reason != "" {
		st.State, st.ConsentReason = StateConsent, reason
	}
	st.Logins, st.Replays, st.Saved = s.counts.logins.Load(), s.counts.replays.Load(), s.counts.saved.Load()
	return st
}

// StatusOf tells of a row what a source would that had just read it. The counts are
// those of all processes, as of the last time that anything was asked for.
func StatusOf(row Row) Status {
	now := time.Now()
	st := row.status(now, hold(row, 0, now), 0)
	if row.State == StateConsent {
		st.State = StateConsent
	}
	return st
}

func (r Row) status(now time.Time, h *held, rejected int64) Status {
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
	st.Cooling = r.cooling(now)
	switch {
	case h.usable(now, rejected):
		st.State, st.Generation, st.ExpiresAt, st.NextAttemptAt = StateValid, h.Generation, h.ExpiresAt, h.refreshAt
		st.LifeLeft = int64(h.ExpiresAt.Sub(now) / time.Second)
	case r.State == StateRejected:
		st.State = StateRejected
	case st.Cooling:
		st.State = StateCooldown
	case r.State == StateValid && (r.User != "" || r.ExpiresAt.IsZero()):
		st.State = StateValid // a grant that the next call renews, or credentials that need no token
	}
	if st.Cooling {
		st.NextAttemptAt = r.CooldownUntil
	}
	return st
}
