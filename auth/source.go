package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

// maxTokenWaits bounds how often a call waits for a token: a new one may have been rejected meanwhile.
const maxTokenWaits = 3

// errClosed is returned to a call that needs a token request after [Source.Close].
var errClosed = errors.New("the source is closed")

// Source manages one credential's tokens: the client's own, or those of one user. It is safe for
// concurrent use.
type Source struct {
	id       Lease  // key, provider, environment, user, credential: common to all leases
	owner    string // the owner of this source's leases
	config   Config
	endpoint *endpoint.Endpoint
	// second is the endpoint with the second client secret, nil without one; nextCredential is the
	// fingerprint of the credential with it.
	second         *endpoint.Endpoint
	nextCredential string
	log            *slog.Logger
	notifyFunc     atomic.Pointer[func(Status)]

	live     atomic.Pointer[servedToken] // written by the renewal only
	row      atomic.Pointer[Row]         // as last read; written by the renewal only
	unsaved  atomic.Pointer[unsaved]
	keyless  atomic.Bool  // the store has no keys to write with
	rejected atomic.Int64 // highest generation that the API rejected
	counts   counts
	silent   int // connections in a row that failed; used by the renewal only
	odd      int // responses in a row that looked like a wrong URL; used by the renewal only
	// refusedLately reports whether refusal.rest is not 0; successful calls read it without a lock.
	refusedLately atomic.Bool

	mu      sync.Mutex // guards the following fields; held for a few lines of memory only
	flight  *renewal   // nil when there is none
	closed  bool
	refusal refusals

	flights sync.WaitGroup
}

// NewSource checks the configuration and reports all mistakes at once. It sends nothing.
func NewSource(c Config) (*Source, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	s := &Source{
		config: c, endpoint: endpoint.New(c.Endpoint()),
		id: Lease{
			Key: c.key(), Provider: c.Provider, Environment: c.Environment, User: c.User,
			Credential: hash(append([]string{c.Dialect.Name, c.TokenURL, c.ClientID.Reveal(), c.ClientSecret.Reveal()}, append(pairs(c.TokenHeaders), c.Assertion.Fingerprint()...)...)...),
		},
		owner: rand.Text(),
		log:   c.Log.With("provider", c.Provider, "user", c.User),
	}
	if c.Granter == nil {
		s.config.Granter = s.endpoint
	}
	if !c.ClientSecretNext.Empty() {
		other := c
		other.ClientSecret = c.ClientSecretNext
		s.second = endpoint.New(other.Endpoint())
		s.id.Credential = hash(s.id.Credential, c.ClientSecretNext.Reveal()) // fingerprint of both secrets
		s.nextCredential = hash("next", s.id.Credential)
		c.Mask.AddPair(c.ClientID.Reveal(), c.ClientSecretNext.Reveal())
	}
	s.SetNotify(nil)
	c.Mask.AddPair(c.ClientID.Reveal(), c.ClientSecret.Reveal())
	return s, nil
}

// User returns the owner of the tokens, "" for the client's own.
func (s *Source) User() string { return s.config.User }

// Provider returns the name of the provider that the tokens are for.
func (s *Source) Provider() string { return s.config.Provider }

// SetNotify registers f. The source calls it with its new status, one call at a time, after everything
// that may have changed its state. f must not block; nil removes it.
func (s *Source) SetNotify(f func(Status)) {
	if f == nil {
		f = func(Status) {}
	}
	s.notifyFunc.Store(&f)
}

func (s *Source) notify() { (*s.notifyFunc.Load())(s.Status()) }

// Token returns an access token to send. A valid one is returned at once, even while it is renewed in
// the background; otherwise Token waits, at most until ctx ends, for the one token request that all
// callers share. That request continues when a caller leaves.
//
// The error is an *[endpoint.Error], or wraps ctx's.
func (s *Source) Token(ctx context.Context) (Token, error) {
	h, err := s.get(ctx)
	if err != nil {
		return Token{}, err
	}
	return h.Token, nil
}

func (s *Source) get(ctx context.Context) (*servedToken, error) {
	now := time.Now()
	h := s.live.Load()
	if !h.usable(now, s.rejected.Load()) {
		return s.wait(ctx)
	}
	s.counts.saved.Add(1)
	if !now.Before(h.refreshAt) {
		s.startRenewal() //nolint:contextcheck // a flight outlives its callers
	}
	return h, nil
}

