package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"orderbeat/auth/endpoint"
)

// maxTurns bounds how often a call waits for a token, because one that has just
// come may have been refused meanwhile.
const maxTurns = 3

// errClosed is what a call gets that needs a token request after [Source.Close].
var errClosed = errors.New("the source is closed")

// Source is the life of one credential's tokens: the client's own, or those of one
// user. It is safe for concurrent use.
type Source struct {
	dialect    endpoint.Dialect
	id         Lease  // key, provider, environment, user, credential: what every lease says
	owner      string // of the flights' leases
	config     Config
	endpoint   *endpoint.Endpoint
	granter    Granter
	client     *Client
	store      Store
	limiter    Limiter
	timeout    time.Duration
	log        *slog.Logger
	notifyFunc atomic.Pointer[func(Status)]

	live     atomic.Pointer[held] // written by the flight alone
	row      atomic.Pointer[Row]  // as last seen; written by the flight alone
	unsaved  atomic.Pointer[unsaved]
	keyless  atomic.Bool  // the store lacks the keys to write with
	rejected atomic.Int64 // highest generation that the API refused
	counts   counts
	silent   int // connections in a row that failed; used by the flight alone
	odd      int // answers in a row that looked like a wrong address; used by the flight alone
	// refusedLately is whether refusal.rest is not 0; calls that are answered need
	// no lock to read it.
	refusedLately atomic.Bool

	mu      sync.Mutex // guards what follows; held for a few lines of memory only
	flight  *renewal   // nil when there is none
	closed  bool
	refusal refusals

	flights sync.WaitGroup
}

// NewSource checks the configuration, every mistake at once. It sends nothing.
func NewSource(c Config) (*Source, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	s := &Source{
		dialect: c.Dialect, config: c, endpoint: endpoint.New(c.Endpoint()), granter: c.Granter, client: c.Client, store: c.Store, limiter: c.Limiter, timeout: c.Timeout,
		id: Lease{
			Key: c.key(), Provider: c.Provider, Environment: c.Environment, User: c.User,
			Credential: hash(append([]string{c.Dialect.Name, c.TokenURL, c.ClientID.Reveal(), c.ClientSecret.Reveal()}, append(pairs(c.TokenHeaders), c.Assertion.Fingerprint()...)...)...),
		},
		owner: rand.Text(),
		log:   c.Log.With("provider", c.Provider, "user", c.User),
	}
	if s.granter == nil {
		s.granter = s.endpoint
	}
	s.SetNotify(nil)
	c.Mask.AddPair(c.ClientID.Reveal(), c.ClientSecret.Reveal())
	return s, nil
}

// User is whose tokens these are, "" for the client's own.
func (s *Source) User() string { return s.config.User }

// Provider is the provider whose tokens these are.
func (s *Source) Provider() string { return s.config.Provider }

// SetNotify has f hear of everything that may have changed the source's state, one
// after the other, with the state it led to. It must not block; nil hears nothing.
func (s *Source) SetNotify(f func(Status)) {
	if f == nil {
		f = func(Status) {}
	}
	s.notifyFunc.Store(&f)
}

func (s *Source) notify() { (*s.notifyFunc.Load())(s.Status()) }

// Token returns an access token to send. A live one comes at once, also while it
// is renewed in the background; otherwise Token waits for the one token request
// that all callers share, no longer than ctx lasts. The request itself goes on when
// a caller leaves.
//
// The error is an *[endpoint.Error], or wraps ctx's.
func (s *Source) Token(ctx context.Context) (Token, error) {
	h, err := s.get(ctx)
	if err != nil {
		return Token{}, err
	}
	return h.Token, nil
}

func (s *Source) get(ctx context.Context) (*held, error) {
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

// wait waits for flights until one brings a token that is not refused already: a
// flight that began before a 401 can bring the very token that was refused.
func (s *Source) wait(ctx context.Context) (*held, error) {
	for range maxTurns {
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
	return nil, &endpoint.Error{Class: endpoint.ClassTransient, Reason: "every new token is refused, or has ended, when it comes"}
}

// Tend renews a user's tokens that are due although nobody calls, so that an idle
// refresh token does not lapse: at least once a day. It stores what the store did not
// take before. It does not wait. Whoever owns the
// source calls it every minute or so; the client's own tokens need no tending.
func (s *Source) Tend() {
	if s.config.User == "" {
		return
	}
	h, now := s.live.Load(), time.Now()
	if s.unsaved.Load() == nil && h.usable(now, s.rejected.Load()) && now.Before(h.refreshAt) {
		return
	}
	s.startRenewal()
}

// Close refuses further token requests and waits for the one under way: a second
// for its answer, which was asked for and may as well be kept, or ten where it spends
// a user's refresh token, which would be lost with it. Tokens in hand are served until
// they end. Close may be called more than once.
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
