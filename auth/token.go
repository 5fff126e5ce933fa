package auth

import (
	"math/rand/v2"
	"time"

	"orderbeat/auth/secret"
)

// Token is an access token. It is a value; a newer one replaces it.
type Token struct {
	// Access is the token itself. It is opaque.
	Access secret.Secret
	// Generation counts the tokens of a credential, from 1. [Source.Reject] takes it.
	Generation int64
	// ExpiresAt is when it expires, by our own clock.
	ExpiresAt time.Time
}

// held is the token that a source serves, with its times. It is immutable, so that readers need no
// lock.
type held struct {
	Token
	refreshAt time.Time // from here on it is renewed while it is still served
	stopAt    time.Time // from here on it is no longer served
	header    []string  // the Authorization header's values, shared by all requests
	remedies  int64     // the rejected generation that caused its request, 0 for none
}

func (h *held) usable(now time.Time, rejected int64) bool {
	return h != nil && h.Generation > rejected && now.Before(h.stopAt)
}

// hold makes a row's token ready to serve. Its times use the monotonic clock, so that setting the
// wall clock does not extend a token.
func hold(row Row, remedies int64, now time.Time) *held {
	expiresAt := now.Add(row.ExpiresAt.Sub(now))
	stopAt := expiresAt
	if row.RefreshAt.Before(row.ExpiresAt) { // otherwise no newer token can be obtained before it expires
		stopAt = expiresAt.Add(-hardStop(row.ExpiresAt.Sub(row.ObtainedAt)))
	}
	return &held{
		Token:     Token{Access: row.Token, Generation: row.Generation, ExpiresAt: expiresAt},
		refreshAt: now.Add(row.RefreshAt.Sub(now)),
		stopAt:    stopAt,
		header:    []string{"Bearer " + row.Token.Reveal()},
		remedies:  remedies,
	}
}

// withRefreshAt is the same token, renewed at another time.
func (h *held) withRefreshAt(t time.Time) *held {
	c := *h
	c.refreshAt = t
	return &c
}

// earlyBy is how long before expiry a token is renewed: a fifth of its lifetime, at least 1 min, at
// most 10 min, and never more than two fifths; of that a random share, so that processes that started
// together do not renew together.
func earlyBy(life time.Duration) time.Duration {
	window := min(max(life/5, time.Minute), 10*time.Minute, life*2/5)
	return time.Duration(float64(window) * (0.6 + 0.4*rand.Float64()))
}

// hardStop is how long before expiry a token is no longer served: a request takes time to arrive.
func hardStop(life time.Duration) time.Duration {
	return min(30*time.Second, life/10)
}
