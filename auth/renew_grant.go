package auth

import (
	"context"
	"errors"
	"net/http"
	"orderbeat/auth/secret"
	"time"

	"orderbeat/auth/endpoint"
)

// keepAlive is the longest that a user's tokens are left alone: refresh tokens that
// nobody uses lapse.
const keepAlive = 24 * time.Hour

// errReplay tells that the answer to a refresh was lost, and that the one replay is due.
var errReplay = errors.New("the answer was lost")

// grant asks the endpoint, once, and writes down what comes of it before anybody
// gets to see it. It holds the lease, with which the intent was written.
func (s *Source) grant(ctx context.Context, lease Lease, row Row) error {
	release, err := s.client.begin(ctx, s)
	if err != nil { // nothing was sent
		row.Lost = lease.Lost
		s.commit(ctx, lease, row)
		return err
	}
	defer release()
	a, asked, err := s.ask(ctx, s.next(row))
	if err != nil {
		return s.fail(ctx, lease, row, err)
	}
	s.client.accept()
	s.silent, s.odd = 0, 0
	granted := s.granted(row, a, asked)
	err = s.stale(&granted, row.Failures)
	s.keep(ctx, lease, granted)
	return err
}

// stale rests after tokens that had ended when they came: who asks at once gets another
// such one. The failures are those before it; after none, one slow answer means nothing
// yet, and whoever waits asks again.
func (s *Source) stale(row *Row, failures int) error {
	now := time.Now()
	if hold(*row, 0, now).usable(now, 0) {
		return nil
	}
	e := &endpoint.Error{Class: endpoint.ClassTransient, Reason: "the access token had ended when it came"}
	row.Failures = failures
	*row = row.failed(e, s.id.Credential, now)
	if failures == 0 {
		row.CooldownUntil = time.Time{}
		return nil
	}
	e.After = row.CooldownUntil.Sub(now)
	return e
}

// next is the grant that renews what the row holds.
func (s *Source) next(row Row) endpoint.Request {
	if s.config.User != "" {
		return endpoint.Request{Type: endpoint.RefreshToken, Params: map[string]string{"refresh_token": row.Refresh.Reveal()}}
	}
	g := endpoint.Request{Type: endpoint.ClientCredentials, Params: map[string]string{}}
	if s.dialect.JWTBearer {
		g.Type = endpoint.JWTBearer
	}
	if s.config.Scope != "" {
		g.Params["scope"] = s.config.Scope
	}
	return g
}

// turn waits for the limiter.
func (s *Source) turn(ctx context.Context) error {
	if s.limiter == nil {
		return nil
	}
	if err := s.limiter.Wait(ctx); err != nil {
		return &endpoint.Error{Class: endpoint.ClassTransient, Reason: "the token endpoint's own rate is used up", Err: err}
	}
	return nil
}

// ask sends one token request and counts it.
func (s *Source) ask(ctx context.Context, g endpoint.Request) (a endpoint.Answer, asked time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	asked = time.Now()
	s.counts.logins.Add(1)
	a, err = s.granter.Grant(ctx, g)
	return a, asked, err
}

// granted is the row with a new token. Its generation is above all that were ever
// served or refused here, also when the store lost its memory. A refresh token that
// does not come stays (RFC 6749 section 6).
func (s *Source) granted(row Row, a endpoint.Answer, asked time.Time) Row {
	newest := max(row.Generation, s.rejected.Load())
	if h := s.live.Load(); h != nil {
		newest = max(newest, h.Generation)
	}
	expiresAt := asked.Add(a.Life)
	refreshAt := expiresAt.Add(-earlyBy(a.Life))
	switch idle := asked.Add(keepAlive); {
	case a.Token == row.Token:
		refreshAt = expiresAt // the endpoint hands out what it has until it ends: asking early brings nothing
	case s.config.User != "" && refreshAt.After(idle):
		refreshAt = idle
	}
	if a.Refresh.Empty() {
		a.Refresh = row.Refresh
	}
	return Row{
		State: StateValid, Generation: newest + 1, Token: a.Token, Refresh: a.Refresh,
		ObtainedAt: asked, RefreshAt: refreshAt, ExpiresAt: expiresAt, Expiry: a.Expiry, ConsentedAt: row.ConsentedAt,
		Credential: s.id.Credential, Failure: row.Failure, Logins: row.Logins, Replays: row.Replays, Saved: row.Saved,
	}
}

