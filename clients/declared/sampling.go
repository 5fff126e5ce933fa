package declared

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"orderbeat/clients"
)

// Sample is a [[samples]] table to be.
type Sample struct {
	// Text is TOML: the table's keys, without its header.
	Text string
	// Replaced names the members of the answer whose values were replaced, sorted.
	Replaced []string
	// Orders is how many orders are made of it.
	Orders int
}

// longest is how many elements the lists of a sample have.
const longest = 3

// Sample makes a sample of an answer, in which invented values stand for personal ones
// and secrets are taken out. What is to be made of it is what the mapping makes of it
// then. The error says why there can be none.
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
	// The mapping is to have as much of the shorter answer, and of the disguised one, as it had.
	short := trial{c, f, shorten(answer), shorten(item)}
	made, err := short.orders(ctx)
	if err != nil || len(made) == 0 {
		short = trial{c, f, answer, item}
		if made, err = short.orders(ctx); err != nil {
			return Sample{}, fmt.Errorf("the answer cannot be mapped as a sample: %w", err)
		}
	}
	d := c.disguiseOf(short, f)
	other := trial{c, f, d.apply(short.answer, member{}), d.apply(short.item, member{})}
	other.first.query.OrderIDs, other.first.query.References = d.names(f.query.OrderIDs), d.names(f.query.References)
	again, err := other.orders(ctx)
	switch {
	case err != nil:
		return Sample{}, fmt.Errorf("with its personal values replaced, the answer cannot be mapped; write the sample by hand: %w", err)
	case len(again) != len(made) || len(made) == 0:
		return Sample{}, fmt.Errorf("with its personal values replaced, the mapping makes %d orders of the answer, not %d: it looks at such values, or at the day that was asked for; write the sample by hand", len(again), len(made))
	}
	s := Sample{Replaced: slices.Sorted(maps.Keys(d.members)), Orders: len(again)}
	if s.Text, err = other.text(name, again); err != nil {
		return Sample{}, err
	}
	if tells(again, identifiers(f.query.Account)) {
		return Sample{}, errors.New("the mapping writes one of the account's own identifiers into orders; write the sample by hand")
	}
	return s, nil
}

// tells reports whether a value has one of some identifiers in it, as a word of its own.
func tells(v any, identifiers []string) bool {
	text, err := pretty(v)
	return err != nil || slices.ContainsFunc(identifiers, func(id string) bool {
		return len(id) >= certain && regexp.MustCompile(asWord(id)).MatchString(text)
	})
}

// presentable is what was mapped, without secrets. It is nobody else's.
func (c *Client) presentable(ctx context.Context, f First) (answer, item any, err error) {
	both, err := json.Marshal([]any{f.page.body, f.item})
	if err != nil {
		return nil, nil, err
	}
	v, _, err := parseJSON(string(c.redactor.Body(ctx, "application/json", both)))
	list, ok := v.([]any)
	if err != nil || !ok || len(list) != 2 {
		return nil, nil, errors.New("the answer cannot be shown without its secrets")
	}
	return list[0], list[1], nil
}

// shorten cuts the lists in a value.
func shorten(v any) any {
	switch v := v.(type) {
	case map[string]any:
		short := make(map[string]any, len(v))
		for name, value := range v {
			short[name] = shorten(value)
		}
		return short
	case []any:
		short := make([]any, min(len(v), longest))
		for i := range short {
			short[i] = shorten(v[i])
		}
		return short
	}
	return v
}

// disguiseOf is a disguise that knows what is personal in an answer.
func (c *Client) disguiseOf(t trial, f First) *disguise {
	d := newDisguise()
	for _, own := range identifiers(f.query.Account) {
		d.identify(own)
	}
	for _, o := range f.Orders {
		d.identify(o.OrderID)
		d.identify(string(o.Reference))
		for i := range o.Lines {
			for _, despatch := range o.Lines[i].Despatches {
				d.identify(string(despatch.AdviceID))
			}
		}
	}
	for _, asked := range slices.Concat(f.query.OrderIDs, f.query.References) {
		d.identify(asked)
	}
	for _, text := range slices.Sorted(slices.Values(f.taken)) {
		if text = strings.TrimSpace(text); len(text) >= certain && !saysNothing(text) {
			d.replacement(text, allChanges)
		}
	}
	d.learn(t.item, member{})
	d.learn(t.answer, member{})
	d.settle()
	return d
}

// identifiers are an account's own.
func identifiers(a clients.Account) []string {
	own := []string{a.BillTo, a.ShipTo, a.User, a.Org}
	for _, name := range slices.Sorted(maps.Keys(a.Params)) {
		if text, ok := a.Params[name].(string); ok {
			own = append(own, text)
		}
	}
	return own
}

// names are names in disguise.
func (d *disguise) names(names []string) (shown []string) {
	for _, name := range names {
		shown = append(shown, d.text(name, member{}))
	}
	return shown
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

// orders are what the mapping makes of it, as it makes them.
func (t trial) orders(ctx context.Context) (made []any, err error) {
	sm, err := t.sample()
	if err != nil {
		return nil, err
	}
	_, outcome, err := t.client.mapSample(ctx, &sm, func(order any) { made = append(made, order) })
	if err == nil && outcome != "" && outcome != outcomePartial && outcome != outcomeNone {
		err = fmt.Errorf("it is %s", outcome)
	}
	return made, err
}
