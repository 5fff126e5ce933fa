package auth

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"orderbeat/auth/endpoint"
)

const (
	// maxRefusals is how often refused credentials are tried in all. PTV, for one,
	// blocks addresses after repeated failed logins.
	maxRefusals = 3
	// blockMemory is for how long after refused credentials a connection that fails
	// is taken for a blocked address. It is longer than any cooldown.
	blockMemory = 2 * time.Hour
	blockRest   = 15 * time.Minute
)

// failed is the row after a failed attempt: what happened, and the rest that follows.
// credential is the fingerprint of what was sent.
func (r Row) failed(err *endpoint.Error, credential string, now time.Time) Row {
	if r.Credential != credential {
		r.Credential, r.Failures, r.Refusals = credential, 0, 0
		r.State = r.unlatched()
	}
	if r.Failure.Class != err.Class { // each kind of trouble has steps of its own
		r.Failures = 0
	}
	r.Failures++
	if err.Class == endpoint.ClassCredential {
		r.Refusals++
	}
	r.Failure = Failure{Class: err.Class, Status: err.Status, Code: err.Code, Reason: err.Reason, At: now}
	r.CooldownUntil = now.Add(r.rest(err))
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

// suspectsBlock reports whether a failure is probably a blocked address: nothing
// answers, soon after the credentials were refused, or, where the dialect says so,
// several times in a row.
func suspectsBlock(d endpoint.Dialect, r Row, err *endpoint.Error, inARow int, now time.Time) bool {
	if !endpoint.LooksBlocked(err) {
		return false
	}
	afterRefusal := r.Refusals > 0 && now.Sub(r.Failure.At) < blockMemory
	return afterRefusal || d.BlockAfter > 0 && inARow >= d.BlockAfter
}

// rest is how long no attempt is made after the failures that the row counts.
func (r Row) rest(err *endpoint.Error) time.Duration {
	switch err.Class {
	case endpoint.ClassCredential:
		if r.Refusals == 1 {
			return spread(time.Minute)
		}
		return spread(5 * time.Minute) // the third refusal is the last
	case endpoint.ClassBlock:
		return blockRest
	case endpoint.ClassRequest:
		return doubled(15*time.Minute, time.Hour, r.Failures)
	case endpoint.ClassThrottle:
		return throttled(err.After, r.Failures)
	default:
		if err.After > 0 {
			return throttled(err.After, r.Failures)
		}
		step := doubled(time.Second, 5*time.Minute, r.Failures)
		return step/2 + rand.N(step/2) // never next to nothing, never in step with others
	}
}

// throttled is the wait that an endpoint asks for, from a second to a quarter of an hour, or
// one that doubles where it asks for none.
func throttled(asked time.Duration, failures int) time.Duration {
	if asked > 0 {
		return min(max(asked, time.Second), endpoint.MaxRetryAfter)
	}
	return doubled(15*time.Second, endpoint.MaxRetryAfter, failures)
}

// doubled is step after the first failure, twice as much after each further one,
// at most ceiling.
func doubled(step, ceiling time.Duration, failures int) time.Duration {
	const most = 16 // no ceiling is further away, and no duration overflows
	return min(step<<min(failures-1, most), ceiling)
}

// spread is d, a fifth more or less.
func spread(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5)
}

// cooling reports whether the row rests at a time. A failure that is not past yet was noted
// by a clock that was set back since: how much of the rest is left nobody knows, and it is
// over rather than as long as the clock was wrong.
func (r Row) cooling(at time.Time) bool {
	return r.CooldownUntil.After(at) && !r.Failure.At.After(at)
}

// resting is the error of a call that comes while the row rests, nil when an
// attempt is allowed.
func (r Row) resting(d endpoint.Dialect, credential string, now time.Time) error {
	refused := r.State == StateRejected
	if r.Credential != credential || !refused && !r.cooling(now) {
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

// provenFor is for how long after an answer that accepted them a client's credentials are
// sent by several requests at once. Else one goes ahead, because each that is refused counts.
const provenFor = time.Minute

// Client is what a token endpoint says of one client's credentials, on behalf of whichever
// user they were sent. It is safe for concurrent use.
type Client struct {
	ahead chan struct{} // held by the request that goes ahead

	mu      sync.Mutex // guards what follows
	row     Row        // the last refusal, as a row tells of it; empty when there is none
	proven  time.Time  // when they were last accepted
	cleared time.Time  // refusals from before count no more
}

// NewClient returns a client of which nothing is known.
func NewClient() *Client { return &Client{ahead: make(chan struct{}, 1)} }

// learn takes up the refusals of a row that was judged with these credentials.
func (c *Client) learn(row Row, credential string) {
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

// counted is the row with the client's refusals, which are more than one user's.
func (c *Client) counted(row Row, credential string) Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.row.Refusals > 0 && c.row.Credential == credential {
		row.Credential, row.Failure = credential, c.row.Failure
		row.Refusals = max(row.Refusals, c.row.Refusals)
	}
	return row
}

// resting is the error of a call of a source while the client's credentials rest.
func (c *Client) resting(s *Source, now time.Time) error {
	c.mu.Lock()
	row := c.row
	c.mu.Unlock()
	if s.config.User == "" || row.Refusals == 0 {
		return nil
	}
	return row.resting(s.dialect, s.id.Credential, now)
}

// begin waits until a user's source may send the credentials, and returns what to call when
// it is known what came of it.
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
		return nil, &endpoint.Error{Class: endpoint.ClassTransient, Reason: "another user's request, which tries the client's credentials, does not end", Err: ctx.Err()}
	}
	if err := c.resting(s, time.Now()); err != nil {
		<-c.ahead
		return nil, err
	}
	return func() { <-c.ahead }, nil
}

// accept notes that the endpoint took the credentials.
func (c *Client) accept() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.row, c.proven = Row{}, time.Now()
	c.cleared = c.proven
}

// refuse notes a refusal before the next request goes ahead; the source's row follows.
// clear forgets refusals: a person knows that the credentials are right now.
func (c *Client) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.row, c.cleared = Row{}, time.Now()
}