// wait waits for renewals until one brings a token that is not rejected yet: a renewal that began
// before a 401 can bring the rejected token.
func (s *Source) wait(ctx context.Context) (*servedToken, error) {
	for range maxTokenWaits {
		f := s.startRenewal() //nolint:contextcheck // a flight outlives its callers
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for an access token: %w", context.Cause(ctx))
		}
		if f.err != nil {
			return nil, f.err
		}
		if h := s.live.Load(); h.usable(time.Now(), s.rejected.Load()) {
			return h, nil
		}
	}
	return nil, &endpoint.Error{Class: endpoint.ClassTransient, Reason: "the token endpoint keeps returning rejected or expired tokens"}
}

// RenewIdle renews a user's tokens when due even without calls, at least once a day, so that an idle
// refresh token does not expire. It also stores what could not be stored before. It does not wait.
// Call it about once a minute; the client's own tokens do not need it.
func (s *Source) RenewIdle() {
	if s.config.User == "" {
		return
	}
	h, now := s.live.Load(), time.Now()
	if s.unsaved.Load() == nil && h.usable(now, s.rejected.Load()) && now.Before(h.refreshAt) {
		return
	}
	s.startRenewal()
}

// Close stops further token requests and waits for the running one: 1 s for its response, or 10 s if
// it uses a user's refresh token, which would be lost with it. Current tokens are served until they
// expire. Close may be called more than once.
func (s *Source) Close() {
	s.mu.Lock()
	s.closed = true
	f := s.flight
	s.mu.Unlock()
	if f != nil {
		grace := closeGrace
		if s.config.User != "" {
			grace = closeGraceUser
		}
		stop := time.AfterFunc(grace, f.cancel)
		defer stop.Stop()
	}
	s.flights.Wait()
}

// Token is an access token. It is a value; a newer one replaces it.
type Token struct {
	// Access is the token itself. It is opaque.
	Access secret.Secret
	// Generation counts the tokens of a credential, from 1. [Source.Reject] takes it.
	Generation int64
	// ExpiresAt is when it expires, by our own clock.
	ExpiresAt time.Time
}

// servedToken is the token that a source serves, with its times. It is immutable, so that readers need no
// lock.
type servedToken struct {
	Token
	refreshAt time.Time // from here on it is renewed while it is still served
	stopAt    time.Time // from here on it is no longer served
	header    []string  // the Authorization header's values, shared by all requests
	remedies  int64     // the rejected generation that caused its request, 0 for none
}

func (h *servedToken) usable(now time.Time, rejected int64) bool {
	return h != nil && h.Generation > rejected && now.Before(h.stopAt)
}

// newServedToken makes a row's token ready to serve. Its times use the monotonic clock, so that setting the
// wall clock does not extend a token.
func newServedToken(row Row, remedies int64, now time.Time) *servedToken {
	expiresAt := now.Add(row.ExpiresAt.Sub(now))
	stopAt := expiresAt
	if row.RefreshAt.Before(row.ExpiresAt) { // otherwise no newer token can be obtained before it expires
		stopAt = expiresAt.Add(-hardStop(row.ExpiresAt.Sub(row.ObtainedAt)))
	}
	return &servedToken{
		Token:     Token{Access: row.Token, Generation: row.Generation, ExpiresAt: expiresAt},
		refreshAt: now.Add(row.RefreshAt.Sub(now)),
		stopAt:    stopAt,
		header:    []string{"Bearer " + row.Token.Reveal()},
		remedies:  remedies,
	}
}

func (h *servedToken) withRefreshAt(t time.Time) *servedToken {
	c := *h
	c.refreshAt = t
	return &c
}

// renewBefore is how long before expiry a token is renewed: a fifth of its lifetime, at least 1 min, at
// most 10 min, and never more than two fifths; a random 60 to 100 % of that is used, so that processes
// that started together do not renew together.
func renewBefore(life time.Duration) time.Duration {
	window := min(max(life/5, time.Minute), 10*time.Minute, life*2/5)
	return time.Duration(float64(window) * (0.6 + 0.4*mathrand.Float64()))
}

// hardStop is how long before expiry a token is no longer served: a request takes time to arrive.
func hardStop(life time.Duration) time.Duration {
	return min(30*time.Second, life/10)
}
