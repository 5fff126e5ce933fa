package sandbox

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// An account's orders live in slots. One slot more is the archive, with an order of
// long ago for about every other date.
const (
	liveSlots    = 27
	archiveSlot  = liveSlots
	slotsPerHead = liveSlots + 1
	// listed is how many generations of a slot a date range finds: the order that
	// lives, and those before it that have ended.
	listed = 3
)

const (
	// The shortest and the longest life that a slot gives, in sandbox days; the first
	// slot of an account is in a hurry: something happens to its order every day.
	minLife, maxLife, hurriedLife = 8, 120, 7
	// archiveLife is the same for an archived order, in real days, and archiveAge the
	// least real days since one was placed. It is the larger: archived orders have ended.
	archiveLife, archiveAge = 14, 15
	// archivePercent is how many of 100 dates have an archived order.
	archivePercent = 56
	// memory is how long after its life an order is found by its number.
	memory = 90 * 24 * time.Hour
)

// seed makes these orders and no others.
const seed = 0x07de7

// michelinOrders knows every order there was and will be. It never changes.
type michelinOrders struct {
	pace

	zone  *time.Location // of the calendar that dates are told in
	slots [][liveSlots]slot
}

// orderID says which order is meant. In the archive the generation is the date.
type orderID struct {
	account, slot int
	generation    int64
}

func newMichelinOrders(dayLength time.Duration) michelinOrders {
	m := michelinOrders{pace: pace(dayLength), zone: zone("America/Detroit"), slots: make([][liveSlots]slot, len(michelinParties))}
	for account := range m.slots {
		for i := range m.slots[account] {
			d := rand.New(rand.NewPCG(seed, uint64(account*slotsPerHead+i)))
			life := minLife + d.Int64N(maxLife-minLife+1)
			if hurried(i) {
				life = hurriedLife
			}
			m.slots[account][i] = slot{life: life, phase: d.Int64N(life)}
		}
	}
	return m
}

func hurried(slot int) bool { return slot == 0 }

// between lists the account's orders of the dates from..to, oldest first.
func (m *michelinOrders) between(account int, from, to date, now time.Time) []order {
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
	last := min(to, date(m.newest(account, archiveSlot, now)))
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

// byReference finds the order that ref names, if it is the account's. What is not
// found is no error: no document gives order status a code for it below the header.
func (m *michelinOrders) byReference(account int, ref reference, now time.Time) (order, bool) {
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

// newest is the generation that lives in a slot, in the archive the latest date.
func (m *michelinOrders) newest(account, i int, now time.Time) int64 {
	if i == archiveSlot {
		return int64(dateOf(now.In(m.zone))) - archiveAge
	}
	return m.slots[account][i].generation(m.day(now))
}

// exists reports whether the order was ever placed, and not too long ago.
func (m *michelinOrders) exists(id orderID, now time.Time) bool {
	if id.slot == archiveSlot {
		return id.generation >= 0 && m.dice(id).IntN(100) < archivePercent
	}
	end := m.birth(id) + m.slots[id.account][id.slot].life
	return now.Sub(m.begin(end)) < memory
}

// order is the order as it is now.
func (m *michelinOrders) order(id orderID, now time.Time) order {
	if id.slot == archiveSlot {
		placed := date(id.generation)
		return newStory(id, m.dice(id), archiveLife, placed, func(age int64) date { return placed + date(age) }).at(archiveLife)
	}
	dice, birth := m.dice(id), m.birth(id)
	calendar := func(age int64) date { return dateOf(m.begin(birth + age).In(m.zone)) }
	// A window of 14 days back from today finds every order that lives.
	placed := calendar(0) - date(dice.IntN(14))
	return newStory(id, dice, m.slots[id.account][id.slot].life, placed, calendar).at(m.day(now) - birth)
}

// dice decides everything about one order, always the same way.
func (m *michelinOrders) dice(id orderID) *rand.Rand {
	return newDice(seed, id.account*slotsPerHead+id.slot, id.generation)
}

// birth is the sandbox day on which an order of a live slot is placed.
func (m *michelinOrders) birth(id orderID) int64 {
	return m.slots[id.account][id.slot].birth(id.generation)
}
