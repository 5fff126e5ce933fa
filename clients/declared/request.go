package declared

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"orderbeat/clients/declared/jq"
	"orderbeat/clients/httpapi"
)

// build makes the call of an ask, and tells where it goes.
func (a *ask) build(ctx context.Context, c *Client, t turn) (httpapi.Call, *url.URL, error) {
	call := httpapi.Call{Op: a.op, Method: a.method, Accept: a.accept, Idempotent: a.idempotent}
	address := t.url
	if address == nil {
		var err error
		if address, err = a.address(ctx, c, t.scope); err != nil {
			return call, nil, err
		}
	}
	// The address may be a link of the provider's, which was not looked at yet.
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

func (a *ask) address(ctx context.Context, c *Client, s jq.Scope) (*url.URL, error) {
	path, err := a.path.Text(ctx, nil, s, url.PathEscape)
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	for step := range strings.SplitSeq(path, "/") {
		if step == "." || step == ".." { // what was put in cannot lead elsewhere
			return nil, errors.New("path: there is a step . or .. in it")
		}
	}
	values, err := a.query.Values(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("query.%w", err)
	}
	address, err := url.Parse(c.base + path)
	if err != nil {
		return nil, errors.New("path: it makes no URL")
	}
	address.RawQuery = values.Encode()
	return address, nil
}

func (a *ask) header(ctx context.Context, s jq.Scope) (map[string]string, error) {
	header := map[string]string{"Accept": "application/json"}
	filled, err := a.headers.Fill(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("headers.%w", err)
	}
	for name, value := range filled {
		text, ok := jq.Word(value)
		if !ok {
			return nil, fmt.Errorf("headers.%s: is %s, where a text was expected", name, jq.TypeName(value))
		}
		header[name] = text
	}
	return header, nil
}
