package auth

import "time"

const (
	firstRefusalRest = 30 * time.Second
	maxRefusalRest   = 15 * time.Minute
)

// refusals remembers that an API refused a token that was granted a moment before.
// New tokens do not help there, so 401s ask for none until the rest is over.
type refusals struct {
	generation int64 // the fresh token that was refused
	rest       time.Duration
	until      time.Time
}

// Reject tells that the API answered 401 to a token of this generation. That very
// token is served no more; one that is newer stays. It reports whether sending the
// call once more can help, because there is a newer token or one may be asked for.
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
	if h.Generation < generation || time.Now().Before(s.refusal.until) {
		return false
	}
	s.rejected.Store(generation)
	return true
}

// refusedFresh tells that a token was refused right after it was granted. It stays:
// other accounts may be served with it.
func (s *Source) refusedFresh(generation int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if generation <= s.refusal.generation {
		return // one of several calls that were refused together
	}
	rest := firstRefusalRest
	if s.refusal.rest > 0 {
		rest = min(2*s.refusal.rest, maxRefusalRest)
	}
	s.refusal = refusals{generation: generation, rest: rest, until: time.Now().Add(rest)}
}

// acceptedFresh tells that a call was answered that had been refused with the token
// before: new tokens do help. A rest that has begun goes on all the same, because
// the one account that is always refused must not log everybody in anew each time.
func (s *Source) acceptedFresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !time.Now().Before(s.refusal.until) {
		s.refusal.rest = 0
	}
}
