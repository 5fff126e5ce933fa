package auth

import (
	"context"
	"errors"
	"sync"

	"orderbeat/auth/endpoint"
)

// secondSecret tracks which of two client secrets is sent during a secret rotation. The sources
// of one client's users share it. The zero value sends the first. It is safe for concurrent use.
type secondSecret struct {
	mu       sync.Mutex // guards the rest
	next     bool       // the second is in use
	reported bool       // it was logged that the second is in use
	failed   bool       // both were rejected since the last token
}

func (s *secondSecret) inUse() (next bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

// accepted reports whether the second secret was the last one accepted.
func (s *secondSecret) accepted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reported
}

// recordAccepted records that the endpoint accepted a secret. news reports whether the other one was in use before.
func (s *secondSecret) recordAccepted(next bool) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news = s.reported != next
	s.next, s.reported, s.failed = next, next, false
	return news
}

// rejected records that the endpoint rejected a secret: the other one is used next. again reports whether
// it may be sent at once. After both were rejected it may not, because repeated rejections can get an address
// blocked.
func (s *secondSecret) rejected(next bool) (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = !next
	return !s.failed
}

// bothRejected records that the endpoint rejected both secrets. first is the one that was sent first.
func (s *secondSecret) bothRejected(first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.failed = first, true
}

// clear allows both to be tried again.
func (s *secondSecret) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = false
}

// send sends a token request. If the endpoint rejects the client secret and there is a second one, it
// is sent once more with that one: a rejected request consumes no code or refresh token.
func (s *Source) send(ctx context.Context, g endpoint.Request) (endpoint.Answer, error) {
	s.counts.logins.Add(1)
	if s.second == nil {
		return s.config.Granter.Grant(ctx, g)
	}
	secrets := &s.config.Client.secrets
	next := secrets.inUse()
	a, err := s.with(next).Grant(ctx, g)
	if !rejectsClient(err) {
		s.accepts(next, err)
		return a, err
	}
	if again := secrets.rejected(next); !again {
		return a, err
	}
	s.counts.logins.Add(1)
	a, again := s.with(!next).Grant(ctx, g)
	if rejectsClient(again) {
		secrets.bothRejected(next)
		return a, err
	}
	s.accepts(!next, again)
	return a, again
}

// accepts records the outcome of a request whose secret was not rejected.
func (s *Source) accepts(next bool, err error) {
	if err != nil || !s.config.Client.secrets.recordAccepted(next) {
		return
	}
	if next {
		s.log.Warn("client_secret rejected, using client_secret_next: move its value to client_secret")
	} else {
		s.log.Warn("client_secret_next rejected, using client_secret")
	}
}

// loadSecondSecret switches to the second secret if another process, or an earlier one, obtained the row's token with
// it.
func (s *Source) loadSecondSecret(row Row) {
	if s.second != nil && row.Credential == s.nextCredential {
		s.accepts(true, nil)
	}
}

func (s *Source) with(next bool) *endpoint.Endpoint {
	if next {
		return s.second
	}
	return s.endpoint
}

func (s *Source) usesNext() bool { return s.second != nil && s.config.Client.secrets.inUse() }

func (s *Source) current() *endpoint.Endpoint { return s.with(s.usesNext()) }

func (s *Source) credential() string {
	if s.usesNext() {
		return s.nextCredential
	}
	return s.id.Credential
}

func rejectsClient(err error) bool {
	e, ok := errors.AsType[*endpoint.Error](err)
	return ok && e.Class == endpoint.ClassCredential
}
