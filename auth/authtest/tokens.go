package authtest

import (
	"maps"
	"sync"
	"time"
)

// grant is a user's grant, or the client's own with the user "". Ending it revokes all its
// tokens.
type grant struct {
	user, scope string
	ended       bool
}

type accessToken struct {
	text, scope     string
	grant           *grant
	issued, expires time.Time
}

func (a *accessToken) valid(now time.Time) bool { return !a.grant.ended && now.Before(a.expires) }

type refreshToken struct {
	grant   *grant
	expires time.Time
	used    bool // and replaced
}

// tokens are the issued tokens. The mutex guards the maps and their contents; a grant's user and
// scope never change.
type tokens struct {
	mu      sync.Mutex
	access  map[string]*accessToken
	latest  map[string]*accessToken // by user
	refresh map[string]*refreshToken
	codes   map[string]*code
}

func newTokens() tokens {
	return tokens{
		access: map[string]*accessToken{}, latest: map[string]*accessToken{},
		refresh: map[string]*refreshToken{}, codes: map[string]*code{},
	}
}

// add stores a new access token, or returns the user's latest one if it is valid and should be returned
// again. single revokes the user's other tokens.
func (t *tokens) add(fresh *accessToken, again, single bool) *accessToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	user, now := fresh.grant.user, fresh.issued
	if old := t.latest[user]; again && old != nil && old.valid(now) {
		return old
	}
	maps.DeleteFunc(t.access, func(_ string, old *accessToken) bool {
		return !old.valid(now) || single && old.grant.user == user
	})
	t.access[fresh.text] = fresh
	t.latest[user] = fresh
	return fresh
}

func (t *tokens) addRefresh(text string, r *refreshToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh[text] = r
}

func (t *tokens) find(text string, now time.Time) (*accessToken, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, ok := t.access[text]
	if !ok || !a.valid(now) {
		return nil, false
	}
	return a, true
}

// useRefreshToken returns the grant of a refresh token, and marks the token as used if tokens rotate.
func (t *tokens) useRefreshToken(p params, o Options, now time.Time) (*grant, *problem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.refresh[p["refresh_token"]]
	switch {
	case p["refresh_token"] == "":
		return nil, &problem{badRequest, "refresh_token is missing"}
	case !ok || r.grant.ended || !now.Before(r.expires):
		return nil, &problem{badRefresh, "the refresh token is unknown or has expired"}
	case r.used && o.Reuse == ReuseRevokes:
		r.grant.ended = true
		return nil, &problem{badRefresh, "the refresh token was used before; its grant is revoked"}
	case r.used && o.Reuse == ReuseRefused:
		return nil, &problem{badRefresh, "the refresh token was used before"}
	case !within(p["scope"], r.grant.scope):
		return nil, &problem{badScope, "the scope exceeds the grant"}
	}
	r.used = o.Refresh == RefreshRotates
	return r.grant, nil
}

// revoke revokes one token, and with a refresh token its grant (RFC 7009 section 2.1).
func (t *tokens) revoke(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r, ok := t.refresh[text]; ok {
		live := !r.grant.ended
		r.grant.ended = true
		return live
	}
	_, ok := t.access[text]
	t.drop(func(a *accessToken) bool { return a.text == text })
	return ok
}

// revokeAccess revokes a user's access tokens, or all users' for "".
func (t *tokens) revokeAccess(user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(func(a *accessToken) bool { return user == "" || a.grant.user == user })
}

// revokeRefresh revokes a user's refresh tokens and pending codes, or all users' for "".
func (t *tokens) revokeRefresh(user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.refresh, func(_ string, r *refreshToken) bool { return user == "" || r.grant.user == user })
	maps.DeleteFunc(t.codes, func(_ string, c *code) bool { return user == "" || c.grant.user == user })
}

// drop removes access tokens. The mutex is held.
func (t *tokens) drop(which func(*accessToken) bool) {
	gone := func(_ string, a *accessToken) bool { return which(a) }
	maps.DeleteFunc(t.access, gone)
	maps.DeleteFunc(t.latest, gone)
}
