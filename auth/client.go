package auth

import (
	"context"
	"sync"
	"time"
)

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
	if row.Refusals == 0 || row.Credential != credential || row.Failure.Class != ClassCredential {
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
		return nil, &Error{Class: ClassTransient, Reason: "another user's request, which tries the client's credentials, does not end", Err: ctx.Err()}
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
