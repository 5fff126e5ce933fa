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

	"orderbeat/clients"
)

// Orders implements [clients.Provider]. What is reported about orders that were not asked
// for is reported too. Of an answer that cannot be mapped as a whole, nothing is.
func (c *Client) Orders(ctx context.Context, q clients.Query) (clients.Answer, error) {
	asked, scopes, err := c.choose(q)
	if err != nil {
		return clients.Answer{}, err
	}
	h, err := c.as(q.Account, asked.op)
	if err != nil {
		return clients.Answer{}, err
	}
	g := gathering{client: c, http: h, question: asked, account: q.Account.Name, byID: map[string]int{}}
	for _, s := range scopes {
		if err := g.pages(ctx, s); err != nil {
			return clients.Answer{}, err
		}
	}
	return g.done(), nil
}

// choose finds the operation that a query needs, and the scopes of its calls: one for a
// window, and one for each order that is named where they cannot be named together.
func (c *Client) choose(q clients.Query) (*question, []scope, error) {
	if err := c.Lacks(q.Account); err != nil {
		return nil, nil, c.cannot("orders", "the account lacks what the declaration asks with: "+strings.ReplaceAll(err.Error(), "\n", "; "), "complete the account in the configuration")
	}
	base := scopeOf(q)
	if !q.ByReference() {
		if c.orders == nil {
			return nil, nil, c.cannot("orders", "the provider cannot be asked for the orders of a window", "declare [providers."+c.name+".orders]")
		}
		return c.orders, []scope{base}, nil
	}
	if c.fetch == nil {
		return nil, nil, c.cannot("fetch", "the provider cannot be asked for single orders", "declare [providers."+c.name+".fetch]")
	}
	var scopes []scope
	for _, named := range []struct {
		names     []string
		one, many string
	}{{q.OrderIDs, "order_id", "order_ids"}, {q.References, "reference", "references"}} {
		switch {
		case len(named.names) == 0:
		case c.fetch.uses[named.many]:
			scopes = append(scopes, base.with(named.many, list(named.names)))
		case c.fetch.uses[named.one]:
			for _, name := range named.names {
				scopes = append(scopes, base.with(named.one, name))
			}
		default:
			return nil, nil, c.cannot("fetch", "the provider cannot be asked by "+named.one, "fetch uses neither $"+named.one+" nor $"+named.many)
		}
	}
	return c.fetch, scopes, nil
}

func (c *Client) cannot(op, message, hint string) error {
	return &clients.Error{Provider: c.name, Op: op, Code: clients.CodeInvalid, Message: message, Hint: hint}
}

