package declared

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"orderbeat/clients"
)

// gathering puts the answer to one query together.
type gathering struct {
	client   *Client
	http     *clients.HTTP
	question *question
	account  string
	asked    bool // a call was answered: what comes after it is worth waiting for

	answer clients.Answer
	byID   map[string]int // index into answer.Orders
	mapped int            // orders that programs made so far

	first *First    // what is noted of the first answer, where no more is to be asked; or nil
	told  func(any) // hears of every order as a program made it; nil hears nothing
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
