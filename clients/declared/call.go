package declared

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"orderbeat/auth/mask"
	"orderbeat/clients"
	"orderbeat/clients/declared/jq"
	"orderbeat/clients/exchange"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/memory"
)

type page struct {
	status int
	header http.Header
	body   any // null if empty
	empty  bool
}

// call sends a request and passes the response to use while the exchange is still available, so that an
// unreadable response can be recorded.
func (g *collector) call(ctx context.Context, a *requestSpec, t pageRef, use func(*page, *url.URL) error) error {
	g.missing = false
	call, address, err := a.build(ctx, g.client, t)
	if err != nil {
		return g.client.buildError(ctx, a.op, err, t.scope)
	}
	if !exchange.IsPlayback(ctx) {
		if err := a.limiter.Wait(ctx); err != nil {
			return g.client.late(ctx, a.op, "timed out waiting for the operation's rate limit")
		}
	}
	call.Account = g.account
	if g.asked {
		call.Patience = g.client.patience
	}
	call.Refused = refuses(ctx, a.rules, t.scope)
	var nothing *page
	call.Judge = func(r httpapi.Response, body []byte) *clients.Error {
		v := a.verdict(ctx, r.Status, body, t.scope)
		g.missing = v.outcome == "" && (r.Status == http.StatusNotFound || r.Status == http.StatusGone)
		if v.outcome == outcomeNone {
			nothing = &page{status: r.Status, empty: true}
		}
		return v.failed()
	}
	err = g.http.Answer(ctx, call, func(r httpapi.Response) error {
		meter := memory.NewMeter(ctx) // of decoded data, until it is mapped
		defer meter.Free()
		p, err := g.page(ctx, a, r, t.scope, meter)
		if err != nil {
			return err
		}
		return use(p, address)
	})
	switch {
	case nothing != nil:
		g.asked = true
		return use(nothing, address)
	case err != nil:
		return a.explain(err)
	}
	g.asked = true
	return nil
}

// page decodes a response and applies the failure rules.
func (g *collector) page(ctx context.Context, a *requestSpec, r httpapi.Response, s jq.Scope, meter *memory.Meter) (*page, error) {
	if slices.Contains(a.empty, r.Status) {
		return &page{status: r.Status, empty: true}, nil
	}
	body, err := jq.Decode(meter, r.Body, slices.Contains(a.accept, r.Status))
	if err != nil {
		return nil, err
	}
	g.client.hide(body)
	p := &page{status: r.Status, header: r.Header, body: body}
	v, err := applyRules(ctx, a.rules, r.Status, body, s)
	if err != nil {
		return nil, err
	}
	if failed := v.failed(); failed != nil {
		return nil, failed
	}
	switch v.outcome {
	case outcomeNone:
		return &page{status: r.Status, empty: true}, nil
	case outcomePartial:
		g.partial = append(g.partial, clients.Problem{Message: v.message})
	}
	return p, nil
}

// buildError returns the error of a call that could not be built. If the call is about an item, the item came
// response.
func (c *Client) buildError(ctx context.Context, op string, err error, s jq.Scope) error {
	if ctx.Err() != nil {
		return c.late(ctx, op, "timed out before the request")
	}
	e := &clients.Error{Provider: c.name, Op: op, Code: clients.CodeInvalid, Message: "the request cannot be built: " + err.Error(), Hint: "check the declaration and the account's keys"}
	if s.Value("item") != nil {
		e.Code, e.Hint = clients.CodeBadResponse, ""
	}
	return e
}

// late returns the error for a ctx that has ended: a failure after the deadline, otherwise the cancellation.
func (c *Client) late(ctx context.Context, op, message string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %s: %w", c.name, op, context.Canceled)
	}
	return &clients.Error{Provider: c.name, Op: op, Code: clients.CodeUnavailable, Message: message, Err: context.DeadlineExceeded}
}

// verdict applies the failure rules to a response that is not accepted.
func (a *requestSpec) verdict(ctx context.Context, status int, body []byte, s jq.Scope) verdict {
	if slices.Contains(a.empty, status) {
		return verdict{outcome: outcomeNone}
	}
	v, err := applyRules(ctx, a.rules, status, loose(body), s)
	if err != nil || v.outcome == outcomePartial {
		return verdict{}
	}
	return v
}

