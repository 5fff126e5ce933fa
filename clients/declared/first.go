package declared

import (
	"context"
	"fmt"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// First is what the beginning of an answer brought.
type First struct {
	clients.Answer
	// More says that the whole answer takes further calls.
	More bool

	query clients.Query
	op    string
	page  *page // the one that was mapped; nil where none was
	item  any   // what it was asked about
}

// First asks as [Client.Orders] does, and makes no further call behind the first page; of
// a list whose items are asked about, behind the first item.
func (c *Client) First(ctx context.Context, q clients.Query) (First, error) {
	asked, scopes, err := c.choose(q)
	if err != nil {
		return First{}, err
	}
	h, err := c.as(q.Account, asked.op)
	if err != nil {
		return First{}, err
	}
	f := First{query: q, op: "orders"}
	if asked == c.fetch {
		f.op = "fetch"
	}
	g := c.gathering(ctx, h, asked, q.Account.Name)
	g.first = &f
	if err := g.pages(ctx, scopes[0]); err != nil {
		return First{}, err
	}
	f.More = f.More || len(scopes) > 1
	f.Answer, err = g.done(ctx)
	return f, err
}

// MaySample reports, as an error that says why, that nothing of an answer may be written
// down.
func (c *Client) MaySample() error {
	if c.keep != exchange.Full {
		return fmt.Errorf("the provider's exchanges = %q says that no answer may be kept: write a sample by hand, from the provider's documents", c.keep)
	}
	return nil
}
