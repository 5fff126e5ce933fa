package authorization

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
)

// maxConsents limits the pending consents, maxOfUser those of one user: repeatedly opening the start page
// must neither fill the memory nor drop another user's consent.
const (
	maxConsents = 20_000
	maxOfUser   = 1000
)

// Pending holds the consents of all sources that were started and not finished. It is safe for
// concurrent use.
type Pending struct {
	mu   sync.Mutex      // guards list
	list []*auth.Consent // oldest first
}

// NewPending returns an empty Pending.
func NewPending() *Pending { return &Pending{} }

// Begin starts a consent, see [auth.Source.Authorize]. It can be finished once, within ten minutes.
func (c *Pending) Begin(s *auth.Source, redirectURI string) (authorizeURL string, err error) {
	authorizeURL, consent, err := s.Authorize(redirectURI)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.list = slices.DeleteFunc(c.list, func(old *auth.Consent) bool { return old.Expired(now) })
	if i := c.evictionIndex(s); i >= 0 {
		c.list = slices.Delete(c.list, i, i+1)
	}
	c.list = append(c.list, consent)
	return authorizeURL, nil
}

// evictionIndex returns the index of the consent to drop before adding one for s: the oldest of s, or the oldest
// of all; -1 if there is room. The mutex is held.
func (c *Pending) evictionIndex(s *auth.Source) int {
	first, own := -1, 0
	for i, consent := range c.list {
		if consent.Source() != s {
			continue
		}
		if own++; first < 0 {
			first = i
		}
	}
	switch {
	case own >= maxOfUser:
		return first
	case len(c.list) >= maxConsents:
		return 0
	}
	return -1
}

// Finish ends a consent with the query of the redirect from the authorization server (RFC 6749
// sections 4.1.2 and 4.1.2.1), and exchanges its code. The query must have the state of a pending
// consent of this provider.
//
// Every failure is an *[Error].
func (c *Pending) Finish(ctx context.Context, provider string, answer url.Values) (*auth.Source, error) {
	consent := c.take(provider, answer.Get("state"))
	if consent == nil {
		return nil, &Error{
			Code: "invalid_state", Reason: "there is no pending consent with this state",
			Hint: "start again; a consent can be finished once, within ten minutes", Again: true,
		}
	}
	s := consent.Source()
	if len(answer["code"]) > 1 || len(answer["error"]) > 1 || len(answer["iss"]) > 1 || len(answer["state"]) > 1 {
		return nil, &Error{Code: "invalid_answer", Reason: "the redirect has a repeated parameter", Again: true, Source: s}
	}
	if err := s.CheckIssuer(answer); err != nil {
		return nil, &Error{Code: "invalid_issuer", Reason: err.Error(), Hint: "ask the provider whether its issuer identifier changed", Source: s}
	}
	if answer.Has("error") {
		e := redirected(answer.Get("error"))
		e.Source = s
		return nil, e
	}
	code := answer.Get("code")
	if code == "" {
		return nil, &Error{Code: "invalid_answer", Reason: "the redirect has neither a code nor an error", Again: true, Source: s}
	}
	if err := s.Exchange(ctx, consent, code); err != nil {
		e := &Error{Code: "exchange_failed", Reason: err.Error(), Hint: "start again; a code can be used once", Again: true, Source: s, Err: err}
		if cause, ok := errors.AsType[*endpoint.Error](err); ok && cause.Hint != "" {
			e.Hint = cause.Hint
		}
		return nil, e
	}
	return s, nil
}

// take removes and returns the consent of a provider with this state, nil if there is none. All are
// compared, each in constant time.
func (c *Pending) take(provider, state string) *auth.Consent {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := -1
	for i, consent := range c.list {
		if consent.Matches(state) {
			found = i
		}
	}
	if found < 0 {
		return nil
	}
	consent := c.list[found]
	if consent.Source().Provider() != provider {
		return nil // another provider's consent stays pending
	}
	c.list = slices.Delete(c.list, found, found+1)
	if consent.Expired(time.Now()) {
		return nil
	}
	return consent
}

// Error reports why a consent failed. Its text has no secret, and nothing from the redirect except known
// error codes.
type Error struct {
	// Code is the authorization server's, or one of: invalid_state, invalid_issuer, invalid_answer,
	// exchange_failed, unknown_error.
	Code   string
	Reason string
	// Hint says what the user can do.
	Hint string
	// Again reports whether starting again may succeed without any other change.
	Again bool
	// Source is the source of the consent, nil when unknown.
	Source *auth.Source
	Err    error
}

func (e *Error) Error() string { return "consent: " + e.Reason }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// redirected returns the error for an error code in a redirect (RFC 6749 section 4.1.2.1). Mazda's "Access keys for DMS
// (OAuth2)" spells the last code temporary_unavailable.
func redirected(code string) *Error {
	switch code = strings.ToLower(strings.TrimSpace(code)); code {
	case "access_denied":
		return &Error{Code: code, Reason: "access was denied", Hint: "access is not requested until the user starts again"}
	case "invalid_request":
		return &Error{Code: code, Reason: "the provider rejects the authorization request", Hint: "check the redirect URI that is registered with the provider, and whether the provider supports PKCE"}
	case "unauthorized_client":
		return &Error{Code: code, Reason: "this client may not request access from users", Hint: "ask the provider to allow the authorization code grant for this client"}
	case "unsupported_response_type":
		return &Error{Code: code, Reason: "the provider issues no authorization codes", Hint: "check the authorization URL"}
	case "invalid_scope":
		return &Error{Code: code, Reason: "the provider does not know the scope", Hint: "check the provider's scope in the configuration"}
	case "server_error":
		return &Error{Code: code, Reason: "the provider's authorization server failed", Hint: "try again in a while", Again: true}
	case "temporarily_unavailable", "temporary_unavailable":
		return &Error{Code: code, Reason: "the provider's authorization server is overloaded or under maintenance", Hint: "try again in a while", Again: true}
	default:
		return &Error{Code: "unknown_error", Reason: "the provider returned an unknown error", Hint: "ask the provider", Again: true}
	}
}
