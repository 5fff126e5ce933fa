package shell

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"orderbeat/clients/sandbox/clock"
)

// A payer's orders are in slots. Those of the last shellListed generations are found by date, those of the last
// three months by reference.
const (
	shellSlotsPerPayer = 8
	shellListed        = 3
	shellMemory        = 90 * 24 * time.Hour
	// shellCardsPerOrder is more than the cards of an order: a card's reference is its order's reference with one more
	// digit. shellBulk is the digit for all cards of the order.
	shellCardsPerOrder = 10
	shellBulk          = 9
	// shellPlaced is how many real days ago, at most, a current order was submitted. It is less than
	// an enquiry may cover.
	shellPlaced = 6
)

const shellSeed = 0x07de9

// shellSlots are the slots. Orders in the first have one day for each of their states.
var shellSlots = clock.NewSlots(shellSlotsPerPayer*2, shellSeed, 10, 60, int64(len(shellHurried)))

var shellZone = clock.Zone(Timezone)

// shellState is a value of OrderStatus.
type shellState string

// The states; the last three are final.
const (
	shellPending   shellState = "P"
	shellPickedUp  shellState = "I"
	shellRetrying  shellState = "PX"
	shellProcessed shellState = "R" // waits for the PAN
	shellDone      shellState = "S"
	shellFailed    shellState = "F"
	shellGivenUp   shellState = "X"
)

var shellDescriptions = map[shellState]string{
	shellPending: "Pending", shellPickedUp: "Picked up", shellRetrying: "Failed at queue, retries pending",
	shellProcessed: "Processed, awaiting PAN update", shellDone: "Processed", shellFailed: "Failed", shellGivenUp: "Failed at queue",
}

// shellErrors are the states with an ErrorCode that is not "0000". The documents list
// no codes; these are ours.
var shellErrors = map[shellState][2]string{
	shellRetrying: {"9001", "Sample: the queue did not respond"},
	shellGivenUp:  {"9001", "Sample: the queue did not respond"},
	shellFailed:   {"9002", "Sample: the vehicle already has such a card"},
}

// shellWays are the possible sequences of a card's states; shellHurried is the longest.
var (
	shellHurried = []shellState{shellPending, shellPickedUp, shellRetrying, shellProcessed, shellDone}
	shellUsual   = []shellState{shellPending, shellPickedUp, shellProcessed, shellDone}
	shellWays    = [][]shellState{
		shellUsual, shellUsual, shellUsual, shellUsual, shellHurried, shellHurried,
		{shellPending, shellPickedUp, shellFailed},
		{shellPending, shellPickedUp, shellRetrying, shellGivenUp},
	}
)

// shellOrder identifies an order. Slots are numbered across all payers.
type shellOrder struct {
	slot       int
	generation int64
}

// shellOrders returns the orders of all payers submitted on the dates from..to.
func shellOrders(m clock.Moment, from, to clock.Date) []shellOrder {
	var found []shellOrder
	for i, s := range shellSlots {
		newest := s.Generation(m.Today)
		for generation := newest; generation > newest-shellListed; generation-- {
			o := shellOrder{i, generation}
			if d := clock.DateOf(shellSubmitted(m, o)); from <= d && d <= to {
				found = append(found, o)
			}
		}
	}
	slices.SortFunc(found, func(a, b shellOrder) int { return cmp.Compare(a.reference(), b.reference()) })
	return found
}

func shellOrderOf(m clock.Moment, reference int64) (shellOrder, bool) {
	n := int64(len(shellSlots))
	o := shellOrder{int(clock.FloorMod(reference, n)), clock.FloorDiv(reference, n)}
	s := shellSlots[o.slot]
	placed := o.generation <= s.Generation(m.Today)
	return o, placed && m.Now.Sub(m.Begin(s.Start(o.generation))) < shellMemory
}

func (o shellOrder) reference() int64 { return o.generation*int64(len(shellSlots)) + int64(o.slot) }

func (o shellOrder) payer() int { return o.slot % len(shellPayers) }

// shellSubmitted returns when the order was submitted, in the customer's local time.
func shellSubmitted(m clock.Moment, o shellOrder) time.Time {
	days := clock.NewDice(shellSeed, o.slot, -1-o.generation).IntN(shellPlaced)
	return m.Begin(shellSlots[o.slot].Start(o.generation)).In(shellZone).AddDate(0, 0, -days)
}

// shellCards returns the current state of the order's cards. Each card has its own sequence of states.
func shellCards(m clock.Moment, o shellOrder) []shellCard {
	dice := clock.NewDice(shellSeed, o.slot, o.generation)
	cards := make([]shellCard, 1+dice.IntN(3))
	order := o.card(dice, len(cards))
	order.SubmittedDate = shellSubmitted(m, o).Format(shellTime)
	for i := range cards {
		way := shellWays[dice.IntN(len(shellWays))]
		if o.slot == 0 && i == 0 {
			way = shellHurried
		}
		cards[i] = order
		cards[i].OrderCardReference = order.MainReference*shellCardsPerOrder + int64(i+1)
		cards[i].VRN = fmt.Sprintf("SAMPLE%d", 1+dice.IntN(99))
		setState(m, &cards[i], o, way, dice)
	}
	return cards
}

func setState(m clock.Moment, c *shellCard, o shellOrder, way []shellState, dice *rand.Rand) {
	s := shellSlots[o.slot]
	for i, age := range append([]int64{0}, clock.Spread(dice, int64(len(way)-1), s.Life)...) {
		if day := s.Start(o.generation) + age; day <= m.Today {
			c.setState(way[i], m.Begin(day).In(shellZone))
		}
	}
}
