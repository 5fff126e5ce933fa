package auth

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

const (
	// closeGrace is how long Close waits for a response. The calls that needed the token have ended by
	// then.
	closeGrace = time.Second
	// closeGraceUser is the same for a user's refresh token, which would be lost with the response.
	closeGraceUser = 10 * time.Second
	// storeTimeout bounds the write of an outcome, which is not cancelled with the caller.
	storeTimeout = 5 * time.Second
)

// renewal is one attempt to obtain a usable token, shared by all callers that need one.
type renewal struct {
	done   chan struct{} // closed when the renewal ends
	err    error         // why there is no new token; read it after done
	cancel context.CancelFunc
}

// startRenewal starts a renewal, or joins the running one. It does not wait.
func (s *Source) startRenewal() *renewal {
	f, mine := s.join()
	if mine == nil {
		return f
	}
	go func() {
		defer s.flights.Done()
		f.err = s.obtain(mine)
		s.finish(f)
	}()
	return f
}

// join returns the running renewal, or a new one with its context, which the caller must run and
// finish. The context is not a caller's: a caller that leaves must not cancel a renewal others wait for.
// Twice the timeout leaves room for the limiter and another process's lease.
func (s *Source) join() (*renewal, context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight, nil
	}
	f := &renewal{done: make(chan struct{})}
	if s.closed {
		f.err = &endpoint.Error{Class: endpoint.ClassTransient, Reason: errClosed.Error(), Err: errClosed}
		close(f.done)
		return f, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*s.config.Timeout)
	f.cancel = cancel
	s.flight = f
	s.flights.Add(1)
	return f, ctx
}

// finish ends a renewal. While the old token is still served, a failure only reaches the log and the
// notify function.
func (s *Source) finish(f *renewal) {
	now := time.Now()
	if h := s.live.Load(); f.err != nil && h.usable(now, s.rejected.Load()) {
		rest := time.Minute // if no next attempt is scheduled, check again after a minute
		if e, ok := errors.AsType[*endpoint.Error](f.err); ok && e.After > 0 {
			rest = e.After
		}
		if !now.Before(h.refreshAt) {
			s.live.Store(h.withRefreshAt(now.Add(rest)))
		}
		s.log.Warn("failed to renew the access token early, the old one stays in use", "expires_at", h.ExpiresAt, "err", f.err)
	}
	s.notify()
	s.mu.Lock()
	s.flight = nil
	s.mu.Unlock()
	close(f.done)
	f.cancel()
}

// obtain provides a usable token: the stored one if it is newer than ours, otherwise one that the
// endpoint grants to the holder of the lease.
func (s *Source) obtain(ctx context.Context) error {
	if err := s.save(ctx); err != nil {
		return err
	}
	for ready, waits := false, 0; ; waits++ {
		now := time.Now()
		h := s.live.Load()
		usable := h.usable(now, s.rejected.Load())
		if usable && now.Before(h.refreshAt) {
			return nil
		}
		row, err := s.load(ctx)
		if err != nil {
			return err
		}
		if s.useStored(row, now) {
			return nil
		}
		if err := s.blockedBy(row, now); err != nil {
			return err
		}
		if !ready { // before the lease, which states the intent to send at once
			if err := s.waitUntilSendable(ctx, row, usable); err != nil {
				return err
			}
			ready = true
			continue
		}
		lease := s.lease(row, now)
		won, err := s.takeLease(ctx, lease)
		switch {
		case err != nil:
			return err
		case won:
			if err := s.grant(ctx, lease, row); !errors.Is(err, errReplay) {
				return err
			}
			ready = false
			continue
		case usable: // another process renews it
			s.live.Store(h.withRefreshAt(now.Add(time.Second)))
			return nil
		}
		if err := pause(ctx, leasePause(waits, row)); err != nil {
			return err
		}
	}
}

// leasePause is the pause before the lease of another process is checked again: 20 to 60 ms at first,
// up to a second when the renewal takes long, but not beyond the end of the lease.
func leasePause(waits int, row Row) time.Duration {
	const first = 20 * time.Millisecond
	step := first << min(waits, 4)
	pause := step + rand.N(2*step)
	if left := time.Until(row.LeaseUntil); left > 0 {
		pause = min(pause, left+rand.N(2*first))
	}
	return pause
}

// orphanGrace is how long the request of a process that died may still be in progress.
const orphanGrace = 2 * time.Second

