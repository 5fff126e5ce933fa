package auth

import (
	"sync/atomic"
	"time"
)

// counts are since the source was made.
type counts struct {
	logins  atomic.Int64
	replays atomic.Int64
	saved   atomic.Int64
}

// Status is what can be told of a source. It holds no secret.
type Status struct {
	Key        string `json:"key"`
	Dialect    string `json:"dialect"`
	State      State  `json:"state"` // empty, valid, refused or cooling
	Generation int64  `json:"generation"`

	RenewedAt time.Time `json:"renewed_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// LifeLeft is in whole seconds, 0 without a live token.
	LifeLeft int64 `json:"life_left_seconds"`
	// Guessed says that the provider did not tell how long the token lives.
	Guessed bool `json:"life_guessed"`

	// NextAttemptAt is before when no token is asked for: the end of a cooldown, or
	// the early renewal of a live token. It is zero when a token is asked for at
	// the next call, and when none will be.
	NextAttemptAt time.Time `json:"next_attempt_at,omitzero"`
	// LastFailure is the last attempt that failed, nil if none did.
	LastFailure *Failure `json:"last_failure,omitempty"`

	Logins  int64 `json:"logins"`  // token requests sent
	Replays int64 `json:"replays"` // calls sent again after a 401
	Saved   int64 `json:"saved"`   // tokens served without a token request
}

// Status tells what this source knows now. It asks neither the store nor the
// endpoint: what other processes did since the last attempt is not in it.
func (s *Source) Status() Status {
	now := time.Now()
	st := Status{
		Key: s.key, Dialect: s.dialect.Name, State: StateEmpty,
		Logins: s.counts.logins.Load(), Replays: s.counts.replays.Load(), Saved: s.counts.saved.Load(),
	}
	row := s.row.Load()
	if row != nil {
		st.RenewedAt, st.Guessed = row.ObtainedAt, row.Guessed
		if row.Failures > 0 || row.Failure.Class != "" {
			failure := row.Failure
			st.LastFailure = &failure
		}
	}
	h := s.live.Load()
	switch {
	case h.usable(now, s.rejected.Load()):
		st.State, st.Generation, st.ExpiresAt, st.NextAttemptAt = StateValid, h.Generation, h.ExpiresAt, h.refreshAt
		st.LifeLeft = int64(h.ExpiresAt.Sub(now) / time.Second)
	case row == nil:
	case row.State == StateRefused:
		st.State = StateRefused
	case row.CooldownUntil.After(now):
		st.State, st.NextAttemptAt = StateCooling, row.CooldownUntil
	}
	return st
}
