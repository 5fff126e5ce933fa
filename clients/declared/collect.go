package declared

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"orderbeat/clients"
	"orderbeat/clients/declared/jq"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/memory"
)

// maxOrders is the limit of orders in one answer.
const maxOrders = 200_000

type collector struct {
	client  *Client
	http    *httpapi.HTTP
	spec    *operationSpec
	account string
	asked   bool // a call succeeded: later ones are worth waiting for

	kept       *memory.Meter // of data that lasts as long as the attempt
	partial    []clients.Problem
	orders     []*mergedOrder // in the order of their first appearance
	byID       map[string]*mergedOrder
	pageNumber int   // number of the page that is mapped, over all scopes, from 1
	mapped     int   // orders that programs returned so far
	only       bool  // there is only one request
	strict     bool  // an unreadable order is a failure
	unread     error // the first unreadable order, nil for none
	unnamed    bool  // the id of an unreadable order is unknown
	failing    int   // items in a row that failed
	missing    bool  // the last response was 404 or 410, without a declared meaning

	seen     *visited // earlier pages; nil without paging
	contents uint64   // digest of the page, 0 for an empty one

	first *First // set if only the first page is requested, otherwise nil
}

func (c *Client) collector(ctx context.Context, h *httpapi.HTTP, q *operationSpec, account string) *collector {
	return &collector{client: c, http: h, spec: q, account: account, kept: memory.NewMeter(ctx), byID: map[string]*mergedOrder{}}
}

