package declared

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"orderbeat/clients"
)

// Sample is a [[samples]] table to be.
type Sample struct {
	// Text is TOML: the table's keys, without its header.
	Text string
	// Orders is how many orders are made of it.
	Orders int
}

// maxSample bounds the answer of a sample, in bytes: a person is to review it.
const maxSample = 256 << 10

// Sample makes a sample of an answer as it came, redacted as a recorded exchange is. What is
// to be made of it is what the mapping makes of it then. The error says why there can be none.
func (c *Client) Sample(ctx context.Context, f First, name string) (Sample, error) {
	switch {
	case c.MaySample() != nil:
		return Sample{}, c.MaySample()
	case f.page == nil || len(f.Orders) == 0:
		return Sample{}, errors.New("the answer has no orders to make a sample of")
	}
	answer, item, err := c.presentable(ctx, f)
	if err != nil {
		return Sample{}, err
	}
	t := trial{c, f, answer, item}
	orders, err := t.orders(ctx)
	switch {
	case err != nil:
		return Sample{}, fmt.Errorf("the redacted answer cannot be mapped; write the sample by hand: %w", err)
	case len(orders) == 0:
		return Sample{}, errors.New("the mapping makes no orders of the redacted answer; write the sample by hand")
	}
	text, err := t.text(name, orders)
	return Sample{Text: text, Orders: len(orders)}, err
}

// presentable is what was mapped, without secrets. It is nobody else's.
func (c *Client) presentable(ctx context.Context, f First) (answer, item any, err error) {
	both, err := json.Marshal([]any{f.page.body, f.item})
	if err != nil {
		return nil, nil, err
	}
	if len(both) > maxSample {
		return nil, nil, fmt.Errorf("the answer has %d bytes, more than the %d of a sample; request one order, or fewer days", len(both), maxSample)
	}
	v, _, err := parseJSON(string(c.redactor.Body(ctx, "application/json", both)))
	list, ok := v.([]any)
	if err != nil || !ok || len(list) != 2 {
		return nil, nil, errors.New("the answer cannot be shown without its secrets")
	}
	return list[0], list[1], nil
}

// trial is an answer as a sample, tried.
type trial struct {
	client       *Client
	first        First
	answer, item any
}

func (t trial) sample() (sample, error) {
	sm := sample{Operation: t.first.op, Status: t.first.page.status}
	var err error
	if !t.first.page.empty {
		sm.Answer, err = pretty(t.answer)
	}
	if t.item != nil && err == nil {
		sm.Item, err = pretty(t.item)
	}
	if names := t.first.query.OrderIDs; len(names) > 0 {
		sm.OrderID = names[0]
	}
	if names := t.first.query.References; len(names) > 0 {
		sm.Reference = names[0]
	}
	return sm, err
}

// orders are what the mapping makes of it.
func (t trial) orders(ctx context.Context) ([]clients.Order, error) {
	sm, err := t.sample()
	if err != nil {
		return nil, err
	}
	orders, outcome, err := t.client.mapSample(ctx, &sm)
	if err == nil && outcome != "" && outcome != outcomePartial && outcome != outcomeNone {
		err = fmt.Errorf("it is %s", outcome)
	}
	return orders, err
}
