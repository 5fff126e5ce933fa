package auth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth/endpoint"
)

// keepAlive is the longest time between renewals of a user's tokens: unused refresh tokens expire.
const keepAlive = 24 * time.Hour

// errReplay reports that the response to a refresh was lost, and that the request must be replayed once.
var errReplay = errors.New("the response was lost")

// grant sends one token request and stores the outcome before any caller sees it. The caller holds the lease,
// which records the intent.
func (s *Source) grant(ctx context.Context, lease Lease, row Row) error {
	release, err := s.config.Client.begin(ctx, s)
	if err != nil { // nothing was sent
		row.Lost = lease.Lost
		s.commit(ctx, lease, row)
		return err
	}
	defer release()
	a, asked, err := s.requestToken(ctx, s.next(row))
	if err != nil {
		return s.fail(ctx, lease, row, err)
	}
	s.config.Client.accept()
	s.silent, s.odd = 0, 0
	granted := s.granted(row, a, asked)
	err = s.cooldownIfExpired(&granted, row.Failures)
	s.storeGranted(ctx, lease, granted)
	return err
}

// cooldownIfExpired starts a cooldown if the token had expired on arrival: another request would likely return
// another expired one. failures is the count before this request. If it is 0 there is no cooldown: one
// slow response proves nothing, and waiting callers request again.
func (s *Source) cooldownIfExpired(row *Row, failures int) error {
	now := time.Now()
	if newServedToken(*row, 0, now).usable(now, 0) {
		return nil
	}
	e := &endpoint.Error{Class: endpoint.ClassTransient, Reason: "the access token had expired on arrival"}
	row.Failures = failures
	*row = row.failed(e, s.id.Credential, now)
	if failures == 0 {
		row.CooldownUntil = time.Time{}
		return nil
	}
	e.After = row.CooldownUntil.Sub(now)
	return e
}

func (s *Source) next(row Row) endpoint.Request {
	if s.config.User != "" {
		return endpoint.Request{Type: endpoint.RefreshToken, Params: map[string]string{"refresh_token": row.Refresh.Reveal()}}
	}
	g := endpoint.Request{Type: endpoint.ClientCredentials, Params: map[string]string{}}
	if s.config.Dialect.JWTBearer {
		g.Type = endpoint.JWTBearer
	}
	if s.config.Scope != "" {
		g.Params["scope"] = s.config.Scope
	}
	return g
}

func (s *Source) waitLimiter(ctx context.Context) error {
	if s.config.Limiter == nil {
		return nil
	}
	if err := s.config.Limiter.Wait(ctx); err != nil {
		return &endpoint.Error{Class: endpoint.ClassTransient, Reason: "the rate limit of the token endpoint (token_rate) is exhausted", Err: err}
	}
	return nil
}

// requestToken sends one token request and counts it.
func (s *Source) requestToken(ctx context.Context, g endpoint.Request) (a endpoint.Answer, asked time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	asked = time.Now()
	a, err = s.send(ctx, g)
	return a, asked, err
}

// granted returns the row with a new token. Its generation is above all that were ever served or rejected
// here, even if the store lost its data. Without a new refresh token the old one stays (RFC 6749
// section 6).
func (s *Source) granted(row Row, a endpoint.Answer, asked time.Time) Row {
	newest := max(row.Generation, s.rejected.Load())
	if h := s.live.Load(); h != nil {
		newest = max(newest, h.Generation)
	}
	expiresAt := asked.Add(a.Life)
	refreshAt := expiresAt.Add(-renewBefore(a.Life))
	switch idle := asked.Add(keepAlive); {
	case a.Token == row.Token:
		refreshAt = expiresAt // the endpoint returns the same token until it expires: renewing early is useless
	case s.config.User != "" && refreshAt.After(idle):
		refreshAt = idle
	}
	if a.Refresh.Empty() {
		a.Refresh = row.Refresh
	}
	return Row{
		State: StateValid, Generation: newest + 1, Token: a.Token, Refresh: a.Refresh,
		ObtainedAt: asked, RefreshAt: refreshAt, ExpiresAt: expiresAt, Expiry: a.Expiry, ConsentedAt: row.ConsentedAt,
		Credential: s.credential(), Failure: row.Failure, Logins: row.Logins, Replays: row.Replays, Saved: row.Saved,
	}
}

