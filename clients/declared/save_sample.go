package declared

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

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
	sm, err := c.redacted(ctx, f)
	if err != nil {
		return Sample{}, err
	}
	orders, outcome, err := c.mapSample(ctx, &sm)
	if err == nil && outcome != "" && outcome != outcomePartial && outcome != outcomeNone {
		err = fmt.Errorf("a failure rule reports %q", outcome)
	}
	switch {
	case err != nil:
		return Sample{}, fmt.Errorf("the redacted response cannot be mapped; write the sample by hand: %w", err)
	case len(orders) == 0:
		return Sample{}, errors.New("the mapping returns no orders for the redacted response; write the sample by hand")
	}
	sm.Name = name
	sm.Orders, err = pretty(asMapped(orders))
	return Sample{Text: sm.toml(), Orders: len(orders)}, err
}

// MaySample returns an error if responses of the provider must not be stored.
func (c *Client) MaySample() error {
	if c.set.Exchanges != exchange.Full {
		return fmt.Errorf("the provider's exchanges = %q forbids storing responses: write a sample by hand, from the provider's documents", c.set.Exchanges)
	}
	return nil
}

// redacted is a sample of the mapped response, without secrets and without the expected orders.
func (c *Client) redacted(ctx context.Context, f First) (sample, error) {
	both, err := json.Marshal([]any{f.page.body, f.item})
	if err != nil {
		return sample{}, err
	}
	if len(both) > maxSample {
		return sample{}, fmt.Errorf("the response has %d bytes, but a sample may have at most %d; request one order, or fewer days", len(both), maxSample)
	}
	v, _, err := parseJSON(string(c.redactor.Body(ctx, "application/json", both)))
	list, ok := v.([]any)
	if err != nil || !ok || len(list) != 2 {
		return sample{}, errors.New("the response cannot be redacted")
	}
	sm := sample{Operation: f.op, Status: f.page.status}
	if !f.page.empty {
		sm.Answer, err = pretty(list[0])
	}
	if list[1] != nil && err == nil {
		sm.Item, err = pretty(list[1])
	}
	if names := f.query.OrderIDs; len(names) > 0 {
		sm.OrderID = names[0]
	}
	if names := f.query.References; len(names) > 0 {
		sm.Reference = names[0]
	}
	return sm, err
}

// toml is the table as TOML.
func (sm *sample) toml() string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%-9s = %s\n", key, value) }
	line("name", quotedTOML(sm.Name))
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
	return b.String()
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
	b, _ := jsontext.AppendQuote(nil, s) // invalid UTF-8 is replaced
	return strings.ReplaceAll(string(b), "\x7f", `\u007F`)
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
