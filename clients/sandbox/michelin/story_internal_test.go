package michelin

// Tests from inside: they watch many orders for hundreds of sandbox days, which over
// the wire, under the race detector, would take minutes.

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"orderbeat/clients/sandbox/clock"
	"orderbeat/clients/sandbox/wire"
)

// watch calls see with each sandbox day's living and lately ended orders of an
// account, by number.
func watch(t *testing.T, account, days int, see func(now time.Time, orders map[string]order)) {
	t.Helper()
	m := newOrders(20 * time.Second)
	now := time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC) // an hour before midnight in Detroit
	for range days {
		orders := map[string]order{}
		for _, o := range m.between(account, clock.DateOf(now)-15, clock.DateOf(now)+1, now) {
			orders[o.number] = o
		}
		see(now, orders)
		now = now.Add(20 * time.Second)
	}
}

func TestSomeOrdersChangeEverySandboxDay(t *testing.T) {
	for account, p := range Parties {
		t.Run(p.BillTo, func(t *testing.T) {
			var before map[string]order
			watch(t, account, 150, func(now time.Time, orders map[string]order) {
				changed := 0
				for number, o := range orders {
					if old, known := before[number]; !known || !reflect.DeepEqual(old, o) {
						changed++
					}
				}
				const all = liveSlots*listed + 40 // the archive, which these are not, counts too
				if before != nil && (changed < 1 || changed*100 > all*15) {
					t.Errorf("%s: %d of %d orders change", now, changed, all)
				}
				before = orders
			})
		})
	}
}

func TestOrdersOnlyAdvance(t *testing.T) {
	for account, p := range Parties {
		t.Run(p.BillTo, func(t *testing.T) {
			var before map[string]order
			states := map[state]bool{}
			var putOff, split, trucks, blank bool
			watch(t, account, 150, func(now time.Time, orders map[string]order) {
				for number, o := range orders {
					checkSums(t, o)
					blank = blank || o.reference == ""
					old, known := before[number]
					for i, l := range o.lines {
						split = split || len(l.parts) > 1
						for j, p := range l.parts {
							states[p.state] = true
							trucks = trucks || len(p.despatches) > 1
							if known {
								checkForward(t, number, old.lines[i].parts[j], p)
								putOff = putOff || old.lines[i].parts[j].due < p.due
							}
						}
					}
					checkFixed(t, old, o, known, clock.DateOf(now))
				}
				for number, old := range before {
					if _, still := orders[number]; !still && old.waits() {
						t.Errorf("%s: %s is gone before it has ended", now, number)
					}
				}
				before = orders
			})
			if len(states) != 6 || !putOff || !split || !trucks || !blank {
				t.Errorf("states %v; put off %v, split %v, two trucks %v, blank references %v", states, putOff, split, trucks, blank)
			}
		})
	}
}

func (o *order) waits() bool {
	return slices.ContainsFunc(o.lines, func(l line) bool { return l.has(state.waits) })
}

// checkSums: a line's parts sum up to what was ordered, a part's trucks to the part,
// and exactly what is shipped has trucks.
func checkSums(t *testing.T, o order) {
	t.Helper()
	for _, l := range o.lines {
		sum := 0
		for _, p := range l.parts {
			sum += p.quantity
			loaded := 0
			for _, d := range p.despatches {
				loaded += d.quantity
				if d.quantity < 1 || d.date > p.due {
					t.Errorf("%s line %s: %d left on %s, due on %s", o.number, l.id, d.quantity, d.date, p.due)
				}
			}
			if want := map[bool]int{true: p.quantity}[p.state == shipped]; loaded != want {
				t.Errorf("%s line %s: %d of %d on trucks in state %d", o.number, l.id, loaded, p.quantity, p.state)
			}
		}
		if sum != l.ordered || sum < 1 {
			t.Errorf("%s line %s: parts sum up to %d of %d", o.number, l.id, sum, l.ordered)
		}
	}
}

// checkForward: what waits goes on or is cancelled, what has ended stays as it is, and
// a date that was told is never taken back.
func checkForward(t *testing.T, number string, old, p part) {
	t.Helper()
	ended := !old.state.waits() && !reflect.DeepEqual(old, p)
	backward := old.quantity != p.quantity || p.state < old.state || (p.state == backordered && old.state == open)
	undated := old.due != noDate && p.due == noDate && p.state != cancelled
	if ended || backward || undated {
		t.Errorf("%s: a part goes from %+v to %+v", number, old, p)
	}
}

