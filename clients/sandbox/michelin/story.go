package michelin

import (
	"math/rand/v2"

	"orderbeat/clients/sandbox/clock"
)

// story is everything that will happen to one order, decided when it is placed. It consists of
// events, each at an age of the order in sandbox days. All but one are steps: with every step the
// order's parts advance from open to confirmed, scheduled and shipped; some parts lag, some are
// cancelled. In some orders the remaining event delays the scheduled parts.
type story struct {
	number   int64
	order    order // what never changes: its parts have only their quantities
	fates    []fate
	steps    int
	slip     clock.Date // the delay in days; 0 for none
	ages     []int64
	calendar func(age int64) clock.Date
}

type fate struct {
	first    state      // open or backordered
	lag      int        // how many steps it lags behind
	cancelAt int        // the step, counted without the lag, at which it is cancelled; 0 for never
	transit  clock.Date // days from despatch to delivery
	trucks   int
}

// The steps of a part. The one event that is not a step comes after the second step.
const (
	stepConfirmed = 1
	stepScheduled = 2
	stepShipped   = 3
	slipEvent     = 2
)

// newStory returns the story of an order with a life in days.
func newStory(id orderID, dice *rand.Rand, life int64, placed clock.Date, calendar func(age int64) clock.Date) *story {
	s := &story{number: id.number(), calendar: calendar}
	s.order = newOrder(s.number, dice, placed, isFast(id.slot))
	maxLag := dice.IntN(3)
	if dice.IntN(2) == 0 {
		s.slip = clock.Date(2 + dice.IntN(8))
	}
	doomed := dice.IntN(20) == 0
	if isFast(id.slot) { // three steps, two more for lagging parts, one delay: one for each of its days
		maxLag, s.slip, doomed = 2, 7, false
	}
	s.chooseOutcomes(dice, maxLag, doomed)
	events := int64(s.steps)
	if s.slip > 0 {
		events++
	}
	s.ages = clock.Spread(dice, events, life)
	return s
}

// chooseOutcomes sets the fate of every part. The first part does not lag and the last lags most; both are
// shipped, so that each step changes something. A doomed order is cancelled as a whole.
func (s *story) chooseOutcomes(dice *rand.Rand, maxLag int, doomed bool) {
	parts := 0
	for _, l := range s.order.lines {
		parts += len(l.parts)
	}
	if parts == 1 || doomed {
		maxLag = 0
	}
	s.steps = stepShipped + maxLag
	if doomed {
		s.steps, s.slip = 1+dice.IntN(stepShipped), 0
	}
	for i := range parts {
		f := fate{transit: clock.Date(1 + dice.IntN(12)), trucks: 1 + dice.IntN(2), lag: dice.IntN(maxLag + 1)}
		if dice.IntN(3) == 0 {
			f.first = backordered
		}
		switch cancel := dice.IntN(6) == 0; {
		case doomed:
			f.cancelAt = s.steps
		case i == 0:
			f.lag = 0
		case i == parts-1:
			f.lag = maxLag
		case cancel:
			f.cancelAt = 1 + dice.IntN(stepShipped)
		}
		s.fates = append(s.fates, f)
	}
}

// at returns the order at an age in sandbox days. Call it once per story: it changes s.order.
func (s *story) at(age int64) order {
	steps, late := 0, s.slip
	for i, a := range s.ages {
		switch {
		case a > age:
		case s.slip > 0 && i == slipEvent:
			late = 0
		default:
			steps++
		}
	}
	next := 0
	for i := range s.order.lines {
		for j := range s.order.lines[i].parts {
			s.setState(&s.order.lines[i].parts[j], s.fates[next], steps, late)
			next++
		}
	}
	return s.order
}

// setState sets a part to its state after a number of steps of the order. late is the remaining delay of
// its delivery in days.
func (s *story) setState(p *part, f fate, steps int, late clock.Date) {
	own := steps - f.lag
	p.due = noDate
	switch {
	case f.cancelAt > 0 && own >= f.cancelAt:
		p.state = cancelled
	case own < stepConfirmed:
		p.state = f.first
	case own < stepScheduled:
		p.state = confirmed
	case own < stepShipped:
		p.state = scheduled
		p.due = s.shipsOn(f) + f.transit - late
	default:
		p.state = shipped
		p.due = s.shipsOn(f) + f.transit
		p.despatches = s.despatch(p.quantity, f)
	}
}

func (s *story) shipsOn(f fate) clock.Date { return s.calendar(s.ageOf(f.lag + stepShipped)) }

// ageOf is the order's age at a step, counted from 1.
func (s *story) ageOf(step int) int64 {
	if s.slip > 0 && step > slipEvent {
		step++
	}
	return s.ages[step-1]
}

// despatch loads a part on its trucks. Parts shipped at the same step share trucks.
func (s *story) despatch(quantity int, f fate) []despatch {
	if f.trucks > quantity {
		f.trucks = quantity
	}
	ds := make([]despatch, f.trucks)
	for i := range ds {
		load := quantity / (f.trucks - i)
		ds[i] = despatch{
			date: s.shipsOn(f), invoiced: s.calendar(s.ageOf(f.lag+stepShipped) + 1),
			bol: formatBOL(s.number, 2*f.lag+i+1), quantity: load,
		}
		quantity -= load
	}
	return ds
}
