package ptv

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"orderbeat/clients/sandbox/clock"
)

// Plannings are in slots: each is created, released, and sometimes released again. Those of the last
// ptvListed generations are listed. An additional slot is the archive, with a planning for every other date of the
// last month: the releases of the older ones are no longer available.
const (
	ptvListed      = 3
	ptvLive        = 12
	ptvArchiveSlot = ptvLive
	ptvArchiveDays = 30
	ptvKept        = 14 * 24 * time.Hour
)

const ptvSeed = 0x07de8

// ptvSlots are the slots. Plannings in the first have one more day than releases.
var ptvSlots = clock.NewSlots(ptvLive, ptvSeed, 18, 45, ptvHurriedReleases+1)

const ptvHurriedReleases = 5

type planning struct {
	ID         string     `json:"id"`
	CreatedAt  time.Time  `json:"created_at"`
	ReleasedAt *time.Time `json:"released_at,omitempty"` // the latest release

	slot       int
	generation int64 // in the archive, the date
	releases   int   // the number of releases so far
}

type ptvRoute struct {
	ID    string    `json:"id"`
	Trips []ptvTrip `json:"trips"`
}

type ptvTrip struct {
	ID    string    `json:"id"`
	Stops []ptvStop `json:"stops"`
}

type ptvStop struct {
	ArrivalAt time.Time  `json:"arrival_at"`
	Orders    []ptvOrder `json:"orders"`
}

type ptvOrder struct {
	BusinessID string `json:"business_id"`
}

// plannings returns all listed plannings, the latest created first.
func plannings(m clock.Moment) []planning {
	all := []planning{}
	for i, s := range ptvSlots {
		newest := s.Generation(m.Today)
		for generation := newest; generation > newest-ptvListed; generation-- {
			all = append(all, planningAt(m, i, generation))
		}
	}
	today := clock.DateOf(m.Now.UTC())
	for d := today - ptvArchiveDays; d < today; d++ {
		if d%2 == 0 {
			all = append(all, archivedPlanning(d))
		}
	}
	slices.SortFunc(all, latestFirst)
	return all
}

func latestFirst(a, b planning) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
}

// planningAt returns the current state of a generation of a slot. About one in eight is never released.
func planningAt(m clock.Moment, slot int, generation int64) planning {
	dice, s := clock.NewDice(ptvSeed, slot, generation), ptvSlots[slot]
	releases := 1 + dice.Int64N(3)
	switch {
	case slot == 0:
		releases = ptvHurriedReleases
	case dice.IntN(8) == 0:
		releases = 0
	}
	p := newPlanning(slot, generation, m.Begin(s.Start(generation)))
	for _, age := range clock.Spread(dice, releases, s.Life) {
		if day := s.Start(generation) + age; day <= m.Today {
			p = p.released(m.Begin(day))
		}
	}
	return p
}

// archivedPlanning returns a planning that was created and released on the morning of its date.
func archivedPlanning(d clock.Date) planning {
	midnight := time.Unix(int64(d)*clock.DaySeconds, 0)
	return newPlanning(ptvArchiveSlot, int64(d), midnight.Add(5*time.Hour)).released(midnight.Add(6 * time.Hour))
}

func newPlanning(slot int, generation int64, created time.Time) planning {
	return planning{
		ID: fmt.Sprintf("PL_%02d.%d", slot, generation), CreatedAt: created.UTC(), slot: slot, generation: generation,
	}
}

func (p planning) released(at time.Time) planning {
	at = at.UTC()
	p.ReleasedAt, p.releases = &at, p.releases+1
	return p
}

// routes returns the routes of the latest release. Each release moves orders to other trips and times.
func (p planning) routes() []ptvRoute {
	trips := make([]ptvTrip, 2+clock.FloorMod(p.generation, 3))
	for i := range trips {
		trips[i].ID = fmt.Sprintf("%s-T%d", p.ID, i+1)
	}
	dice := clock.NewDice(ptvSeed, p.slot, -1-p.generation*(ptvHurriedReleases+1)-int64(p.releases))
	morning := time.Unix(int64(clock.DateOf(p.CreatedAt)+1)*clock.DaySeconds, 0).UTC().Add(6 * time.Hour)
	for i, o := range p.orders() {
		t := &trips[(i+p.releases)%len(trips)]
		if n := len(t.Stops); n > 0 && dice.IntN(3) == 0 { // for the same customer
			t.Stops[n-1].Orders = append(t.Stops[n-1].Orders, o)
			continue
		}
		at := morning.Add(time.Duration(45*len(t.Stops)+dice.IntN(40)) * time.Minute)
		t.Stops = append(t.Stops, ptvStop{at, []ptvOrder{o}})
	}
	first := ptvRoute{ID: p.ID + "-R1", Trips: trips[:2]}
	if len(trips) == 2 {
		return []ptvRoute{first}
	}
	return []ptvRoute{first, {ID: p.ID + "-R2", Trips: trips[2:]}}
}

// orders returns the orders of a planning. In some slots the last order of the previous planning is planned again:
// "it can be released from both" plannings that an order is in the scope of (Release a planning).
func (p planning) orders() []ptvOrder {
	var orders []ptvOrder
	if p.slot%3 == 1 {
		orders = append(orders, ptvBusinessID(p.slot, p.generation-1, ptvOrders(p.generation-1)))
	}
	for i := range ptvOrders(p.generation) {
		orders = append(orders, ptvBusinessID(p.slot, p.generation, i+1))
	}
	return orders
}

// ptvOrders returns the number of new orders in a planning: at least one for each trip.
func ptvOrders(generation int64) int { return 4 + int(clock.FloorMod(generation, 5)) }

// ptvBusinessID uses the allowed characters: ^[a-zA-Z0-9.~\-_]+$.
func ptvBusinessID(slot int, generation int64, i int) ptvOrder {
	return ptvOrder{fmt.Sprintf("ORD~%02d-%d.%d", slot, generation, i)}
}
