package declared

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"orderbeat/clients"
	"orderbeat/clients/declared/jq"
	"orderbeat/clients/httpapi"
)

// Check implements [clients.Checker]: it has a token, and sends the ping where there is
// one, also while the breaker keeps other calls back. Any answer of success to that will do that is not a web page: what an API
// answers is documented for PTV only ("pong").
func (c *Client) Check(ctx context.Context, a clients.Account) ([]clients.Problem, error) {
	h, err := c.as(a, "check")
	if err != nil {
		return nil, err
	}
	if c.tokens {
		err = h.Token(ctx, "check")
	} else if c.ping == "" {
		err = c.cannot("check", "nothing can be checked without asking for orders", "declare a ping: a path that proves the credentials and touches no data")
	}
	if err != nil || c.ping == "" {
		return nil, err
	}
	signed := ask{headers: c.headers}
	header, err := signed.header(ctx, scopeOf(clients.Query{Account: a}))
	if err != nil {
		return nil, c.unmade(ctx, "ping", err, jq.NewScope())
	}
	delete(header, "Accept") // a ping answers whatever it likes
	call := httpapi.Call{Op: "ping", Account: a.Name, Check: true, Idempotent: true, Method: http.MethodGet, URL: c.base + c.ping, Header: header}
	return nil, c.explain(h.Do(ctx, call, noPage))
}

// explain adds what a refused ping may be about.
func (c *Client) explain(err error) error {
	e, ok := errors.AsType[*clients.Error](err)
	switch {
	case !ok:
	case e.Status == http.StatusNotFound:
		e.Hint = "check base_url and ping"
	case e.Code == clients.CodeForbidden && len(c.headers.Uses()) > 0:
		e.Hint = "the token is taken, and refused this call: check the account's user and org, or ask the provider"
	case e.Code == clients.CodeForbidden:
		e.Hint = "the token is taken, and refused this call: ask the provider what these credentials may do"
	}
	return err
}

// noPage reads where an answer begins, and refuses a web page.
func noPage(body io.Reader) error {
	const enough = 512
	begin, err := io.ReadAll(io.LimitReader(body, enough))
	if err == nil && bytes.HasPrefix(bytes.TrimSpace(begin), []byte("<")) {
		return errors.New("the answer is a web page")
	}
	return err
}
