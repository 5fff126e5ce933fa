package auth

import "time"

const (
	firstRefusalRest = 30 * time.Second
	maxRefusalRest   = 15 * time.Minute
)

// refusals keeps 401s from asking for one token after the other. A token that was
// asked for because of a 401 is on trial until a call that is sent again with it is
// answered. Where that call is refused too, new tokens do not help, and 401s ask for
// none until the rest is over.
type refusals struct {
	until   time.Time     // before it no 401 asks for a token
	trial   bool          // until bounds a trial, not a rest
	refused int64         // the last generation that was refused in its trial
	rest    time.Duration // the rest after it; 0 once a trial went well
}

// Reject tells that the API answered 401 to a token of this generation. That very
// token is served no more; one that is newer stays. It reports whether sending the
// call once more can help, because there is a newer token or one may be asked for.
//
// [Transport] does this for its callers, and tells how the second attempt went. Who
// calls Reject by hand gets a token for a 401 every 30 s at most.
func (s *Source) Reject(generation int64) (again bool) {
	h := s.live.Load()
	if h == nil || h.Generation > generation {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rejected.Load() >= generation {
		return true // refused before: a newer one is on its way
	}
	now := time.Now()
	if h.Generation < generation || now.Before(s.refusal.until) {
		return false
	}
	s.rejected.Store(generation)
	s.refusal.until, s.refusal.trial = now.Add(firstRefusalRest), true
	return true
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
}

// acceptedFresh tells that a call was refused with a token, and answered with this
// newer one. That ends a trial. It ends no rest: the one account that is always
// refused would have a new token asked for each time another one is served.
func (s *Source) acceptedFresh(generation int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal.trial && generation > s.rejected.Load() {
		s.refusal = refusals{refused: s.refusal.refused}
	}
}
