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
	// stored is the part that is stored; used by the renewal only.
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
	Key         string `json:"key"`
	Provider    string `json:"provider"`
	Environment string `json:"environment"`
	User        string `json:"user,omitzero"` // "" where tokens are the client's own
	Dialect     string `json:"dialect,omitzero"`
	State       State  `json:"state"`
	Generation  int64  `json:"generation"`

	RenewedAt time.Time `json:"renewed_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// LifeLeft is in whole seconds, 0 without a valid token. In [StateConsent] it can be more: the token
	// is served until it expires.
	LifeLeft int64 `json:"life_left_seconds"`
	// Guessed reports that the lifetime is a default; Expiry says where it comes from.
	Guessed bool            `json:"life_guessed"`
	Expiry  endpoint.Expiry `json:"expiry_source,omitzero"`

	// NextAttemptAt is when the next token is requested at the earliest: the end of a cooldown, or the
	// early renewal of a valid token. It is zero when the next call requests one, and when no token will
	// be requested.
	NextAttemptAt time.Time `json:"next_attempt_at,omitzero"`
	// Cooling reports a cooldown until NextAttemptAt, also while the old token is served.
	Cooling bool `json:"cooling"`
	// LastFailure is the last failed attempt, nil if there was none; Failures counts those of its class
	// in a row, and Refusals the rejections of the credentials, since the last token.
	LastFailure *Failure `json:"last_failure,omitempty"`
	Failures    int      `json:"failures"`
	Refusals    int      `json:"refusals"`

	// ConsentedAt is when the user granted access, ConsentReason why they must do
	// so again.
	ConsentedAt   time.Time `json:"consented_at,omitzero"`
	ConsentReason string    `json:"consent_reason,omitzero"`
	// Unreadable reports that the stored token cannot be read, or that the store has no keys to write
	// with, so that no token is requested.
	Unreadable bool `json:"unreadable,omitzero"`

	Logins  int64 `json:"logins"`  // token requests sent
	Replays int64 `json:"replays"` // calls sent again after a 401
	Saved   int64 `json:"saved"`   // tokens served without a token request
}

// Status returns what this source knows. It reads neither the store nor the endpoint: what other
// processes did since the last attempt is missing. The counts are this source's.
func (s *Source) Status() Status {
	now := time.Now()
	row := Row{State: StateEmpty}
	if r := s.row.Load(); r != nil {
		row = *r
	}
	row.Key, row.Provider, row.Environment, row.User = s.id.Key, s.id.Provider, s.id.Environment, s.id.User
	if row.Credential != "" && row.Credential != s.id.Credential { // the row is about another credential
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

// StatusOf is the status of a source that has just read the row. The counts are those of all
// processes, as of the last commit.
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
		st.State = StateValid // a grant that the next call renews, or credentials without tokens
	}
	if st.Cooling {
		st.NextAttemptAt = r.CooldownUntil
	}
	return st
}
