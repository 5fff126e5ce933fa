package declared

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"orderbeat/auth/secret"

	"orderbeat/clients"
	"orderbeat/clients/declared/jq"
	"orderbeat/clients/section"
)

// Orders implements [clients.Provider]. Orders in the response that were not requested are reported
// too. It is a failure if the mapping fails or no order is readable. A 404 or 410 to the request for one
// order means that it does not exist, if another call of the query succeeds: otherwise the path may be
// wrong.
func (c *Client) Orders(ctx context.Context, q clients.Query) (clients.Answer, error) {
	asked, scopes, err := c.operationFor(q)
	if err != nil {
		return clients.Answer{}, err
	}
	h, err := c.as(q.Account, asked.op)
	if err != nil {
		return clients.Answer{}, err
	}
	g := c.collector(ctx, h, asked, q.Account.Name)
	g.only = len(scopes) == 1
	var missing error // the error of the first order that the API does not know
	for _, s := range scopes {
		err := g.pages(ctx, s)
		switch {
		case err != nil && g.missing && asked == c.set.fetch && isOneOrder(s):
			missing = cmp.Or(missing, err)
		case err != nil:
			return clients.Answer{}, err
		}
	}
	if missing != nil && !g.asked {
		return clients.Answer{}, missing
	}
	return g.done(ctx)
}

// isOneOrder reports whether a call is about one order.
func isOneOrder(s jq.Scope) bool { return s.Value("order_id") != nil || s.Value("reference") != nil }

// operationFor finds the operation for a query, and the scopes of its calls: one for a date range, and one
// for each named order if they cannot be requested together.
func (c *Client) operationFor(q clients.Query) (*operationSpec, []jq.Scope, error) {
	if err := c.Lacks(q.Account); err != nil {
		return nil, nil, c.cannot("orders", "the account lacks keys that the declaration uses: "+strings.ReplaceAll(err.Error(), "\n", "; "), "complete the account in the configuration")
	}
	base := scopeOf(q)
	if !q.ByReference() {
		if c.set.orders == nil {
			return nil, nil, c.cannot("orders", "the provider has no requests for orders by date range", "declare [providers."+c.name+".orders]")
		}
		return c.set.orders, []jq.Scope{base}, nil
	}
	if c.set.fetch == nil {
		return nil, nil, c.cannot("fetch", "the provider has no requests for single orders", "declare [providers."+c.name+".fetch]")
	}
	var scopes []jq.Scope
	for _, named := range []struct {
		names     []string
		one, many string
	}{{q.OrderIDs, "order_id", "order_ids"}, {q.References, "reference", "references"}} {
		switch {
		case len(named.names) == 0:
		case c.set.fetch.uses[named.many]:
			scopes = append(scopes, base.With(named.many, list(named.names)))
		case c.set.fetch.uses[named.one]:
			for _, name := range named.names {
				scopes = append(scopes, base.With(named.one, name))
			}
		default:
			return nil, nil, c.cannot("fetch", "the provider has no requests by "+named.one, "fetch uses neither $"+named.one+" nor $"+named.many)
		}
	}
	return c.set.fetch, scopes, nil
}

func (c *Client) cannot(op, message, hint string) error {
	return &clients.Error{Provider: c.name, Op: op, Code: clients.CodeInvalid, Message: message, Hint: hint}
}

// scopeOf returns the variables of a query for its programs.
func scopeOf(q clients.Query) jq.Scope {
	a := q.Account
	zone := "UTC"
	if a.Location != nil {
		zone = a.Location.String()
	}
	params := map[string]any{}
	for name, value := range a.Params {
		switch v := value.(type) {
		case int64:
			value = int(v)
		case secret.Secret:
			value = v.Reveal()
		}
		params[name] = value
	}
	s := jq.NewScope().With("timezone", zone).With("params", params)
	for name, value := range map[string]string{
		"account": a.Name, "bill_to": a.BillTo, "ship_to": a.ShipTo, "user": a.User, "org": a.Org,
		"from": string(q.From), "to": string(q.To),
	} {
		if value != "" {
			s = s.With(name, value)
		}
	}
	return s
}

func list(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}

// First is the result of the first page.
type First struct {
	clients.Answer
	// More reports that the whole answer needs further calls.
	More bool

	query clients.Query
	op    string
	page  *page // the mapped page; nil if there is none
	item  any   // the item that it is about
}

// First is like [Client.Orders], but stops after the first page or, if items are requested one
// by one, after the first item.
func (c *Client) First(ctx context.Context, q clients.Query) (First, error) {
	asked, scopes, err := c.operationFor(q)
	if err != nil {
		return First{}, err
	}
	h, err := c.as(q.Account, asked.op)
	if err != nil {
		return First{}, err
	}
	f := First{query: q, op: asked.op}
	g := c.collector(ctx, h, asked, q.Account.Name)
	g.first = &f
	if err := g.pages(ctx, scopes[0]); err != nil {
		return First{}, err
	}
	f.More = f.More || len(scopes) > 1
	f.Answer, err = g.done(ctx)
	return f, err
}

// Lacks returns the missing keys of the account that requests for its orders need, as joined
// [*section.ConfigError] values whose keys are the account's; nil if nothing is missing. The
// account's credentials can be checked without them.
func (c *Client) Lacks(a clients.Account) error {
	var missing section.Errors
	for _, known := range []struct{ name, value string }{{"bill_to", a.BillTo}, {"ship_to", a.ShipTo}} {
		if by := c.set.uses[known.name]; by != "" && known.value == "" {
			missing.Add(known.name, "is missing: %s uses it", by)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.set.params)) {
		if _, ok := a.Params[name]; !ok {
			missing.Add("params."+name, "is missing: %s uses it", c.set.params[name])
		}
	}
	return missing.Err()
}
