package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth/endpoint"
)

// consentLife is how long a consent can be finished after it was begun: a person has to log in and
// read.
const consentLife = 10 * time.Minute

// Consent is one authorization request to a user (RFC 6749 section 4.1), with the values that the
// redirect is checked against. It is used once, within ten minutes.
type Consent struct {
	source      *Source
	state       string // at least 128 random bits (section 10.12)
	verifier    string // RFC 7636 section 4.1; "" without PKCE
	redirectURI string
	until       time.Time
	used        atomic.Bool
}

// Source is the source that the consent is for.
func (c *Consent) Source() *Source { return c.source }

// Matches reports, in constant time, whether state is the consent's.
func (c *Consent) Matches(state string) bool {
	return subtle.ConstantTimeCompare([]byte(c.state), []byte(state)) == 1
}

// Expired reports whether the consent can no longer be finished.
func (c *Consent) Expired(now time.Time) bool { return !now.Before(c.until) }

// use marks the consent as used. Its code must not be sent twice.
func (c *Consent) use(s *Source) error {
	if c.source == s && time.Now().Before(c.until) && !c.used.Swap(true) {
		return nil
	}
	return &endpoint.Error{
		Class: endpoint.ClassConsent, Reason: "this consent was used before, has expired, or belongs to another source",
		Hint: "start again; a consent can be finished once, within ten minutes",
	}
}

// Authorize begins a consent: it returns the authorization URL for the user's browser. The redirect
// goes to redirectURI, which must equal the one registered with the provider, byte for byte.
func (s *Source) Authorize(redirectURI string) (string, *Consent, error) {
	if s.config.User == "" {
		return "", nil, errors.New("auth: users cannot grant access: the tokens belong to the client")
	}
	u, err := url.Parse(s.config.AuthorizeURL)
	if err != nil {
		return "", nil, errors.New("auth: the authorization URL is invalid")
	}
	c := &Consent{source: s, state: rand.Text(), redirectURI: redirectURI, until: time.Now().Add(consentLife)}
	query := u.Query()
	for name, value := range s.config.AuthorizeParams {
		query.Set(name, value.Reveal())
	}
	if name := s.config.Dialect.LoginHint; name != "" && !query.Has(name) {
		query.Set(name, s.config.User)
	}
	query.Set("response_type", "code")
	query.Set("client_id", s.config.ClientID.Reveal())
	query.Set("redirect_uri", redirectURI)
	query.Set("state", c.state)
	if s.config.Scope != "" {
		query.Set("scope", s.config.Scope)
	}
	if !s.config.Dialect.NoPKCE {
		var challenge string
		c.verifier, challenge = pkce()
		query.Set("code_challenge", challenge)
		query.Set("code_challenge_method", "S256")
	}
	u.RawQuery = query.Encode()
	return u.String(), c, nil
}

// pkce makes a code verifier of 32 random bytes and its S256 challenge (RFC 7636 sections 4.1 and
// 4.2). The method plain is never used.
func pkce() (verifier, challenge string) {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	verifier = base64.RawURLEncoding.EncodeToString(random)
	sum := sha256.Sum256([]byte(verifier))
	return verifier, base64.RawURLEncoding.EncodeToString(sum[:])
}

// Exchange exchanges the code of a consent, stores the tokens and serves them. A code is sent once,
// whatever the outcome (section 4.1.2): after a failure the consent must begin again. The exchange is
// not cancelled with ctx.
//
// The error is an *[endpoint.Error], or ctx's if nothing was sent.
func (s *Source) Exchange(ctx context.Context, c *Consent, code string) error {
	if err := c.use(s); err != nil {
		return err
	}
	s.config.Mask.Hold(s.id.Key+" consent", code, c.verifier)
	return s.exclusively(ctx, func(ctx context.Context) error {
		lease, row, err := s.forceLease(ctx)
		if err != nil {
			return err
		}
		g := endpoint.Request{Type: endpoint.AuthorizationCode, Params: map[string]string{"code": code, "redirect_uri": c.redirectURI}}
		if c.verifier != "" {
			g.Params["code_verifier"] = c.verifier
		}
		var a endpoint.Answer
		var asked time.Time
		if err = s.waitLimiter(ctx); err == nil {
			a, asked, err = s.requestToken(ctx, g)
		}
		if err != nil {
			s.commit(ctx, lease, row)
			return fmt.Errorf("exchange of the code failed: %w", err)
		}
		if err := s.another(a.Identity); err != nil {
			s.commit(ctx, lease, row)
			return err
		}
		row.ConsentedAt, row.Refresh = asked, secret.Secret{} // an older grant's refresh token does not belong to this one
		s.storeGranted(ctx, lease, s.granted(row, a, asked))
		return nil
	})
}

