package auth

import (
	"net/http"
	"strings"
	"time"

	"orderbeat/auth/endpoint"
)

const (
	firstRefusalRest = 30 * time.Second
	maxRefusalRest   = 15 * time.Minute
)

// refusals prevents 401s from requesting one token after another. A token requested because of a 401 is
// on trial until the call that is replayed with it ends. If that call is rejected too, new tokens
// do not help, and 401s request none during the rest that follows.
type refusals struct {
	at      time.Time     // when a 401 last requested a token
	until   time.Time     // before this time a 401 requests no token
	trial   bool          // until is the end of a trial, not of a rest
	refused int64         // the last generation that was rejected in its trial
	rest    time.Duration // the last rest; 0 after a successful call
}

// Reject notes that the API responded 401 to a token of this generation. That token is no longer
// served; a newer one stays. It reports whether sending the call again can help, because there is a
// newer token or one may be requested.
//
// [Transport] does this for its callers, and notes the outcome of the second attempt. Calling Reject
// directly requests at most one token every 30 s.
func (s *Source) Reject(generation int64) (again bool) {
	_, again = s.reject(generation)
	return again
}

// reject is Reject; it also returns how long a 401 may request no token, if the call cannot be sent
// again.
func (s *Source) reject(generation int64) (after time.Duration, again bool) {
	h := s.live.Load()
	if h == nil || h.Generation > generation {
		return 0, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rejected.Load() >= generation {
		return 0, true // already rejected: a newer token is being requested
	}
	now := time.Now()
	if h.Generation < generation || now.Before(s.refusal.until) {
		return max(0, s.refusal.until.Sub(now)), false
	}
	s.rejected.Store(generation)
	s.refusal.at, s.refusal.until, s.refusal.trial = now, now.Add(firstRefusalRest), true
	return 0, true
}

// replacedGeneration is the rejected generation that caused a token request sent at this time; 0 if it had
// another cause.
func (s *Source) replacedGeneration(asked time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked.Before(s.refusal.at) {
		return 0
	}
	return s.rejected.Load()
}

// replayRejected notes that a call was rejected with a token, and again with this newer one. The newer
// one stays: it may be valid for other accounts.
func (s *Source) replayRejected(generation int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.refusal
	if generation <= r.refused {
		return // one of several calls that were rejected together
	}
	r.rest = min(max(2*r.rest, firstRefusalRest), maxRefusalRest)
	r.refused, r.until, r.trial = generation, time.Now().Add(r.rest), false
	s.refusedLately.Store(true)
}

// replayAccepted notes that a call was rejected with a token and succeeded with this newer one. That
// ends a trial. It does not end a rest: one account that is always rejected would request a token each time
// another succeeds.
func (s *Source) replayAccepted(generation int64) {
	s.accepted(generation)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := &s.refusal; r.trial && generation > s.rejected.Load() {
		r.until, r.trial = time.Time{}, false
	}
}

// accepted notes a successful call with a token of this generation. If a rejected token works for
// other accounts, its rejections are about an account and not about tokens: the rest is shortened to
// firstRefusalRest, and doubling starts again from there.
func (s *Source) accepted(generation int64) {
	if !s.refusedLately.Load() || generation <= s.rejected.Load() {
		return // the usual case, without a lock
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.refusal
	if !r.trial && r.rest > 0 {
		r.until = r.until.Add(firstRefusalRest - r.rest)
	}
	r.rest = 0
	s.refusedLately.Store(false)
}

// notFinal is the error of a call whose 401 proves nothing: its token was not requested because of a
// 401. after is how long no such token is requested, 0 when the next call gets one.
func notFinal(after time.Duration) *endpoint.Error {
	e := &endpoint.Error{Class: endpoint.ClassTransient, Reason: "the API returned 401 for this token and for the newer cached one", Cooling: after > 0, After: after}
	if e.Cooling {
		e.Reason = "the API returned 401, and no new token may be requested yet"
	}
	return e
}

// bearerError is the lower-case error of the Bearer challenge (RFC 6750 section 3) in
// WWW-Authenticate; "" if there is none. A field may have several challenges, and there may be
// several fields (RFC 9110 section 11.6.1).
func bearerError(h http.Header) string {
	for _, field := range h.Values("WWW-Authenticate") {
		scheme := ""
		for _, word := range words(field) {
			name, value, isParam := strings.Cut(word, "=")
			name = strings.TrimSpace(name)
			if before, after, ok := strings.Cut(name, " "); ok { // a scheme precedes its first parameter
				scheme, name = before, strings.TrimSpace(after)
			} else if !isParam {
				scheme = name
			}
			if isParam && strings.EqualFold(scheme, "bearer") && strings.EqualFold(name, "error") {
				return strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`))
			}
		}
	}
	return ""
}

// words splits a field at commas outside quotes.
func words(field string) (all []string) {
	quoted, begin := false, 0
	for i := 0; i < len(field); i++ {
		switch c := field[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			all = append(all, strings.TrimSpace(field[begin:i]))
			begin = i + 1
		}
	}
	return append(all, strings.TrimSpace(field[begin:]))
}

// LacksRights reports whether a response with these headers says that the token is valid but lacks
// the required rights (insufficient_scope, RFC 6750 section 3.1).
func LacksRights(h http.Header) bool { return bearerError(h) == "insufficient_scope" }

// RefusesToken reports whether a response rejects the token: a 401, or a 400 or 403 with the
// challenge error invalid_token (RFC 6750 section 3.1).
func RefusesToken(status int, h http.Header) bool {
	switch status {
	case http.StatusUnauthorized:
		return !LacksRights(h)
	case http.StatusBadRequest, http.StatusForbidden:
		return bearerError(h) == "invalid_token"
	}
	return false
}