// checkFixed: head and lines of an order never change, and what is new was ordered in
// the last 14 days.
func checkFixed(t *testing.T, old, o order, known bool, today clock.Date) {
	t.Helper()
	if age := today - o.date; !known && o.waits() && (age < 0 || age > 14) {
		t.Errorf("%s is new and %d days old", o.number, age)
	}
	if known && (old.date != o.date || old.reference != o.reference || old.method != o.method || len(old.lines) != len(o.lines)) {
		t.Errorf("%s: the head goes from %+v to %+v", o.number, old, o)
	}
}

func TestEveryChangeIsInBothVariants(t *testing.T) {
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var before map[string]order
	watch(t, 0, 60, func(_ time.Time, orders map[string]order) {
		for number, o := range orders {
			old, known := before[number]
			if !known || reflect.DeepEqual(old, o) {
				continue
			}
			if text(newC10Order(&old)) == text(newC10Order(&o)) || text(newC11Order(&old)) == text(newC11Order(&o)) {
				t.Errorf("%s: a change is hidden: %+v to %+v", number, old, o)
			}
		}
		before = orders
	})
}

func TestOrderIsFoundByNumberAfterItLeftTheList(t *testing.T) {
	m := newOrders(20 * time.Second)
	then := time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC)
	for _, o := range m.between(1, clock.DateOf(then)-14, clock.DateOf(then), then) {
		ref := reference{SupplierOrderNumber: documentRef{wire.Text(o.number)}}
		if got, ok := m.byReference(1, ref, then); !ok || !reflect.DeepEqual(got, o) {
			t.Errorf("%s: by reference %+v, listed %+v", o.number, got, o)
		}
		later := then.Add(60 * 24 * time.Hour)
		if got, ok := m.byReference(1, ref, later); !ok || got.waits() || got.date != o.date {
			t.Errorf("%s: after 60 days found %v, %+v", o.number, ok, got)
		}
		if _, ok := m.byReference(1, ref, then.Add(memory+24*time.Hour)); ok {
			t.Errorf("%s is remembered for ever", o.number)
		}
		before := then.Add(-3 * time.Hour) // longer than the longest life
		if got, ok := m.byReference(1, ref, before); ok && got.waits() {
			t.Errorf("%s is found before it was placed: %+v", o.number, got)
		}
	}
}

// With days as long as real ones, orders live for longer than they are remembered after.
func TestOpenOrderIsFoundByNumber(t *testing.T) {
	m := newOrders(24 * time.Hour)
	now := time.Date(2025, 7, 7, 12, 0, 0, 0, time.UTC)
	for account := range Parties {
		for i := range liveSlots {
			o := m.order(orderID{account, i, m.newest(account, i, now)}, now)
			var ref reference
			ref.SupplierOrderNumber.DocumentID = wire.Text(o.number)
			if got, ok := m.byReference(account, ref, now); !ok || got.number != o.number {
				t.Errorf("%s of %s is not found", o.number, o.date)
			}
		}
	}
}

func TestNumbersIdentifyTheirOrder(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		latest := dice.Int64N(1 << 40)
		id := orderID{
			account: dice.IntN(len(Parties)), slot: dice.IntN(slotsPerHead),
			generation: latest - dice.Int64N(min(generations, latest+1)),
		}
		n, ok := parseNumber(formatNumber(id.number()))
		po, okPO := parsePO(formatPO(id.number()))
		got := identify(n, func(int, int) int64 { return latest })
		if !ok || !okPO || po != n || got != id {
			t.Fatalf("%+v has %s and %s, which lead to %d and %d: %+v", id, formatNumber(id.number()), formatPO(id.number()), n, po, got)
		}
	}
}

func TestAnyClockAndDayLength(t *testing.T) {
	for _, year := range []int{1960, 1970, 2000, 2200} {
		for _, day := range []time.Duration{time.Second, 20 * time.Second, 24 * time.Hour} {
			t.Run(fmt.Sprint(year, day), func(t *testing.T) {
				m := newOrders(day)
				now := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
				orders := m.between(2, clock.DateOf(now)-400, clock.DateOf(now)+400, now)
				if len(orders) < liveSlots {
					t.Errorf("%d orders", len(orders))
				}
				for _, o := range orders {
					checkSums(t, o)
					if o.date > clock.DateOf(now) {
						t.Errorf("%s is of the future: %s", o.number, o.date)
					}
				}
			})
		}
	}
}