// maxLost bounds the count of lost responses: beyond one it makes no difference.
const maxLost = 100

// maxOdd is how many responses in a row that look like a wrong URL are treated as part of the outage
// before them: a gateway responds 404 or redirects while its backend starts.
const maxOdd = 3

// markTransientOutage marks a failure that looks like a wrong URL as transient if it follows transient failures.
func (s *Source) markTransientOutage(row Row, e *endpoint.Error) {
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

// fail stores a failure with its cooldown, and returns it for all waiting callers.
func (s *Source) fail(ctx context.Context, lease Lease, row Row, err error) error {
	e, ok := errors.AsType[*endpoint.Error](err)
	row.Lost = lease.Lost
	if ok && e.Lost && s.config.User != "" {
		// One replay at once; then the cooldown, until the server accepts or rejects the refresh token.
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
		s.config.Client.accept()
		return s.refusedRefresh(ctx, lease, row)
	}
	now := time.Now()
	if s.silent++; !endpoint.LooksBlocked(e) {
		s.silent = 0
	}
	if suspectsBlock(s.config.Dialect, row, e, s.silent, now) {
		e.Class, e.Hint = endpoint.ClassBlock, s.config.Dialect.Hint(endpoint.ClassBlock, "")
	}
	s.markTransientOutage(row, e)
	if row.Generation <= s.rejected.Load() {
		row.Token = secret.Secret{} // the API rejected it: the next process need not try it
	}
	if e.Class == endpoint.ClassCredential && s.config.User != "" { // include the rejections of the client's other users
		row = s.config.Client.counted(row, s.id.Credential)
	}
	row = row.failed(e, s.id.Credential, now)
	s.config.Client.mergeRejections(row, s.id.Credential)
	e.After = max(0, row.CooldownUntil.Sub(now))
	s.row.Store(&row)
	s.commit(ctx, lease, row)
	return e
}

// unsaved is a user's row that could not be stored: it has the only valid refresh token.
type unsaved struct {
	lease Lease
	row   Row
}

// storeGranted stores a new token and serves it. A token that cannot be stored is still served: it is
// valid, and requesting another one would not help.
func (s *Source) storeGranted(ctx context.Context, lease Lease, row Row) {
	if !s.commit(ctx, lease, row) {
		if newer, err := s.config.Store.Load(ctx, s.id.Key); err == nil && newer.Generation >= row.Generation && s.useStored(newer, time.Now()) {
			s.row.Store(&newer)
			return
		}
		if !row.Refresh.Empty() {
			s.unsaved.Store(&unsaved{lease, row})
			_ = s.save(ctx) // retried by [Source.RenewIdle]
		}
	}
	s.row.Store(&row)
	s.live.Store(newServedToken(row, s.replacedGeneration(row.ObtainedAt), time.Now()))
}

// save stores what could not be stored before. Until then no token is requested: the stored refresh
// token is used up.
func (s *Source) save(ctx context.Context) error {
	u := s.unsaved.Load()
	if u == nil {
		return nil
	}
	if s.commit(ctx, u.lease, u.row) {
		s.unsaved.Store(nil)
		return nil
	}
	lease, row, err := s.forceLease(ctx) // another process took the lease
	if err != nil {
		return err
	}
	if row.Generation < u.row.Generation {
		if err := s.commitForced(ctx, lease, u.row); err != nil {
			return err
		}
	} else {
		s.commit(ctx, lease, row) // the stored row is newer; this only ends the lease
	}
	s.unsaved.Store(nil)
	return nil
}
