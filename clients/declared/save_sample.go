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

// MaySample reports, as an error that says why, that nothing of an answer may be written
// down.
func (c *Client) MaySample() error {
	if c.keep != exchange.Full {
		return fmt.Errorf("the provider's exchanges = %q says that no answer may be kept: write a sample by hand, from the provider's documents", c.keep)
	}
	return nil
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

// text is the table.
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

// asMapped are orders as they would be stored, written as a mapping makes them.
func asMapped(orders []clients.Order) (list []any) {
	for i := range orders {
		stored, _, err := parseJSON(string(orders[i].AppendJSON(nil)))
		if err == nil {
			list = append(list, members(stored, orderShape.names))
		}
	}
	return list
}

// listMembers are the members of each object in a list of this name.
var listMembers = map[string][]string{"lines": lineShape.names, "schedule": scheduleShape.names, "despatches": despatchShape.names}

// members takes those members of an object that a mapping may make and that say something.
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

// pretty is a value as JSON on several lines.
func pretty(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// quotedTOML is a text as a basic string of TOML 1.0, which escapes as JSON does.
func quotedTOML(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text can be encoded
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007F`)
}

// longTOML is a text on lines of its own: as it is, or, where a literal cannot hold it,
// with TOML's escapes.
func longTOML(s string) string {
	switch {
	case s == "":
		return `""`
	case !strings.Contains(s, "'''") && !strings.Contains(s, "\x7f"):
		return "'''\n" + s + "\n'''"
	}
	return `"""` + "\n" + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\x7f", `\u007F`).Replace(s) + "\n" + `"""`
}