// waitUntilSendable waits until a request may be sent. A process that died may have sent one without reading the
// response: while another token is valid, that request gets time to finish.
func (s *Source) waitUntilSendable(ctx context.Context, row Row, usable bool) error {
	if s.config.User != "" && usable && !row.IntentAt.IsZero() && !row.LeaseUntil.After(time.Now()) {
		if err := pause(ctx, orphanGrace); err != nil {
			return err
		}
	}
	return s.waitLimiter(ctx)
}

// load reads the row, and logs an error if its token cannot be decrypted.
func (s *Source) load(ctx context.Context) (Row, error) {
	row, err := s.config.Store.Load(ctx, s.id.Key)
	if err != nil {
		return Row{}, storeError("cannot be read", err)
	}
	s.config.Client.mergeRejections(row, s.id.Credential)
	s.loadSecondSecret(row)
	known := s.row.Swap(&row)
	if row.Unreadable && (known == nil || !known.Unreadable) {
		s.log.Error("stored token cannot be read, treated as absent: it is damaged, or sealed with a key that is not in the worker.key file")
		s.notify()
	}
	return row, nil
}

// lease describes the lease to renew the row's token. It outlasts the renewal.
func (s *Source) lease(row Row, now time.Time) Lease {
	l := s.id
	l.Generation, l.Owner, l.At = row.Generation, s.owner, now
	l.Until = now.Add(2*s.config.Timeout + storeTimeout)
	l.Lost = row.Lost
	if !row.IntentAt.IsZero() && s.config.User != "" { // its holder was killed or could not write
		l.Lost++
	}
	return l
}

// takeLease requests the lease from the store, and records whether the store can read its keys.
func (s *Source) takeLease(ctx context.Context, lease Lease) (won bool, err error) {
	won, err = s.config.Store.Lease(ctx, lease)
	keyless := errors.Is(err, ErrNoKeys)
	if s.keyless.Swap(keyless) != keyless && keyless {
		s.log.Error("token store has no keys, not requesting a token", "err", err)
	}
	if err != nil {
		return false, storeError("cannot be written", err)
	}
	return won, nil
}

// useStored serves the row's token if it is newer than ours and usable.
func (s *Source) useStored(row Row, now time.Time) bool {
	s.config.Mask.Hold(s.id.Key, row.Token.Reveal(), row.Refresh.Reveal())
	if h := s.live.Load(); row.Token.Empty() || h != nil && row.Generation <= h.Generation {
		return false
	}
	h := newServedToken(row, s.replacedGeneration(row.ObtainedAt), now)
	if !h.usable(now, s.rejected.Load()) {
		return false
	}
	s.live.Store(h)
	return true
}

// blockedBy returns the error for a call for which no token may be requested: during a cooldown, or if a user
// must grant access. It is nil when an attempt is allowed.
func (s *Source) blockedBy(row Row, now time.Time) error {
	if s.config.Dialect.Static {
		return &endpoint.Error{Class: endpoint.ClassRequest, Reason: "these credentials have no tokens"}
	}
	if reason := s.consentReason(row); reason != "" {
		return s.consentError(reason)
	}
	if err := row.cooldownError(s.config.Dialect, s.id.Credential, now); err != nil {
		return err
	}
	return s.config.Client.cooldownError(s, now)
}

// commit writes the row under the lease and reports whether it was stored. It is not cancelled with
// the renewal: an outcome that is not stored is lost.
func (s *Source) commit(ctx context.Context, lease Lease, row Row) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	row.Key, row.Provider, row.Environment, row.User = s.id.Key, s.id.Provider, s.id.Environment, s.id.User
	if s.config.User == "" { // a client can get a new token, and its failures must be stored
		row.Unreadable, row.Kept = false, secret.Secret{}
	}
	tallied := s.counts.tally(&row)
	ok, err := s.config.Store.Commit(ctx, lease, row)
	if err != nil || !ok {
		s.log.Warn("failed to save the token response", "generation", row.Generation, "lease_lost", err == nil, "err", err)
		return false
	}
	s.counts.tallied(tallied)
	return true
}

func storeError(what string, err error) error {
	return &endpoint.Error{Class: endpoint.ClassTransient, Reason: "the token store " + what + ": " + err.Error(), Err: err}
}

// pause waits for another process, or returns an error when ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-waiting.Done()
	if err := ctx.Err(); err != nil {
		return &endpoint.Error{Class: endpoint.ClassTransient, Reason: "timed out waiting for another process to renew the token", Err: err}
	}
	return nil
}
