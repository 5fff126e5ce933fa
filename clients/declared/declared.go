// Package declared implements providers that are described by TOML instead of code: how calls are
// signed, which requests are sent, how responses are paged, what failures mean, and a jq program that
// maps a response to orders. PTV, Shell, Microbilt and Mazda are presets: declarations in the program
// (presets/*.toml), which a section of the configuration may override key by key.
//
// Everything is compiled once, when the section is read; every mistake is reported with its position.
// Texts of a request are templates in which \(…) is jq. Programs have limits of time and memory.
// Their results are read strictly: it is a failure if the program fails or no order is readable, and an
// order is reported completely or not at all.
//
// Start reading at the settings, which are the keys of a declaration, then [Open], compile.go, and
// query.go, collect.go and call.go, which send requests. Package jq runs the programs.
package declared

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/clients/declared/jq"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/redact"
	"orderbeat/clients/section"
)

// maxPatience is the longest that a job waits for one of its calls while it holds a slot of its
// provider.
const maxPatience = 5 * time.Minute

// Client is a declared provider, as a [clients.Provider] and a [clients.Checker]. It
// is safe for concurrent use.
type Client struct {
	name, base  string
	set         declaration
	traits      clients.Traits
	guard       guard
	hidden      map[string]bool // redacted members of responses, by their folded names
	redactor    redact.Redactor
	patience    time.Duration            // for calls after a first successful one
	account     clients.Account          // the account of samples
	http        *httpapi.HTTP            // unsigned
	byUser      map[string]*httpapi.HTTP // signs with a user's tokens; "" is the client itself
	credentials []*auth.Source           // in the order of the accounts
	rates       []*clients.SharedRate    // of token requests, and of single requests
}

// Open makes a client from its section of the configuration; it is a [section.Open]
// for every kind that has a declaration.
func Open(s section.Section) (clients.Provider, error) {
	d, err := configure(&s)
	if err != nil {
		return nil, err
	}
	c := &Client{
		name: s.Name, base: s.BaseURL, set: d, traits: d.traits(), guard: guardOf(s.Kind, d.Dialect, s.BaseURL),
		hidden: map[string]bool{}, redactor: d.Redactor(slices.Concat(d.Redact, d.secrets)...), patience: min(s.Retry.For, maxPatience),
		account: s.Accounts[0], byUser: map[string]*httpapi.HTTP{}, rates: d.rates,
	}
	for _, name := range d.Redact {
		c.hidden[jq.FoldName(name)] = true
	}
	return c, c.sign(s)
}

func (d *declaration) traits() clients.Traits {
	t := clients.Traits{NoWindows: d.orders == nil, MaxWindowDays: d.Orders.WindowDays, HistoryDays: d.Orders.HistoryDays, Volatile: d.Volatile}
	if d.fetch != nil {
		t.MaxReferences = d.Fetch.MaxReferences
	}
	return t
}

// Close waits for running token requests. The client must not be used any more.
func (c *Client) Close() error {
	var closing sync.WaitGroup
	for _, source := range c.credentials {
		closing.Go(source.Close)
	}
	closing.Wait()
	return nil
}

// Succeed implements [clients.Successor].
func (c *Client) Succeed(before clients.Provider) {
	if b, ok := before.(*Client); ok && b.base == c.base {
		c.http.Succeed(b.http)
	}
}

// Share implements [clients.RateSharer].
func (c *Client) Share(n int) {
	c.http.Share(n)
	for _, r := range c.rates {
		r.Share(n)
	}
}

// BaseURL is the URL that the paths of all calls are relative to.
func (c *Client) BaseURL() string { return c.base }

// Credentials returns the sources of the tokens, one for each user where tokens belong to users.
func (c *Client) Credentials() []*auth.Source { return c.credentials }

// RedirectURI is the section's redirect URI; "" leaves it to the web listener.
func (c *Client) RedirectURI() string { return c.set.RedirectURI }

// Stats reports the current state of calls to the API.
func (c *Client) Stats() clients.Stats { return c.http.Stats() }

// Traits implements [clients.Provider].
func (c *Client) Traits() clients.Traits { return c.traits }

// Notices are remarks on the declaration that are not mistakes.
func (c *Client) Notices() []string {
	if c.set.orders != nil || c.set.fetch != nil {
		return nil
	}
	why := c.set.Undeclared
	if why == "" {
		why = "declare [providers." + c.name + ".orders] or [providers." + c.name + ".fetch]"
	}
	return []string{"no orders are declared, only the credentials can be checked: " + why}
}

// as returns the client that signs for an account.
func (c *Client) as(a clients.Account, op string) (*httpapi.HTTP, error) {
	user := a.User
	if !c.set.tokens() {
		user = ""
	}
	if h, ok := c.byUser[user]; ok {
		return h, nil
	}
	if h, ok := c.byUser[""]; ok { // the user is used in templates only
		return h, nil
	}
	return nil, c.cannot(op, "the account's user is not configured", "")
}

// Check implements [clients.Checker]: it obtains a token, and sends the ping if there is one, also
// while the breaker is open. It accepts any successful response that is not a web page: the response
// is documented for PTV only ("pong").
func (c *Client) Check(ctx context.Context, a clients.Account) ([]clients.Problem, error) {
	h, err := c.as(a, "check")
	if err != nil {
		return nil, err
	}
	if c.set.tokens() {
		err = h.Token(ctx, "check")
	} else if c.set.Ping == "" {
		err = c.cannot("check", "nothing can be checked without requesting orders", "declare a ping: a path that proves the credentials and touches no data")
	}
	if err != nil || c.set.Ping == "" {
		return nil, err
	}
	signed := requestSpec{headers: c.set.headers}
	header, err := signed.header(ctx, scopeOf(clients.Query{Account: a}))
	if err != nil {
		return nil, c.buildError(ctx, "ping", err, jq.NewScope())
	}
	delete(header, "Accept") // a ping may respond in any format
	call := httpapi.Call{Op: "ping", Account: a.Name, Check: true, Idempotent: true, Method: http.MethodGet, URL: c.base + c.set.Ping, Header: header}
	return nil, c.explain(h.Do(ctx, call, noPage))
}

// explain adds hints to a rejected ping.
func (c *Client) explain(err error) error {
	e, ok := errors.AsType[*clients.Error](err)
	switch {
	case !ok:
	case e.Status == http.StatusNotFound:
		e.Hint = "check base_url and ping"
	case e.Code == clients.CodeForbidden && c.set.accountHeaders:
		e.Hint = "the token is valid, but the call is forbidden: check the account's user and org, or contact the provider"
	case e.Code == clients.CodeForbidden:
		e.Hint = "the token is valid, but the call is forbidden: ask the provider about the rights of these credentials"
	}
	return err
}

// noPage rejects a web page by its beginning.
func noPage(body io.Reader) error {
	const enough = 512
	begin, err := io.ReadAll(io.LimitReader(body, enough))
	if err == nil && bytes.HasPrefix(bytes.TrimSpace(begin), []byte("<")) {
		return errors.New("the response is a web page")
	}
	return err
}
