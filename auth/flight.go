package auth

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// closeGrace is how long Close waits for an answer. Whoever closes has waited
	// already for the calls that wanted the token.
	closeGrace = time.Second
	// storeTimeout bounds the write of an outcome, which no one may cancel.
	storeTimeout = 5 * time.Second
)

// flight is one attempt to have a usable token, shared by all who need one.
type flight struct {
	done   chan struct{} // closed by the flight
	err    error         // why there is no new token; read it after done
	cancel context.CancelFunc
}

// fly starts a flight, or joins the one under way. It does not wait.
func (s *Source) fly() *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight
	}
	f := &flight{done: make(chan struct{})}
	if s.closed {
		f.err = &Error{Class: ClassTransient, Reason: errClosed.Error(), Err: errClosed}
		close(f.done)
		return f
	}
	// No caller's context: a caller that leaves must not end what others wait for.
	// Twice the timeout leaves room for the limiter and for another's lease.
	ctx, cancel := context.WithTimeout(context.Background(), 2*s.timeout)
	f.cancel = cancel
	s.flight = f
	s.flights.Go(func() {
		defer cancel()
		f.err = s.obtain(ctx)
		s.land(f)
	})
	return f
}

// land ends a flight. While the old token is served nobody hears of a failure but the log.
func (s *Source) land(f *flight) {
	now := time.Now()
	if h := s.live.Load(); f.err != nil && h.usable(now, s.rejected.Load()) {
		rest := time.Minute // when no attempt is allowed any more, one looks whether that has changed
		if e, ok := errors.AsType[*Error](f.err); ok && e.After > 0 {
			rest = e.After
		}
		s.live.Store(h.withRefreshAt(now.Add(rest)))
		s.log.Warn("the access token could not be renewed early; the old one is served", "expires_at", h.ExpiresAt, "err", f.err)
	}
	s.mu.Lock()
	s.flight = nil
	s.mu.Unlock()
	close(f.done)
}

// obtain brings a usable token: the one in the store if it is newer than ours, else
// one that the endpoint grants to the holder of the lease.
func (s *Source) obtain(ctx context.Context) error {
	for {
		now := time.Now()
		h := s.live.Load()
		usable := h.usable(now, s.rejected.Load())
		if usable && now.Before(h.refreshAt) {
			return nil
		}
		row, err := s.store.Load(ctx, s.key)
		if err != nil {
			return storeError("cannot be read", err)
		}
		s.row.Store(&row)
		if s.adopt(row, now) {
			return nil
		}
		if err := row.resting(s.dialect, s.credential, now); err != nil {
			return err
		}
		lease := Lease{
			Key: s.key, Generation: row.Generation, Credential: s.credential, Owner: s.owner,
			At: now, Until: now.Add(2*s.timeout + storeTimeout), // outlives the flight
		}
		won, err := s.store.Lease(ctx, lease)
		switch {
		case err != nil:
			return storeError("cannot be written", err)
		case won:
			return s.grant(ctx, lease, row)
		case usable: // somebody else renews it
			s.live.Store(h.withRefreshAt(now.Add(time.Second)))
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond+rand.N(40*time.Millisecond)); err != nil {
			return &Error{Class: ClassTransient, Reason: "another process renews the token, and does not end", Err: err}
		}
	}
}

// adopt serves the row's token if it is newer than ours and usable.
func (s *Source) adopt(row Row, now time.Time) bool {
	if h := s.live.Load(); row.Token.Empty() || h != nil && row.Generation <= h.Generation {
		return false
	}
	h := hold(row, s.remedies(row.ObtainedAt), now)
	if !h.usable(now, s.rejected.Load()) {
		return false
	}
	s.live.Store(h)
	return true
}

// grant asks the endpoint, once, and writes down what comes of it before anybody
// gets to see it. It holds the lease.
func (s *Source) grant(ctx context.Context, lease Lease, row Row) error {
	if s.limiter != nil {
		if err := s.limiter.Wait(ctx); err != nil {
			s.commit(ctx, lease, row)
			return &Error{Class: ClassTransient, Reason: "the token endpoint's own rate is used up", Err: err}
		}
	}
	ask, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	asked := time.Now()
	s.counts.logins.Add(1)
	a, err := s.endpoint.ask(ask)
	if err != nil {
		return s.fail(ctx, lease, row, err)
	}
	s.keep(ctx, lease, s.granted(row, a, asked))
	return nil
}

// granted is the row with a new token. Its generation is above all that were ever
// served or refused here, also when the store lost its memory.
func (s *Source) granted(row Row, a answer, asked time.Time) Row {
	newest := max(row.Generation, s.rejected.Load())
	if h := s.live.Load(); h != nil {
		newest = max(newest, h.Generation)
	}
	expiresAt := asked.Add(a.life)
	return Row{
		Key: row.Key, State: StateValid, Generation: newest + 1, Token: a.token,
		ObtainedAt: asked, RefreshAt: expiresAt.Add(-earlyBy(a.life)), ExpiresAt: expiresAt, Guessed: a.guessed,
		Credential: s.credential, Failure: row.Failure,
	}
}

// keep stores a new token and serves it. A token that the store does not take is
// served all the same: it is granted, and asking again would only cost another.
func (s *Source) keep(ctx context.Context, lease Lease, row Row) {
	if !s.commit(ctx, lease, row) {
		if newer, err := s.store.Load(ctx, s.key); err == nil && newer.Generation >= row.Generation && s.adopt(newer, time.Now()) {
			s.row.Store(&newer)
			return
		}
	}
	s.row.Store(&row)
	s.live.Store(hold(row, s.remedies(row.ObtainedAt), time.Now()))
}

// fail stores a failure with the rest that follows it, and returns it for all who wait.
func (s *Source) fail(ctx context.Context, lease Lease, row Row, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || errors.Is(err, context.Canceled) {
		s.commit(ctx, lease, row) // closed: the endpoint did not fail
		return err
	}
	now := time.Now()
	if row.suspectsBlock(e, now) {
		e.Class, e.Hint = ClassBlock, s.dialect.hint(ClassBlock, "")
	}
	row = row.failed(e, s.credential, now)
	e.After = max(0, row.CooldownUntil.Sub(now))
	s.row.Store(&row)
	s.commit(ctx, lease, row)
	return e
}

// commit writes the row under the lease and reports whether the store took it. It
// is not cancelled with the flight: an outcome that is not written is forgotten.
func (s *Source) commit(ctx context.Context, lease Lease, row Row) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	ok, err := s.store.Commit(ctx, lease, row)
	if err != nil || !ok {
		s.log.Warn("the token store did not take what became of a token request", "generation", row.Generation, "lease_lost", err == nil, "err", err)
	}
	return ok && err == nil
}

func storeError(what string, err error) error {
	return &Error{Class: ClassTransient, Reason: "the token store " + what + ": " + err.Error(), Err: err}
}

// pause waits, or returns ctx's error when it ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