// CheckIssuer rejects a redirect from another authorization server, or one without the issuer where
// it is configured (RFC 9207 section 2.4). It compares plain strings.
func (s *Source) CheckIssuer(answer url.Values) error {
	if s.config.Issuer == "" || answer.Get("iss") == s.config.Issuer {
		return nil
	}
	return errors.New("the redirect does not come from the provider's authorization server")
}

// another returns an error if a user other than the configured one granted access; nil if it is that user
// or if no claim is configured.
func (s *Source) another(identity string) error {
	claim := s.config.Dialect.UserClaim
	switch {
	case claim == "" || strings.EqualFold(strings.TrimSpace(identity), s.config.User):
		return nil
	case identity == "":
		return &endpoint.Error{
			Class: endpoint.ClassConsent, Reason: "the token response does not name the user who granted access: it has no " + claim,
			Hint: "check user_claim; nothing was stored",
		}
	default:
		return &endpoint.Error{
			Class: endpoint.ClassConsent, Reason: fmt.Sprintf("access was granted by a user other than %s: %.60q", s.config.User, identity),
			Hint: "log out at the provider, start again and log in as " + s.config.User + "; nothing was stored",
		}
	}
}

// Why a user must grant access. The texts appear in errors, alerts and the store.
const (
	reasonNever      = "access was never granted"
	reasonRefused    = "the provider rejected the refresh token"
	reasonLost       = "the response to a refresh was lost, and with it the new refresh token"
	reasonEnded      = "the access has expired, and there is no refresh token"
	reasonUnreadable = "the stored tokens cannot be read"
	reasonLogout     = "the user was logged out"
)

// consentReason returns why a user must grant access before another token can be requested, "" if no consent is
// needed.
func (s *Source) consentReason(row Row) string {
	switch {
	case s.config.User == "" || !row.Refresh.Empty() && row.State != StateConsent:
		return ""
	case row.Unreadable:
		return reasonUnreadable
	case row.State == StateConsent:
		return row.ConsentReason
	case row.ConsentedAt.IsZero():
		return reasonNever
	default:
		return reasonEnded
	}
}

// consentError returns the error for a call of a user who must grant access. Nothing was sent.
func (s *Source) consentError(reason string) *endpoint.Error {
	return &endpoint.Error{
		Class: endpoint.ClassConsent, Reason: "user " + s.config.User + " must grant access: " + reason,
		Hint: s.config.Dialect.Hint(endpoint.ClassConsent, ""), Cooling: true,
	}
}

// refusedRefresh handles a rejected refresh token. Another process may have used it after our lease
// expired: its newer token is used then.
func (s *Source) refusedRefresh(ctx context.Context, lease Lease, row Row) error {
	if newer, err := s.config.Store.Load(ctx, s.id.Key); err == nil && newer.Generation > lease.Generation && s.useStored(newer, time.Now()) {
		s.row.Store(&newer)
		return nil
	}
	if row.Lost > 0 {
		return s.requireConsent(ctx, lease, row, reasonLost)
	}
	return s.requireConsent(ctx, lease, row, reasonRefused)
}

// requireConsent drops the refresh token. The access token is served until it expires.
func (s *Source) requireConsent(ctx context.Context, lease Lease, row Row, reason string) error {
	row.State, row.ConsentReason, row.Refresh, row.Lost = StateConsent, reason, secret.Secret{}, 0
	row.Credential = s.id.Credential
	row.Failures++
	row.Failure = Failure{Class: endpoint.ClassConsent, Reason: reason, At: time.Now()}
	row.CooldownUntil = time.Time{}
	s.row.Store(&row)
	s.commit(ctx, lease, row)
	return s.consentError(reason)
}