// explain adds a hint, and makes the failure final if the call must not be repeated.
func (a *requestSpec) explain(err error) error {
	e, ok := errors.AsType[*clients.Error](err)
	if !ok {
		return err
	}
	if e.Status == http.StatusNotFound && e.Code == clients.CodeInvalid && e.Hint == "check base_url" {
		e.Hint = "check base_url, and the declaration's path; if the API responds 404 for unknown orders, declare empty = [404]"
	}
	if !a.idempotent && !e.NotSent && e.Code == clients.CodeUnavailable && e.Status != http.StatusServiceUnavailable && e.Status != http.StatusTooEarly {
		e.Code = clients.CodeInvalid
		e.Message += "; the call is not declared idempotent, and is not sent again"
	}
	return e
}

// build makes the call of a request, and returns its URL.
func (a *requestSpec) build(ctx context.Context, c *Client, t pageRef) (httpapi.Call, *url.URL, error) {
	call := httpapi.Call{Op: a.op, Method: a.method, Accept: a.accept, Idempotent: a.idempotent}
	address := t.url
	if address == nil {
		var err error
		if address, err = a.address(ctx, c, t.scope); err != nil {
			return call, nil, err
		}
	}
	// The URL may be a link from a response, which has not been checked yet.
	if wrong := c.guard.refuses(a.method, strings.TrimPrefix(address.EscapedPath(), c.guard.base)); wrong != "" {
		return call, nil, errors.New("path: " + wrong)
	}
	call.URL = address.String()
	var err error
	if call.Header, err = a.header(ctx, t.scope); err != nil {
		return call, nil, err
	}
	contentType := ""
	switch {
	case a.json != nil:
		contentType = "application/json"
		filled, err := a.json.Fill(ctx, t.scope)
		if err != nil {
			return call, nil, fmt.Errorf("json.%w", err)
		}
		if call.Body, err = json.Marshal(filled); err != nil {
			return call, nil, fmt.Errorf("json: %w", err)
		}
	case a.form != nil:
		contentType = "application/x-www-form-urlencoded"
		values, err := a.form.Values(ctx, t.scope)
		if err != nil {
			return call, nil, fmt.Errorf("form.%w", err)
		}
		call.Body = []byte(values.Encode())
	}
	if _, own := call.Header["Content-Type"]; contentType != "" && !own {
		call.Header["Content-Type"] = contentType
	}
	return call, address, nil
}

func (a *requestSpec) address(ctx context.Context, c *Client, s jq.Scope) (*url.URL, error) {
	path, err := a.path.Text(ctx, nil, s, url.PathEscape)
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	for step := range strings.SplitSeq(path, "/") {
		if step == "." || step == ".." { // inserted values must not change the path
			return nil, errors.New("path: must not contain . or .. segments")
		}
	}
	values, err := a.query.Values(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("query.%w", err)
	}
	address, err := url.Parse(c.base + path)
	if err != nil {
		return nil, errors.New("path: is not valid in a URL")
	}
	address.RawQuery = values.Encode()
	return address, nil
}

func (a *requestSpec) header(ctx context.Context, s jq.Scope) (map[string]string, error) {
	header := map[string]string{"Accept": "application/json"}
	filled, err := a.headers.Fill(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("headers.%w", err)
	}
	for name, value := range filled {
		text, ok := jq.Word(value)
		if !ok {
			return nil, fmt.Errorf("headers.%s: is %s, expected a string", name, jq.TypeName(value))
		}
		header[name] = text
	}
	return header, nil
}

// hide removes redacted values from a response before it is mapped, so that no mapping can see them.
func (c *Client) hide(v any) {
	if len(c.hidden) == 0 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if c.hidden[jq.FoldName(name)] && value != nil {
				v[name] = mask.Redacted
				continue
			}
			c.hide(value)
		}
	case []any:
		for _, e := range v {
			c.hide(e)
		}
	}
}
