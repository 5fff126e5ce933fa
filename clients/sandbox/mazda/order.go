package mazda

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"orderbeat/clients/sandbox/clock"
)

// An organization's orders are in slots, and those of the last mazdaListed generations can be requested.
const (
	mazdaSlots  = 9
	mazdaListed = 2
	// mazdaPlaced is how many real days ago, at most, a current order was placed.
	mazdaPlaced = 14
	// mazdaHurried is the life of orders in the first slot, where something happens every day.
	mazdaHurried = 5
)

var mazdaZone = clock.Zone("Europe/Brussels") // a guess

// mazdaOrder is one order at one moment.
type mazdaOrder struct {
	Number    string      `json:"orderNumber"`
	Reference string      `json:"reference"`
	Date      string      `json:"orderDate"`
	Status    string      `json:"status"`
	Lines     []mazdaLine `json:"lines"`

	placed clock.Date
}

type mazdaLine struct {
	Line        int     `json:"line"`
	PartNumber  string  `json:"partNumber"`
	Description string  `json:"description"`
	Ordered     int     `json:"ordered"`
	Shipped     int     `json:"shipped"`
	Backordered int     `json:"backordered"`
	ETA         *string `json:"eta"` // null while unknown
}

var mazdaParts = []string{"Brake pad set", "Oil filter", "Wiper blade", "Mirror glass", "Floor mat", "Air filter"}

// The steps of an order. In mazdaPartly a part of the first line is backordered.
const (
	mazdaOpen = iota
	mazdaConfirmed
	mazdaPartly
	mazdaShipped
	mazdaDelivered
	mazdaSteps = mazdaDelivered
)

var mazdaStatuses = [...]string{"OPEN", "CONFIRMED", "PARTIALLY_SHIPPED", "SHIPPED", "DELIVERED"}

// mazdaOrders returns all known orders of an organization, oldest first.
func mazdaOrders(m clock.Moment, org string) []mazdaOrder {
	h := fnv.New32a()
	_, _ = h.Write([]byte(org))
	seed := uint64(h.Sum32())
	orders := []mazdaOrder{}
	for i, s := range clock.NewSlots(mazdaSlots, seed, 8, 60, mazdaHurried) {
		newest := s.Generation(m.Today)
		for generation := newest; generation > newest-mazdaListed; generation-- {
			dice := clock.NewDice(seed, i, generation)
			number := fmt.Sprintf("MZ%05d-%d%d", seed%100_000, generation, i)
			orders = append(orders, mazdaOrderAt(m, number, s.Start(generation), s.Life, dice))
		}
	}
	slices.SortFunc(orders, func(a, b mazdaOrder) int {
		return cmp.Or(cmp.Compare(a.placed, b.placed), cmp.Compare(a.Number, b.Number))
	})
	return orders
}

// mazdaOrderAt returns the current state of an order. Some are cancelled before anything is shipped.
func mazdaOrderAt(m clock.Moment, number string, birth, life int64, dice *rand.Rand) mazdaOrder {
	o := mazdaOrder{Number: number, Reference: fmt.Sprintf("WORKSHOP-%d", 1000+dice.IntN(9000))}
	o.placed = clock.DateOf(m.Begin(birth).In(mazdaZone)) - clock.Date(dice.IntN(mazdaPlaced))
	o.Date = o.placed.String()
	doomed := life > mazdaHurried && dice.IntN(12) == 0
	ages := clock.Spread(dice, mazdaSteps, life)
	step := 0
	for step < len(ages) && birth+ages[step] <= m.Today {
		step++
	}
	o.Status = mazdaStatuses[step]
	for n := range 1 + dice.IntN(3) {
		o.Lines = append(o.Lines, newMazdaLine(n, dice))
	}
	due := clock.DateOf(m.Begin(birth+ages[mazdaDelivered-1]).In(mazdaZone)) + 1
	if doomed && step >= mazdaPartly {
		o.Status = "CANCELLED"
		return o
	}
	for i := range o.Lines {
		o.Lines[i].setState(i, step, due)
	}
	return o
}

func newMazdaLine(n int, dice *rand.Rand) mazdaLine {
	part := dice.IntN(len(mazdaParts))
	return mazdaLine{
		Line: n + 1, PartNumber: fmt.Sprintf("SMPL-%02d-%03d", part+1, dice.IntN(1000)), Description: mazdaParts[part] + " (sample)",
		Ordered: 2 + dice.IntN(9),
	}
}

// setState sets a line to its state after a number of steps of its order. Half of the first line is
// shipped before the rest.
func (l *mazdaLine) setState(i, step int, due clock.Date) {
	if step >= mazdaConfirmed {
		eta := due.String()
		l.ETA = &eta
	}
	switch {
	case step >= mazdaShipped:
		l.Shipped = l.Ordered
	case step == mazdaPartly && i == 0:
		l.Shipped = l.Ordered / 2
		l.Backordered = l.Ordered - l.Shipped
	}
}
