package auth

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"orderbeat/auth/endpoint"
)

const (
	// maxRefusals is how often rejected credentials are tried in all. PTV, for example, blocks addresses
	// after repeated failed logins.
	maxRefusals = 3
	// blockMemory is how long after rejected credentials a failing connection is treated as a blocked
	// address. It is longer than any cooldown.
	blockMemory   = 2 * time.Hour
	blockCooldown = 15 * time.Minute
)

// failed returns the row after a failed attempt, with the resulting cooldown. credential is the
// fingerprint of what was sent.
func (r Row) failed(err *endpoint.Error, credential string, now time.Time) Row {
	if r.Credential != credential {
		r.Credential, r.Failures, r.Refusals = credential, 0, 0
		r.State = r.unlatched()
	}
	if r.Failure.Class != err.Class { // each class counts its own failures
		r.Failures = 0
	}
	r.Failures++
	if err.Class == endpoint.ClassCredential {
		r.Refusals++
	}
	r.Failure = Failure{Class: err.Class, Status: err.Status, Code: err.Code, Reason: err.Reason, At: now}
	r.CooldownUntil = now.Add(r.cooldownFor(err))
	if r.Refusals >= maxRefusals {
		r.State, r.CooldownUntil = StateRejected, time.Time{}
	}
	return r
}

// unlatched is the state without the latch.
func (r Row) unlatched() State {
	switch {
	case r.State != StateRejected:
		return r.State
	case r.Token.Empty() && r.Refresh.Empty():
		return StateEmpty
	default:
		return StateValid
	}
}

// suspectsBlock reports whether a failure is probably a blocked address: connections fail soon after
// the credentials were rejected, or, if the dialect says so, several times in a row.
func suspectsBlock(d endpoint.Dialect, r Row, err *endpoint.Error, inARow int, now time.Time) bool {
	if !endpoint.LooksBlocked(err) {
		return false
	}
	afterRefusal := r.Refusals > 0 && now.Sub(r.Failure.At) < blockMemory
	return afterRefusal || d.BlockAfter > 0 && inARow >= d.BlockAfter
}

// cooldownFor returns the cooldown after err, given the failure counts in the row.
func (r Row) cooldownFor(err *endpoint.Error) time.Duration {
	switch err.Class {
	case endpoint.ClassCredential:
		if r.Refusals == 1 {
			return jitter(time.Minute)
		}
		return jitter(5 * time.Minute) // the third rejection latches
	case endpoint.ClassBlock:
		return blockCooldown
	case endpoint.ClassRequest:
		return exponential(15*time.Minute, time.Hour, r.Failures)
	case endpoint.ClassThrottle:
		return throttled(err.After, r.Failures)
	default:
		if err.After > 0 {
			return throttled(err.After, r.Failures)
		}
		step := exponential(time.Second, 5*time.Minute, r.Failures)
		return step/2 + rand.N(step/2) // never close to 0, and different in each process
	}
}

// throttled returns the wait that the endpoint requested, limited to 1 s to 15 min. If it requested
// none, the wait doubles with each failure.
func throttled(asked time.Duration, failures int) time.Duration {
	if asked > 0 {
		return min(max(asked, time.Second), endpoint.MaxRetryAfter)
	}
	return exponential(15*time.Second, endpoint.MaxRetryAfter, failures)
}

// exponential is step after the first failure, twice as much after each further one,
// at most ceiling.
func exponential(step, ceiling time.Duration, failures int) time.Duration {
	const most = 16 // beyond every ceiling, without overflow
	return min(step<<min(failures-1, most), ceiling)
}

// jitter is d plus or minus a fifth.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5)
}

// coolingDown reports whether a cooldown is active at a time. A failure in the future was recorded before the
// clock was set back: the rest of its cooldown is unknown, and it counts as over.
func (r Row) coolingDown(at time.Time) bool {
	return r.CooldownUntil.After(at) && !r.Failure.At.After(at)
}

// cooldownError returns the error for a call during the cooldown, nil if an attempt is allowed.
func (r Row) cooldownError(d endpoint.Dialect, credential string, now time.Time) error {
	refused := r.State == StateRejected
	if r.Credential != credential || !refused && !r.coolingDown(now) {
		return nil
	}
	err := &endpoint.Error{
		Class: r.Failure.Class, Status: r.Failure.Status, Code: r.Failure.Code, Reason: r.Failure.Reason,
		Hint: d.Hint(r.Failure.Class, r.Failure.Code), Cooling: true,
	}
	if !refused {
		err.After = r.CooldownUntil.Sub(now)
	}
	return err
}

// provenFor is how long after a success several requests may send a client's credentials at once.
// Otherwise one request goes first and the others wait, because each rejection counts.
const provenFor = time.Minute

// Client tracks whether the token endpoint accepts one client's credentials, across all users of the
// client. It is safe for concurrent use.
type Client struct {
	ahead   chan struct{} // capacity 1: held by the request that goes first
	secrets secondSecret

	mu      sync.Mutex // guards the following fields
	row     Row        // the last rejection; empty when there is none
	proven  time.Time  // when the credentials were last accepted
	cleared time.Time  // rejections before this time no longer count
}

// NewClient returns a client without history.
func NewClient() *Client { return &Client{ahead: make(chan struct{}, 1)} }

// mergeRejections copies the rejections from row if they are about these credentials.
func (c *Client) mergeRejections(row Row, credential string) {
	if row.Refusals == 0 || row.Credential != credential || row.Failure.Class != endpoint.ClassCredential {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	newer := !row.Failure.At.Before(c.row.Failure.At)
	if row.Failure.At.After(c.cleared) && newer && row.Refusals >= c.row.Refusals {
		c.row = row
		c.proven = time.Time{}
	}
}

// counted returns the row with the client's rejections, including those of its other users.
func (c *Client) counted(row Row, credential string) Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.row.Refusals > 0 && c.row.Credential == credential {
		row.Credential, row.Failure = credential, c.row.Failure
		row.Refusals = max(row.Refusals, c.row.Refusals)
	}
	return row
}

// cooldownError returns the error for a user's call while the client's credentials are in cooldown.
func (c *Client) cooldownError(s *Source, now time.Time) error {
	c.mu.Lock()
	row := c.row
	c.mu.Unlock()
	if s.config.User == "" || row.Refusals == 0 {
		return nil
	}
	return row.cooldownError(s.config.Dialect, s.id.Credential, now)
}

// begin waits until a user's source may send the credentials. The caller calls release when it knows
// the outcome.
func (c *Client) begin(ctx context.Context, s *Source) (release func(), err error) {
	c.mu.Lock()
	proven := time.Since(c.proven) < provenFor
	c.mu.Unlock()
	if s.config.User == "" || proven {
		return func() {}, nil
	}
	select {
	case c.ahead <- struct{}{}:
	case <-ctx.Done():
		return nil, &endpoint.Error{Class: endpoint.ClassTransient, Reason: "timed out waiting for another user's token request with the client's credentials", Err: ctx.Err()}
	}
	if err := c.cooldownError(s, time.Now()); err != nil {
		<-c.ahead
		return nil, err
	}
	return func() { <-c.ahead }, nil
}

func (c *Client) accept() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.row, c.proven = Row{}, time.Now()
	c.cleared = c.proven
}

// clear forgets rejections: the operator states that the credentials are correct now.
func (c *Client) clear() {
	c.secrets.clear()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.row, c.cleared = Row{}, time.Now()
}
