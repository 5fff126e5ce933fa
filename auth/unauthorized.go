package auth

import (
	"net/http"
	"orderbeat/auth/endpoint"
	"strings"
	"time"
)

const (
	firstRefusalRest = 30 * time.Second
	maxRefusalRest   = 15 * time.Minute
)

// refusals keeps 401s from asking for one token after the other. A token that was
// asked for because of a 401 is on trial until a call that is sent again with it is
// answered. Where that call is refused too, new tokens do not help it, and 401s ask
// for none until the rest is over.
type refusals struct {
	at      time.Time     // when a 401 last asked for a token
	until   time.Time     // before it no 401 asks for a token
	trial   bool          // until bounds a trial, not a rest
	refused int64         // the last generation that was refused in its trial
	rest    time.Duration // the rest after it; 0 once a call was answered
}

// Reject tells that the API answered 401 to a token of this generation. That very
// token is served no more; one that is newer stays. It reports whether sending the
// call once more can help, because there is a newer token or one may be asked for.
//
// [Transport] does this for its callers, and tells how the second attempt went. Who
// calls Reject by hand gets a token for a 401 every 30 s at most.
func (s *Source) Reject(generation int64) (again bool) {
	_, again = s.reject(generation)
	return again
}

// reject is Reject, and tells how long it will be before a 401 may ask for a token,
// if the call cannot be sent again.
func (s *Source) reject(generation int64) (after time.Duration, again bool) {
	h := s.live.Load()
	if h == nil || h.Generation > generation {
		return 0, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rejected.Load() >= generation {
		return 0, true // refused before: a newer one is on its way
	}
	now := time.Now()
	if h.Generation < generation || now.Before(s.refusal.until) {
		return max(0, s.refusal.until.Sub(now)), false
	}
	s.rejected.Store(generation)
	s.refusal.at, s.refusal.until, s.refusal.trial = now, now.Add(firstRefusalRest), true
	return 0, true
}

// remedies is the generation whose refusal a token answers that was asked for at
// this time; 0 when it was asked for before, or for another reason.
func (s *Source) remedies(asked time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked.Before(s.refusal.at) {
		return 0
	}
	return s.rejected.Load()
}

// refusedFresh tells that a call was refused with a token, and again with this newer
// one. The newer one stays: other accounts may be served with it.
func (s *Source) refusedFresh(generation int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.refusal
	if generation <= r.refused {
		return // one of several calls that were refused together
	}
	r.rest = min(max(2*r.rest, firstRefusalRest), maxRefusalRest)
	r.refused, r.until, r.trial = generation, time.Now().Add(r.rest), false
	s.refusedLately.Store(true)
}

// acceptedFresh tells that a call was refused with a token, and answered with this
// newer one. That ends a trial. It ends no rest: the one account that is always
// refused would have a new token asked for each time another one is served.
func (s *Source) acceptedFresh(generation int64) {
	s.accepted(generation)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := &s.refusal; r.trial && generation > s.rejected.Load() {
		r.until, r.trial = time.Time{}, false
	}
}

// accepted tells that a call was answered with a token of this generation. Where a
// refused token is good for others, its refusals say something about an account and
// nothing about tokens: the rest is cut to the first one, and starts anew from it.
func (s *Source) accepted(generation int64) {
	if !s.refusedLately.Load() || generation <= s.rejected.Load() {
		return // nearly always, and without a lock
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

// notFinal is the error of a call whose 401 says nothing yet: it was answered to a
// token that was not asked for because of a 401. After is how long no such token is
// asked for, 0 when the next call gets one.
func notFinal(after time.Duration) *endpoint.Error {
	e := &endpoint.Error{Class: endpoint.ClassTransient, Reason: "the API refused it, and the newer one that was there", Cooling: after > 0, After: after}
	if e.Cooling {
		e.Reason = "the API refused it, and a 401 may not ask for a new one yet"
	}
	return e
}

// bearerError is the error of the challenge Bearer (RFC 6750 section 3) in the fields
// WWW-Authenticate, in lower case; "" when there is none. A field may hold several
// challenges, and several fields may (RFC 9110 section 11.6.1).
func bearerError(h http.Header) string {
	for _, field := range h.Values("WWW-Authenticate") {
		scheme := ""
		for _, word := range words(field) {
			name, value, isParam := strings.Cut(word, "=")
			name = strings.TrimSpace(name)
			if before, after, ok := strings.Cut(name, " "); ok { // a scheme stands before its first parameter
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

// words cuts a field at its commas, but for those in quotes.
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

// LacksRights reports whether an answer with these headers says that the token is good,
// and has not the rights that were needed (insufficient_scope, RFC 6750 section 3.1).
func LacksRights(h http.Header) bool { return bearerError(h) == "insufficient_scope" }

// RefusesToken reports whether an answer says that the token is not good: a 401, or a 400 or
// 403 whose challenge says so (invalid_token, RFC 6750 section 3.1).
func RefusesToken(status int, h http.Header) bool {
	switch status {
	case http.StatusUnauthorized:
		return !LacksRights(h)
	case http.StatusBadRequest, http.StatusForbidden:
		return bearerError(h) == "invalid_token"
	}
	return false
}