// maxLost bounds the count of lost answers: beyond one they make no difference.
const maxLost = 100

// maxOdd is how many answers in a row that look like a wrong address are taken for a part of
// the outage that they follow: a gateway answers 404 or a redirect while what stands behind
// it starts.
const maxOdd = 3

// passing makes a failure a transient one that only looks like a wrong address.
func (s *Source) passing(row Row, e *endpoint.Error) {
	looks := e.Code == "" && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed || e.Status >= 300 && e.Status < 400)
	if e.Class != endpoint.ClassRequest || !looks || row.Failures == 0 || row.Failure.Class != endpoint.ClassTransient || s.odd >= maxOdd {
		if !looks {
			s.odd = 0
		}
		return
	}
	s.odd++
	e.Class, e.Hint = endpoint.ClassTransient, ""
}

// fail stores a failure with the rest that follows it, and returns it for all who wait.
func (s *Source) fail(ctx context.Context, lease Lease, row Row, err error) error {
	e, ok := errors.AsType[*endpoint.Error](err)
	row.Lost = lease.Lost
	if ok && e.Lost && s.config.User != "" {
		// One replay at once; after that the cooldown, until the server says what the refresh
		// token is worth.
		row.Lost = min(row.Lost+1, maxLost)
		if row.Lost == 1 && s.commit(ctx, lease, row) && !errors.Is(err, context.Canceled) {
			s.log.Warn("no response to a refresh, sending it once more", "err", e)
			return errReplay
		}
	}
	switch {
	case !ok || errors.Is(err, context.Canceled):
		s.commit(ctx, lease, row) // closed: the endpoint did not fail
		return err
	case e.Class == endpoint.ClassConsent:
		s.client.accept()
		return s.refusedRefresh(ctx, lease, row)
	}
	now := time.Now()
	if s.silent++; !endpoint.LooksBlocked(e) {
		s.silent = 0
	}
	if suspectsBlock(s.dialect, row, e, s.silent, now) {
		e.Class, e.Hint = endpoint.ClassBlock, s.dialect.Hint(endpoint.ClassBlock, "")
	}
	s.passing(row, e)
	if row.Generation <= s.rejected.Load() {
		row.Token = secret.Secret{} // the API refused it: the next process need not try
	}
	if e.Class == endpoint.ClassCredential && s.config.User != "" { // the client's, whichever user it was sent for
		row = s.client.counted(row, s.id.Credential)
	}
	row = row.failed(e, s.id.Credential, now)
	s.client.learn(row, s.id.Credential)
	e.After = max(0, row.CooldownUntil.Sub(now))
	s.row.Store(&row)
	s.commit(ctx, lease, row)
	return e
}

// unsaved is a user's row that the store did not take: the refresh token in it is the
// only one there is.
type unsaved struct {
	lease Lease
	row   Row
}

// keep stores a new token and serves it. A token that the store does not take is
// served all the same: it is granted, and asking again would only cost another.
func (s *Source) keep(ctx context.Context, lease Lease, row Row) {
	if !s.commit(ctx, lease, row) {
		if newer, err := s.store.Load(ctx, s.id.Key); err == nil && newer.Generation >= row.Generation && s.useStored(newer, time.Now()) {
			s.row.Store(&newer)
			return
		}
		if !row.Refresh.Empty() {
			s.unsaved.Store(&unsaved{lease, row})
			_ = s.save(ctx) // it is tried again, see [Source.Tend]
		}
	}
	s.row.Store(&row)
	s.live.Store(hold(row, s.remedies(row.ObtainedAt), time.Now()))
}

// save stores what could not be stored before. Until it can, nothing is asked for:
// the store has a refresh token that is spent.
func (s *Source) save(ctx context.Context) error {
	u := s.unsaved.Load()
	if u == nil {
		return nil
	}
	if s.commit(ctx, u.lease, u.row) {
		s.unsaved.Store(nil)
		return nil
	}
	lease, row, err := s.forceLease(ctx) // somebody else had the lease, or has it
	if err != nil {
		return err
	}
	if row.Generation < u.row.Generation {
		if err := s.commitForced(ctx, lease, u.row); err != nil {
			return err
		}
	} else {
		s.commit(ctx, lease, row) // it is good as it is; only the lease ends
	}
	s.unsaved.Store(nil)
	return nil
}
