package michelin

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"orderbeat/clients/sandbox/clock"
)

// An account's orders are in slots. An additional slot is the archive, with an old order for about every
// other date.
const (
	liveSlots    = 27
	archiveSlot  = liveSlots
	slotsPerHead = liveSlots + 1
	// listed is how many generations of a slot a date range can find: the current order and earlier
	// ones, which have ended.
	listed = 3
)

const (
	// The shortest and the longest life in a slot, in sandbox days; the first slot of an account is
	// hurried: something happens to its order every day.
	minLife, maxLife, hurriedLife = 8, 120, 7
	// archiveLife is the life of an archived order in real days; archiveAge is the minimum number of real days
	// since it was placed. archiveAge is larger, so that archived orders have ended.
	archiveLife, archiveAge = 14, 15
	// archivePercent is how many of 100 dates have an archived order.
	archivePercent = 56
	// memory is how long an order can be found by its number after the end of its life.
	memory = 90 * 24 * time.Hour
)

// seed selects these orders.
const seed = 0x07de7

// orders computes all past and future orders. It never changes.
type orders struct {
	clock.Pace

	zone  *time.Location // of the calendar
	slots [][liveSlots]clock.Slot
}

// orderID identifies an order. In the archive the generation is the date.
type orderID struct {
	account, slot int
	generation    int64
}

func newOrders(dayLength time.Duration) orders {
	m := orders{Pace: clock.Pace(dayLength), zone: clock.Zone("America/Detroit"), slots: make([][liveSlots]clock.Slot, len(Parties))}
	for account := range m.slots {
		for i := range m.slots[account] {
			d := rand.New(rand.NewPCG(seed, uint64(account*slotsPerHead+i)))
			life := minLife + d.Int64N(maxLife-minLife+1)
			if isFast(i) {
				life = hurriedLife
			}
			m.slots[account][i] = clock.Slot{Life: life, Phase: d.Int64N(life)}
		}
	}
	return m
}

func isFast(slot int) bool { return slot == 0 }

// between lists the account's orders of the dates from..to, oldest first.
func (m *orders) between(account int, from, to clock.Date, now time.Time) []order {
	var found []order
	for i := range liveSlots {
		newest := m.newest(account, i, now)
		for generation := newest; generation > newest-listed; generation-- {
			o := m.order(orderID{account, i, generation}, now)
			if from <= o.date && o.date <= to {
				found = append(found, o)
			}
		}
	}
	last := min(to, clock.Date(m.newest(account, archiveSlot, now)))
	for d := max(from, 0); d <= last; d++ {
		id := orderID{account, archiveSlot, int64(d)}
		if m.exists(id, now) {
			found = append(found, m.order(id, now))
		}
	}
	slices.SortFunc(found, func(a, b order) int {
		return cmp.Or(cmp.Compare(a.date, b.date), cmp.Compare(a.number, b.number))
	})
	return found
}

// byReference finds the order of ref, if it is the account's. A missing order is not an error: no
// document defines a code for it below the header.
func (m *orders) byReference(account int, ref reference, now time.Time) (order, bool) {
	number, po := string(ref.SupplierOrderNumber.DocumentID), string(ref.OrderReference.DocumentID)
	n, ok := parseNumber(number)
	if number == "" {
		n, ok = parsePO(po)
	}
	if !ok {
		return order{}, false
	}
	id := identify(n, func(account, slot int) int64 { return m.newest(account, slot, now) })
	if id.account != account || !m.exists(id, now) {
		return order{}, false
	}
	o := m.order(id, now)
	return o, po == "" || po == o.reference
}

// newest returns the current generation of a slot; in the archive, the latest date.
func (m *orders) newest(account, i int, now time.Time) int64 {
	if i == archiveSlot {
		return int64(clock.DateOf(now.In(m.zone))) - archiveAge
	}
	return m.slots[account][i].Generation(m.Day(now))
}

// exists reports whether the order was ever placed, and not too long ago.
func (m *orders) exists(id orderID, now time.Time) bool {
	if id.slot == archiveSlot {
		return id.generation >= 0 && m.random(id).IntN(100) < archivePercent
	}
	end := m.createdIn(id) + m.slots[id.account][id.slot].Life
	return now.Sub(m.Begin(end)) < memory
}

// order returns the current state of an order.
func (m *orders) order(id orderID, now time.Time) order {
	if id.slot == archiveSlot {
		placed := clock.Date(id.generation)
		return newStory(id, m.random(id), archiveLife, placed, func(age int64) clock.Date { return placed + clock.Date(age) }).at(archiveLife)
	}
	dice, birth := m.random(id), m.createdIn(id)
	calendar := func(age int64) clock.Date { return clock.DateOf(m.Begin(birth + age).In(m.zone)) }
	// A range of 14 days back from today finds every current order.
	placed := calendar(0) - clock.Date(dice.IntN(14))
	return newStory(id, dice, m.slots[id.account][id.slot].Life, placed, calendar).at(m.Day(now) - birth)
}

// random returns the random numbers that decide everything about one order, always the same ones.
func (m *orders) random(id orderID) *rand.Rand {
	return clock.NewDice(seed, id.account*slotsPerHead+id.slot, id.generation)
}

// createdIn returns the sandbox day on which an order of a slot is placed.
func (m *orders) createdIn(id orderID) int64 {
	return m.slots[id.account][id.slot].Start(id.generation)
}
