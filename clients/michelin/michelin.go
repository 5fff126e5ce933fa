// Package michelin calls Michelin North America's API for the status of orders (EDIWheel C1.1, POST
// /order/amn/C1_1/status), despatch advices (despatch.go) and invoices (invoice.go). It owns
// Michelin's wire format and rules, and reports in the types of package clients.
//
// Its sources are Michelin's developer portal page of 1 April 2025 (the portal page below) and
// Michelin North America Order-to-Cash, OpenAPI 1.0.1 (the OpenAPI). They disagree on the format of
// requests, so that is a setting, and both kinds of responses are read.
//
// Start reading at [Open], then request.go, order_response.go, reader.go, order.go and, for what the
// documents disagree on, lenient.go and dates_numbers.go.
package michelin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/clients"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/memory"
	"orderbeat/clients/section"
)

const (
	statusPath        = "/order/amn/C1_1/status"
	tokenPath         = "/idp/v2/b2b/oauth2/token"
	introspectionPath = "/idp/v2/b2b/oauth2/introspect"
	operation         = "order status"
)

// Client is Michelin as a [clients.Provider]. It is safe for concurrent use.
type Client struct {
	http    *httpapi.HTTP
	tokens  *clients.SharedRate // of token requests; nil without any
	name    string
	base    string
	profile profile
	source  *auth.Source
	basic   bool // the older scheme, without tokens
}

// Open makes a client from its section of the configuration; it is a [section.Open].
func Open(s section.Section) (clients.Provider, error) {
	set, err := configure(&s)
	if err != nil {
		return nil, err
	}
	origin, err := url.Parse(s.BaseURL)
	if err != nil {
		return nil, &section.ConfigError{Key: "base_url", Message: "is not a URL"}
	}
	c := &Client{name: s.Name, base: s.BaseURL, profile: profiles[set.Request], basic: set.Scheme == schemeBasic}
	unsigned := httpapi.NewHTTP(s).Keeping(set.Exchanges, set.Redactor())
	if c.basic {
		err = c.signBasic(s, set, unsigned, origin)
	} else {
		err = c.signBearer(s, set, unsigned, origin)
	}
	if err != nil {
		return nil, &section.ConfigError{Key: "token_url", Message: err.Error()}
	}
	return c, nil
}

// Close waits for a running token request. The client must not be used any more.
func (c *Client) Close() error {
	c.source.Close()
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
	if c.tokens != nil {
		c.tokens.Share(n)
	}
}

// BaseURL is the URL that the paths of all calls are relative to.
func (c *Client) BaseURL() string { return c.base }

// Credentials returns the source of the tokens.
func (c *Client) Credentials() []*auth.Source { return []*auth.Source{c.source} }

// Stats reports the current state of calls to the API.
func (c *Client) Stats() clients.Stats { return c.http.Stats() }

// Traits returns the limits: 90 days counting both ends (the OpenAPI's orderDateTo), 5 for despatch
// advices and 30 for invoices (despatchToDate and invoiceIssueFromDate). How many orders one request
// may name is not documented; fifty keeps a request small.
func (c *Client) Traits() clients.Traits {
	return clients.Traits{MaxWindowDays: 90, MaxReferences: 50, MaxDespatchDays: 5, MaxInvoiceDays: 30}
}

// Orders implements [clients.Provider]. Orders in the response that were not requested are reported
// too.
func (c *Client) Orders(ctx context.Context, q clients.Query) (clients.Answer, error) {
	body, err := c.profile.encode(q)
	if err != nil {
		return clients.Answer{}, &clients.Error{Provider: c.name, Op: operation, Code: clients.CodeInvalid, Message: err.Error()}
	}
	var answer clients.Answer
	err = c.post(ctx, q.Account, operation, statusPath, body, func(body io.Reader) error {
		answer, err = decode(memory.NewMeter(ctx), body, c.name, q.Account.Name)
		return err
	})
	if err != nil {
		return clients.Answer{}, err
	}
	return answer, nil
}

func (c *Client) post(ctx context.Context, a clients.Account, op, path string, body []byte, read func(io.Reader) error) error {
	return explain(c.http.Do(ctx, httpapi.Call{
		Op: op, Account: a.Name, Idempotent: true, Method: http.MethodPost, URL: c.base + path, Body: body,
		Header: map[string]string{"Content-Type": "application/json", "Accept": "application/json"},
	}, read))
}

// explain adds a hint to Michelin's errors.
func explain(err error) error {
	if e, ok := errors.AsType[*clients.Error](err); ok && e.Code == clients.CodeForbidden {
		e.Hint = "bill_to must be the Bill-to code of the customer whom these credentials belong to"
	}
	return err
}

func (c *Client) signBearer(s section.Section, set settings, unsigned *httpapi.HTTP, origin *url.URL) (err error) {
	c.tokens = s.TokenRate.Shared()
	config := auth.Config{Dialect: endpoint.Michelin(), IntrospectionURL: set.IntrospectionURL, TTL: set.TokenTTL}
	set.Apply(&config, &section.Errors{}) // reported before
	httpapi.CompleteTokens(&config, s, c.tokens)
	if c.source, err = auth.NewSource(config); err != nil {
		return err
	}
	c.http = unsigned.Bearer(c.source, origin)
	return nil
}

// signBasic signs calls in the older scheme: HTTP Basic and the header apikey together (Michelin
// North America Order-to-Cash, OpenAPI 1.0.1: basicAuth and apikey are both required).
func (c *Client) signBasic(s section.Section, set settings, unsigned *httpapi.HTTP, origin *url.URL) (err error) {
	s.Mask.AddPair(set.Username, set.Password.Reveal())
	s.Mask.Add(set.APIKey.Reveal())
	header := map[string]secret.Secret{"Authorization": auth.Basic(set.Username, set.Password), "apikey": set.APIKey}
	c.http, c.source, err = unsigned.Fixed(s, origin, set.Username, header, "check username, password and apikey: Michelin requires all three")
	return err
}

// Check implements [clients.Checker] with an access token and its introspection. The latter is a hint
// only: the portal page calls it optional, and authorization servers have reported working tokens as
// inactive. The API itself cannot be reached without requesting orders.
func (c *Client) Check(ctx context.Context, _ clients.Account) ([]clients.Problem, error) {
	if c.basic {
		return nil, &clients.Error{
			Provider: c.name, Op: "check", Code: clients.CodeInvalid, Message: "nothing can be checked without requesting orders",
			Hint: `scheme "basic_apikey" has no tokens: run a sync over one day instead`,
		}
	}
	if err := c.http.Token(ctx, "check"); err != nil {
		return nil, err
	}
	if introspection, err := c.source.Introspect(ctx); err == nil && !introspection.Active {
		return []clients.Problem{{
			Code: "inactive", Message: "a token was granted, but introspection reports it as inactive; the next call renews it if that is true",
		}}, nil
	}
	return nil, nil
}
