package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Limiter spaces token requests; a *rate.Limiter is one.
type Limiter interface {
	// Wait returns nil when a request may be sent, or an error as soon as ctx
	// ends or cannot be met.
	Wait(ctx context.Context) error
}

// Config is what a source is made of.
type Config struct {
	Dialect Dialect
	// Key names the credential in the store, such as "michelin/production". The
	// source adds the grant and a hash of the client id: another client has
	// another row.
	Key string
	// TokenURL is the token endpoint: https, or http on a loopback address.
	TokenURL     string
	ClientID     Secret
	ClientSecret Secret
	// TTL is how long a token lives when the answer does not tell; 0 leaves that
	// to the dialect.
	TTL time.Duration
	// Store keeps the token; nil keeps it in memory, for this source alone.
	Store Store
	// Limiter spaces token requests; nil does not.
	Limiter Limiter
	// Base carries token requests; nil is [http.DefaultTransport].
	Base http.RoundTripper
	// Timeout bounds one token request, its answer included; 0 is 30 s.
	Timeout   time.Duration
	UserAgent string
	// Log hears of failures that nobody waits for; nil is silent.
	Log *slog.Logger
}

// maxTurns bounds how often a call waits for a token, because one that has just
// come may have been refused meanwhile.
const maxTurns = 3

// errClosed is what a call gets that needs a token request after [Source.Close].
var errClosed = errors.New("the source is closed")

// Source is the life of one credential's tokens. It is safe for concurrent use.
type Source struct {
	dialect    Dialect
	key        string
	credential string // fingerprint of what is sent
	owner      string // of leases
	endpoint   *endpoint
	store      Store
	limiter    Limiter
	timeout    time.Duration
	log        *slog.Logger

	live     atomic.Pointer[held] // written by the flight alone
	row      atomic.Pointer[Row]  // as last seen; written by the flight alone
	rejected atomic.Int64         // highest generation that the API refused
	counts   counts
	// refusedLately is whether refusal.rest is not 0; calls that are answered need
	// no lock to read it.
	refusedLately atomic.Bool

	mu      sync.Mutex // guards what follows; held for a few lines of memory only
	flight  *flight    // nil when there is none
	closed  bool
	refusal refusals

	flights sync.WaitGroup
}

// NewSource checks the configuration, every mistake at once. It sends nothing.
func NewSource(c Config) (*Source, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.TTL > 0 {
		c.Dialect.Life = c.TTL
	}
	if c.Store == nil {
		c.Store = NewMemory()
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Source{
		dialect: c.Dialect, endpoint: newEndpoint(c), store: c.Store, limiter: c.Limiter, timeout: c.Timeout,
		key:        c.Key + "/client_credentials/" + hash(c.ClientID.Reveal())[:16],
		credential: hash(c.Dialect.Name, c.TokenURL, c.ClientID.Reveal(), c.ClientSecret.Reveal()),
		owner:      rand.Text(),
		log:        c.Log.With("key", c.Key),
	}, nil
}

func (c Config) check() error {
	var errs []error
	missing := func(what string, is bool) {
		if is {
			errs = append(errs, fmt.Errorf("auth: %s is missing", what))
		}
	}
	missing("dialect", c.Dialect.Name == "")
	missing("key", c.Key == "")
	missing("client id", c.ClientID.Empty())
	missing("client secret", c.ClientSecret.Empty())
	missing("a token's life, in the dialect or as TTL", c.Dialect.Life <= 0 && c.TTL <= 0)
	if u, err := url.Parse(c.TokenURL); err != nil || u.Host == "" || !confidential(u) {
		errs = append(errs, errors.New("auth: the token URL must be https, or http on a loopback address"))
	}
	return errors.Join(errs...)
}

// hash is a fingerprint of values, in hexadecimal.
func hash(values ...string) string {
	h := sha256.New()
	for _, v := range values {
		fmt.Fprintf(h, "%d:%s", len(v), v)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Token returns an access token to send. A live one comes at once, also while it
// is renewed in the background; otherwise Token waits for the one token request
// that all callers share, no longer than ctx lasts. The request itself goes on when
// a caller leaves.
//
// The error is an *[Error], or wraps ctx's.
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
		s.fly() //nolint:contextcheck // a flight outlives its callers
	}
	return h, nil
}

// wait waits for flights until one brings a token that is not refused already: a
// flight that began before a 401 can bring the very token that was refused.
func (s *Source) wait(ctx context.Context) (*held, error) {
	for range maxTurns {
		f := s.fly() //nolint:contextcheck // a flight outlives its callers
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
	return nil, &Error{Class: ClassTransient, Reason: "every new token is refused, or has ended, when it comes"}
}

// Close refuses further token requests and waits for the one under way: a second
// for its answer, which was asked for and may as well be kept, and then for its end.
// Tokens in hand are served until they end. Close may be called more than once.
func (s *Source) Close() {
	s.mu.Lock()
	s.closed = true
	f := s.flight
	s.mu.Unlock()
	if f != nil {
		stop := time.AfterFunc(closeGrace, f.cancel)
		defer stop.Stop()
	}
	s.flights.Wait()
}
