package declared

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// Sample is a new [[samples]] table.
type Sample struct {
	// Text is TOML: the table's keys, without its header.
	Text string
	// Orders is the number of mapped orders.
	Orders int
}

// maxSample is the limit for the response of a sample, in bytes: a person reviews it.
const maxSample = 256 << 10

// Sample makes a sample of a response, redacted like a recorded exchange. The expected orders are
// what the mapping returns for it. The error says why no sample is possible.
func (c *Client) Sample(ctx context.Context, f First, name string) (Sample, error) {
	switch {
	case c.MaySample() != nil:
		return Sample{}, c.MaySample()
	case f.page == nil || len(f.Orders) == 0:
		return Sample{}, errors.New("the response has no orders for a sample")
	}
	answer, item, err := c.presentable(ctx, f)
	if err != nil {
		return Sample{}, err
	}
	t := trial{c, f, answer, item}
	orders, err := t.orders(ctx)
	switch {
	case err != nil:
		return Sample{}, fmt.Errorf("the redacted response cannot be mapped; write the sample by hand: %w", err)
	case len(orders) == 0:
		return Sample{}, errors.New("the mapping returns no orders for the redacted response; write the sample by hand")
	}
	text, err := t.text(name, orders)
	return Sample{Text: text, Orders: len(orders)}, err
}

// MaySample returns an error if responses of the provider must not be stored.
func (c *Client) MaySample() error {
	if c.set.Exchanges != exchange.Full {
		return fmt.Errorf("the provider's exchanges = %q forbids storing responses: write a sample by hand, from the provider's documents", c.set.Exchanges)
	}
	return nil
}

// presentable is a copy of the mapped response, without secrets.
func (c *Client) presentable(ctx context.Context, f First) (answer, item any, err error) {
	both, err := json.Marshal([]any{f.page.body, f.item})
	if err != nil {
		return nil, nil, err
	}
	if len(both) > maxSample {
		return nil, nil, fmt.Errorf("the response has %d bytes, a sample at most %d; request one order, or fewer days", len(both), maxSample)
	}
	v, _, err := parseJSON(string(c.redactor.Body(ctx, "application/json", both)))
	list, ok := v.([]any)
	if err != nil || !ok || len(list) != 2 {
		return nil, nil, errors.New("the response cannot be redacted")
	}
	return list[0], list[1], nil
}

// trial is a sample in the making.
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

// orders are what the mapping returns for it.
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

// text is the table as TOML.
func (t trial) text(name string, orders []clients.Order) (string, error) {
	sm, err := t.sample()
	if err != nil {
		return "", err
	}
	if sm.Orders, err = pretty(asMapped(orders)); err != nil {
		return "", err
	}
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%-9s = %s\n", key, value) }
	line("name", quotedTOML(name))
	line("operation", quotedTOML(sm.Operation))
	if sm.Status != 200 {
		line("status", fmt.Sprint(sm.Status))
	}
	for _, asked := range []struct{ key, value string }{{"order_id", sm.OrderID}, {"reference", sm.Reference}} {
		if asked.value != "" {
			line(asked.key, quotedTOML(asked.value))
		}
	}
	if sm.Item != "" {
		line("item", longTOML(sm.Item))
	}
	line("answer", longTOML(sm.Answer))
	line("orders", longTOML(sm.Orders))
	return b.String(), nil
}

// asMapped are orders as they would be stored, written as a mapping returns them.
func asMapped(orders []clients.Order) (list []any) {
	for i := range orders {
		stored, _, err := parseJSON(string(orders[i].AppendJSON(nil)))
		if err == nil {
			list = append(list, members(stored, orderShape.names))
		}
	}
	return list
}

// listMembers are the members of the elements of lists with this name.
var listMembers = map[string][]string{"lines": lineShape.names, "schedule": scheduleShape.names, "despatches": despatchShape.names}

// members selects the members of an object that a mapping may return and that are not null.
func members(v any, names []string) map[string]any {
	object, _ := v.(map[string]any)
	some := map[string]any{}
	for _, name := range names {
		value := object[name]
		if list, isList := value.([]any); isList {
			elements := make([]any, len(list))
			for i := range list {
				elements[i] = members(list[i], listMembers[name])
			}
			value = elements
		}
		if value != nil {
			some[name] = value
		}
	}
	return some
}

// pretty is a value as indented JSON.
func pretty(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// quotedTOML is a text as a TOML 1.0 basic string, which is escaped like JSON.
func quotedTOML(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text always encodes
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007F`)
}

// longTOML is a text as a multi-line literal string or, if it cannot be one, with TOML's escapes.
func longTOML(s string) string {
	switch {
	case s == "":
		return `""`
	case !strings.Contains(s, "'''") && !strings.Contains(s, "\x7f"):
		return "'''\n" + s + "\n'''"
	}
	return `"""` + "\n" + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\x7f", `\u007F`).Replace(s) + "\n" + `"""`
}