// scopeOf is what a query tells its programs.
func scopeOf(q clients.Query) scope {
	a := q.Account
	zone := "UTC"
	if a.Location != nil {
		zone = a.Location.String()
	}
	params := map[string]any{}
	for name, value := range a.Params {
		if n, ok := value.(int64); ok {
			value = int(n)
		}
		params[name] = value
	}
	s := newScope().with("timezone", zone).with("params", params)
	for name, value := range map[string]string{
		"account": a.Name, "bill_to": a.BillTo, "ship_to": a.ShipTo, "user": a.User, "org": a.Org,
		"from": string(q.From), "to": string(q.To),
	} {
		if value != "" {
			s = s.with(name, value)
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

// gathering puts the answer to one query together.
type gathering struct {
	client   *Client
	http     *clients.HTTP
	question *question
	account  string

	answer clients.Answer
	byID   map[string]int // index into answer.Orders
	mapped int            // orders that programs made so far

	first *First    // what is noted of the first answer, where no more is to be asked; or nil
	told  func(any) // hears of every order as a program made it; nil hears nothing
}

// page is one answer, read.
type page struct {
	status int
	header http.Header
	body   any // null where there is nothing
	size   int // of the body, in bytes
	empty  bool
}

// pages asks for every page, and maps each as it comes.
func (g *gathering) pages(ctx context.Context, s scope) error {
	q := g.question
	next := turn{scope: q.paging.start(s)}
	for n := 1; !next.done; n++ {
		if n > q.paging.MaxPages {
			return g.bad("there are more than %d pages", q.paging.MaxPages)
		}
		here, items := next, []any(nil)
		next.done = true // unless the answer says otherwise
		err := g.call(ctx, &q.ask, here, func(p *page, address *url.URL) (err error) {
			if p.empty {
				return nil
			}
			if items, err = g.read(ctx, p, here.scope); err != nil {
				return err
			}
			if next, err = q.paging.after(ctx, p, address, here.scope); err != nil {
				return g.badWith(err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, item := range items {
			if err := g.about(ctx, item, here.scope); err != nil {
				return err
			}
			if g.first != nil {
				break
			}
		}
		if g.first != nil {
			g.first.More = !next.done || len(items) > 1
			return nil
		}
	}
	return nil
}

// read maps a page, or finds the items in it that are to be asked about.
func (g *gathering) read(ctx context.Context, p *page, s scope) (items []any, err error) {
	if g.question.items == nil {
		return nil, g.mapPage(ctx, p, s)
	}
	err = g.question.items.each(ctx, p.body, p.size, s, func(v any) error {
		items = append(items, v)
		return nil
	})
	if err != nil {
		return nil, g.badWith(fmt.Errorf("each.items: %w", err))
	}
	return items, nil
}

// about asks about an item, and maps what is said.
func (g *gathering) about(ctx context.Context, item any, s scope) error {
	s = s.with("item", item)
	return g.call(ctx, &g.question.each, turn{scope: s}, func(p *page, _ *url.URL) error { return g.mapPage(ctx, p, s) })
}

// mapPage adds the orders that the mapping makes of a page.
func (g *gathering) mapPage(ctx context.Context, p *page, s scope) error {
	s = s.with("status", p.status)
	if g.first != nil {
		g.first.page, g.first.item = p, s.value("item")
	}
	err := g.question.mapping.each(ctx, p.body, p.size, s, func(v any) error {
		if several, ok := v.([]any); ok {
			for _, v := range several {
				if err := g.add(v); err != nil {
					return err
				}
			}
			return nil
		}
		return g.add(v)
	})
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if _, told := errors.AsType[*pathError](err); !told {
		err = below(fmt.Sprintf("orders[%d]", g.mapped), unreadable("%v", err))
	}
	return g.badWith(err)
}

// add keeps an order. Of one that is told several times, the lines are put together.
func (g *gathering) add(v any) error {
	at := fmt.Sprintf("orders[%d]", g.mapped)
	if g.mapped++; g.mapped > maxOrders {
		return unreadable("the program makes more than %d orders", maxOrders)
	}
	if g.told != nil {
		g.told(v)
	}
	o, err := readOrder(v, g.client.name, g.account)
	if err != nil {
		return below(at, err)
	}
	i, known := g.byID[o.OrderID]
	if !known {
		g.byID[o.OrderID] = len(g.answer.Orders)
		g.answer.Orders = append(g.answer.Orders, o)
		return nil
	}
	merge(&g.answer.Orders[i], &o)
	return nil
}

// merge adds what is told of an order again: what comes later counts.
func merge(into, again *clients.Order) {
	earlier := into.Lines
	*into = *again
	for i := range earlier {
		if told := lineOf(again.Lines, earlier[i].LineID); earlier[i].LineID == "" || !told {
			into.Lines = append(into.Lines, earlier[i])
		}
	}
}

func lineOf(lines []clients.Line, id string) bool {
	for i := range lines {
		if lines[i].LineID == id {
			return true
		}
	}
	return false
}

func (g *gathering) done() clients.Answer {
	for i := range g.answer.Orders {
		g.answer.Orders[i].Normalize()
	}
	return g.answer
}

func (g *gathering) bad(format string, args ...any) error {
	return g.badWith(fmt.Errorf(format, args...))
}

// badWith is the failure of an answer that could not be read.
func (g *gathering) badWith(err error) error {
	return &clients.Error{Provider: g.client.name, Op: g.question.op, Code: clients.CodeBadResponse, Message: "the answer cannot be mapped: " + err.Error()}
}

// call asks once, and has the answer used while the exchange is at hand, which is kept
// where the answer cannot be read.
func (g *gathering) call(ctx context.Context, a *ask, t turn, use func(*page, *url.URL) error) error {
	call, address, err := a.build(ctx, g.client, t)
	if err != nil {
		return g.client.unmade(ctx, a.op, err, t.scope)
	}
	if err := a.limiter.Wait(ctx); err != nil {
		return g.client.late(ctx, a.op, "no turn within the operation's rate in time")
	}
	var nothing *page
	call.Judge = func(r clients.Response, body []byte) *clients.Error {
		v := a.verdict(ctx, r.Status, body, t.scope)
		if v.outcome == outcomeNone {
			nothing = &page{status: r.Status, empty: true}
		}
		return v.failed()
	}
	err = g.http.Answer(ctx, call, func(r clients.Response) error {
		p, err := g.page(ctx, a, r, t.scope)
		if err != nil {
			return err
		}
		return use(p, address)
	})
	switch {
	case nothing != nil:
		return use(nothing, address)
	case err != nil:
		return a.explain(err)
	}
	return nil
}

// page reads an answer, and judges it.
func (g *gathering) page(ctx context.Context, a *ask, r clients.Response, s scope) (*page, error) {
	body, size, err := decode(r, slices.Contains(a.accept, r.Status))
	if err != nil {
		return nil, err
	}
	if g.first != nil {
		g.first.taken = append(g.first.taken, g.client.taken(body)...)
	}
	g.client.hide(body)
	p := &page{status: r.Status, header: r.Header, body: body, size: size}
	v, err := judge(ctx, a.rules, r.Status, body, size, s)
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
		g.answer.Partial = append(g.answer.Partial, clients.Problem{Message: v.message})
	}
	return p, nil
}

// unmade is the failure of a call that could not be put together. Where it is about an
// item, that came with an answer.
func (c *Client) unmade(ctx context.Context, op string, err error, s scope) error {
	if ctx.Err() != nil {
		return c.late(ctx, op, "no time to ask")
	}
	e := &clients.Error{Provider: c.name, Op: op, Code: clients.CodeInvalid, Message: "the call cannot be made: " + err.Error(), Hint: "check the declaration, and the account's keys"}
	if s.value("item") != nil {
		e.Code, e.Hint = clients.CodeBadResponse, ""
	}
	return e
}

// late is what ctx has come to: a failure when time is up, and else the caller's leaving.
func (c *Client) late(ctx context.Context, op, message string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %s: %w", c.name, op, context.Canceled)
	}
	return &clients.Error{Provider: c.name, Op: op, Code: clients.CodeUnavailable, Message: message, Err: context.DeadlineExceeded}
}

// verdict is what an answer means that is not accepted.
func (a *ask) verdict(ctx context.Context, status int, body []byte, s scope) verdict {
	if slices.Contains(a.empty, status) {
		return verdict{outcome: outcomeNone}
	}
	v, err := judge(ctx, a.rules, status, loose(body), len(body), s)
	if err != nil || v.outcome == outcomePartial {
		return verdict{}
	}
	return v
}

// explain makes the failure of a call what it is to who asked.
func (a *ask) explain(err error) error {
	e, ok := errors.AsType[*clients.Error](err)
	if !ok {
		return err
	}
	if e.Status == http.StatusNotFound && e.Code == clients.CodeInvalid && e.Hint == "check base_url" {
		e.Hint = "check base_url, and the declaration's path"
	}
	if !a.idempotent && e.Code == clients.CodeUnavailable && e.Status != http.StatusServiceUnavailable && e.Status != http.StatusTooEarly {
		e.Code = clients.CodeInvalid
		e.Message += "; the call is not declared idempotent, and is not sent again"
	}
	return e
}

// decode reads a whole answer as JSON. Blank is null where that is allowed.
func decode(r clients.Response, blankToo bool) (body any, size int, err error) {
	counted := &counter{from: r}
	d := json.NewDecoder(counted)
	d.UseNumber()
	err = d.Decode(&body)
	switch {
	case err == nil:
	case counted.blank() && blankToo:
		return nil, 0, nil
	case counted.blank():
		return nil, 0, &clients.Error{Code: clients.CodeBadResponse, Message: "the answer is empty", Err: err}
	default:
		return nil, 0, &clients.Error{Code: clients.CodeBadResponse, Message: "the answer is not JSON", Err: err}
	}
	if d.More() {
		return nil, 0, &clients.Error{Code: clients.CodeBadResponse, Message: "the answer goes on behind its JSON"}
	}
	return body, counted.n, nil
}

// counter counts what is read of an answer.
type counter struct {
	from clients.Response
	n    int
	some bool // there was more than blanks
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Body.Read(p)
	c.n += n
	c.some = c.some || strings.TrimSpace(string(p[:n])) != ""
	return n, err
}

func (c *counter) blank() bool { return !c.some }