// pages requests every page, and maps each as it arrives.
func (g *collector) pages(ctx context.Context, s jq.Scope) error {
	q := g.spec
	next := pageRef{scope: q.paging.start(s)}
	if g.seen = nil; q.paging.By != "" {
		g.seen = newVisited()
	}
	for n := 1; !next.done; n++ {
		g.pageNumber++
		if n > q.paging.MaxPages {
			return g.bad("there are more than %d pages", q.paging.MaxPages)
		}
		here, items, again := next, []any(nil), ""
		next.done, g.contents = true, 0 // unless the response says otherwise
		err := g.call(ctx, &q.requestSpec, here, func(p *page, address *url.URL) (err error) {
			if p.empty {
				return nil
			}
			if items, err = g.read(ctx, p, here.scope); err != nil {
				return err
			}
			if next, err = q.paging.after(ctx, p, address, here.scope); err != nil {
				return g.badResponse(err)
			}
			if g.seen != nil {
				again = g.seen.repeated(n, g.contents, address, next)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if again != "" { // the page is valid; the next ones are missing
			g.skip(g.bad("%s", again), clients.Problem{Message: "paging: " + again + "; no further page is requested"})
			return nil
		}
		for _, item := range items {
			if err := g.requestItem(ctx, item, here.scope); err != nil {
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

// read maps a page, or finds the items in it that are to be requested.
func (g *collector) read(ctx context.Context, p *page, s jq.Scope) (items []any, err error) {
	if g.spec.items == nil {
		return nil, g.mapPage(ctx, p, s)
	}
	err = g.spec.items.Each(ctx, p.body, s, func(v any) error {
		g.note(v)
		items = append(items, v)
		return nil
	})
	if err != nil {
		return nil, g.badResponse(fmt.Errorf("each.items: %w", err))
	}
	return items, nil
}

// requestItem requests an item, and maps the response.
func (g *collector) requestItem(ctx context.Context, item any, s jq.Scope) error {
	s = s.With("item", item)
	err := g.call(ctx, &g.spec.each, pageRef{scope: s}, func(p *page, _ *url.URL) error {
		if p.empty {
			return g.mapNothing(ctx, p, s)
		}
		return g.mapPage(ctx, p, s)
	})
	if err == nil {
		g.failing = 0
		return nil
	}
	return g.skipItem(err, jq.OrderName(item))
}

// mapNothing maps an empty response: null, with the item. If the mapping fails or returns no order id,
// the item is skipped.
func (g *collector) mapNothing(ctx context.Context, p *page, s jq.Scope) error {
	g.noteFirst(p, s)
	var made []any
	err := g.spec.mapping.Each(ctx, nil, s.With("status", p.status), func(v any) error {
		object, _ := v.(map[string]any)
		if id, ok := jq.PlainText(object["order_id"]); ok && strings.TrimSpace(id) != "" {
			made = append(made, v)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		return nil // there is nothing to map
	}
	for _, v := range made {
		if err == nil {
			err = g.add(v)
		}
	}
	return err
}

// maxFailing is how many items in a row may fail before the provider counts as failing.
const maxFailing = 3

// skipItem notes an item without a readable response. A failure that is not about the item is
// returned.
func (g *collector) skipItem(err error, name string) error {
	e, ok := errors.AsType[*clients.Error](err)
	if !ok || g.strict || g.first != nil || g.kept.Err() != nil {
		return err
	}
	switch {
	case e.Status == http.StatusNotFound, e.Status == http.StatusGone, e.Status >= 500, e.Code == clients.CodeBadResponse:
	default:
		return err
	}
	if g.failing++; g.failing > maxFailing {
		return err
	}
	g.skip(err, clients.Problem{OrderID: name, Message: fmt.Sprintf("%s: %s", e.Code, e.Message)})
	return nil
}

// skip notes an order that is missing from the answer.
func (g *collector) skip(err error, p clients.Problem) {
	const most = 1000 // problems that are listed
	if g.unread == nil {
		g.unread = err
	}
	if p.Unread = true; len(g.partial) < most {
		g.partial = append(g.partial, p)
	}
}

// note adds a part of a page to its digest.
func (g *collector) note(v any) {
	if g.seen != nil {
		g.contents = g.contents*31 + digest(g.seen.seed, v)
	}
}

// noteFirst keeps the mapped page if only the first is requested.
func (g *collector) noteFirst(p *page, s jq.Scope) {
	if g.first != nil {
		g.first.page, g.first.item = p, s.Value("item")
	}
}

// mapPage adds the orders that the mapping returns for a page.
func (g *collector) mapPage(ctx context.Context, p *page, s jq.Scope) error {
	s = s.With("status", p.status)
	g.noteFirst(p, s)
	err := g.spec.mapping.Each(ctx, p.body, s, func(v any) error {
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
	if err == nil {
		return g.nothingRead()
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if e, ok := errors.AsType[*clients.Error](err); ok {
		return e
	}
	if _, ok := errors.AsType[*pathError](err); !ok {
		err = withPath(fmt.Sprintf("orders[%d]", g.mapped), unreadable("%v", err))
	}
	return g.badResponse(withName(g.spec.mapping.Text, err))
}

// nothingRead returns the error of a single request if its first page has orders but no readable one. It is
// reported while the exchange can still be recorded. With several requests others may return orders.
func (g *collector) nothingRead() error {
	if !g.only || g.unread == nil || g.spec.items != nil || g.first != nil ||
		slices.ContainsFunc(g.orders, func(o *mergedOrder) bool { return !o.unread }) {
		return nil
	}
	return g.unread
}

func (g *collector) add(v any) error {
	at := fmt.Sprintf("orders[%d]", g.mapped)
	if g.mapped++; g.mapped > maxOrders {
		return unreadable("the program returns more than %d orders", maxOrders)
	}
	if err := g.kept.Use(orderBytes(v)); err != nil {
		return err
	}
	g.note(v)
	object, _ := v.(map[string]any)
	if message, failed := object[jq.UnreadMember].(string); failed {
		name, _ := object["order"].(string)
		g.unnamed = true
		return g.unreadable(withPath(at, unreadable("%s", message)), name)
	}
	o, err := readOrder(v, g.client.name, g.account, g.client.set.NoDate)
	if e, ok := errors.AsType[*pathError](err); ok && e.declared {
		return withPath(at, err)
	}
	if err != nil {
		id, _ := jq.PlainText(object["order_id"])
		if id = strings.TrimSpace(id); id == "" {
			g.unnamed = true
		} else { // an order is reported completely or not at all
			g.mergedOrder(id).unread = true
		}
		return g.unreadable(withPath(at, err), id)
	}
	if n := g.mergedOrder(o.OrderID).add(o, g.pageNumber, g.spec.lines); n >= 0 {
		at += fmt.Sprintf(".lines[%d].line_id", n)
		return g.unreadable(withPath(at, unreadable("is also the id of another line with different contents")), o.OrderID)
	}
	return nil
}

// mergedOrder returns the merged reports of an order so far.
func (g *collector) mergedOrder(id string) *mergedOrder {
	known := g.byID[id]
	if known == nil {
		known = &mergedOrder{}
		g.byID[id] = known
		g.orders = append(g.orders, known)
	}
	return known
}

// unreadable notes an unreadable order; in strict mode it returns the error.
func (g *collector) unreadable(err error, name string) error {
	if g.strict {
		return err
	}
	if err := g.kept.Use(problemBytes); err != nil {
		return err
	}
	g.skip(g.badResponse(err), clients.Problem{OrderID: name, Message: err.Error()})
	return nil
}

// problemBytes is the approximate size of a problem.
const problemBytes = 200

// done returns the answer. An order that was merged from rows is left out if an unreadable row of an
// unknown order may belong to it. It fails if ctx ends first.
func (g *collector) done(ctx context.Context) (clients.Answer, error) {
	answer := clients.Answer{Orders: make([]clients.Order, 0, len(g.orders))}
	for _, o := range g.orders {
		if o.unread {
			continue
		}
		if g.unnamed && o.parts {
			g.skip(g.unread, clients.Problem{OrderID: o.order.OrderID, Message: "an unreadable row may belong to it"})
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return clients.Answer{}, g.client.late(ctx, g.spec.op, "timed out while merging the orders")
		}
		order := o.done(g.spec.lines)
		order.Normalize()
		answer.Orders = append(answer.Orders, order)
	}
	if g.unread != nil && len(answer.Orders) == 0 {
		return clients.Answer{}, g.unread
	}
	answer.Partial = g.partial
	return answer, nil
}

func (g *collector) bad(format string, args ...any) error {
	return g.badResponse(fmt.Errorf(format, args...))
}

// badResponse returns the error of a response that could not be read.
func (g *collector) badResponse(err error) error {
	return &clients.Error{Provider: g.client.name, Op: g.spec.op, Code: clients.CodeBadResponse, Message: "the response cannot be mapped: " + err.Error()}
}
