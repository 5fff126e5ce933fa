package michelin

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"orderbeat/clients/sandbox/clock"
)

// noDate is Michelin's "no delivery date yet" (OpenAPI 1.0.1, deliveryDate): 9999-09-09.
const noDate clock.Date = 2932783

// order is one order at one moment.
type order struct {
	number, reference, method string
	date                      clock.Date // when Michelin received it
	lines                     []line
}

// line is one line of an order. The quantities of its parts sum up to ordered.
type line struct {
	id, customerItem string
	article          *article
	requested        clock.Date
	ordered          int
	parts            []part
}

// part is a part of a line with one state and one promised delivery date.
type part struct {
	quantity   int
	state      state
	due        clock.Date // noDate while unknown
	despatches []despatch
}

// despatch is a part's quantity on a truck that left. A part's despatches sum up to its quantity.
type despatch struct {
	date     clock.Date
	invoiced clock.Date // a sandbox day later
	bol      string
	quantity int
}

// state is the state of a part, in chronological order.
type state int

const (
	open state = iota
	backordered
	confirmed
	scheduled
	shipped
	cancelled
)

func (s state) waits() bool     { return s < shipped }
func (s state) cancelled() bool { return s == cancelled }

func (l *line) has(such func(state) bool) bool {
	return slices.ContainsFunc(l.parts, func(p part) bool { return such(p.state) })
}

// newOrder decides what is ordered. An order in the hurried slot has at least two lines.
func newOrder(number int64, dice *rand.Rand, placed clock.Date, hurried bool) order {
	o := order{number: formatNumber(number), reference: formatPO(number), date: placed}
	o.method = methods[dice.IntN(len(methods))]
	if dice.IntN(12) == 0 {
		o.reference = "" // not every customer uses one
	}
	lines := 1 + dice.IntN(4)
	if hurried {
		lines = max(lines, 2)
	}
	requested := placed + 3 + clock.Date(dice.IntN(14))
	for i := range lines {
		l := line{
			id: fmt.Sprintf("%03d", i+1), article: &catalog[dice.IntN(len(catalog))],
			requested: requested, ordered: 2 + 2*dice.IntN(20),
		}
		if dice.IntN(4) == 0 {
			l.customerItem = strconv.Itoa(10 * (i + 1))
		}
		l.parts = split(l.ordered, dice.IntN(6))
		o.lines = append(o.lines, l)
	}
	return o
}

// split splits a few lines into two parts and fewer into three; most have one part.
func split(ordered, roll int) []part {
	switch {
	case roll == 0 && ordered >= 12:
		third := ordered / 3
		return []part{{quantity: third}, {quantity: third}, {quantity: ordered - 2*third}}
	case roll <= 1 && ordered >= 6:
		half := ordered / 2
		return []part{{quantity: half}, {quantity: ordered - half}}
	}
	return []part{{quantity: ordered}}
}
