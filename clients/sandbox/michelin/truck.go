package michelin

import (
	"cmp"
	"slices"
	"time"

	"orderbeat/clients/sandbox/clock"
	"orderbeat/clients/sandbox/wire"
)

// longestWait is more than the number of days between the date of an order and its last truck.
const longestWait = 150

// truck is the shipment of one order on one bill of lading.
type truck struct {
	order *order
	despatch
	arrives clock.Date
	loads   []load
}

// load is the part of one line on a truck.
type load struct {
	line     *line
	quantity int
}

// trucks returns an order's shipments, sorted by bill of lading.
func (o *order) trucks() (all []truck) {
	for i := range o.lines {
		l := &o.lines[i]
		for _, p := range l.parts {
			for _, d := range p.despatches {
				at := slices.IndexFunc(all, func(t truck) bool { return t.bol == d.bol })
				if at < 0 {
					at = len(all)
					all = append(all, truck{order: o, despatch: d})
				}
				all[at].add(l, d.quantity, p.due)
			}
		}
	}
	slices.SortFunc(all, func(a, b truck) int { return cmp.Compare(a.bol, b.bol) })
	return all
}

func (t *truck) add(l *line, quantity int, due clock.Date) {
	t.arrives = max(t.arrives, due)
	if last := len(t.loads) - 1; last >= 0 && t.loads[last].line == l {
		t.loads[last].quantity += quantity
		return
	}
	t.loads = append(t.loads, load{l, quantity})
}

func (t *truck) pieces() (sum int) {
	for _, l := range t.loads {
		sum += l.quantity
	}
	return sum
}

// carriers are codes of fictitious carriers.
var carriers = []string{"SMPA", "SMPB", "SMPC"}

// carrier and tracking are derived from the bill of lading. Every other truck has two tracking numbers.
func (t *truck) carrier() string {
	return carriers[int(t.bol[len(t.bol)-1]+t.bol[len(t.bol)-3])%len(carriers)]
}

func (t *truck) tracking() []string {
	numbers := []string{"SAMPLE" + t.bol[len("BOL"):] + "1"}
	if t.bol[len(t.bol)-3]%2 == 0 {
		numbers = append(numbers, "SAMPLE"+t.bol[len("BOL"):]+"2")
	}
	return numbers
}

// leaving returns the account's trucks that left on the dates from..to.
func (m *orders) leaving(account int, from, to clock.Date, now time.Time) (all []truck) {
	orders := m.between(account, from-longestWait, to, now)
	for i := range orders {
		for _, t := range orders[i].trucks() {
			if from <= t.date && t.date <= to {
				all = append(all, t)
			}
		}
	}
	return all
}

// bill is the invoice for an order.
type bill struct {
	order  *order
	date   clock.Date
	trucks []truck
}

// number returns the number of a delivery's invoice: twelve digits that begin with 1.
func (b *bill) number() string { return "1000" + b.order.number[len("SO"):] }

// bill returns the invoice of an order without open parts, dated a sandbox day after its last truck left.
// Cancelled quantities are not invoiced.
func (o *order) bill() (b bill, ok bool) {
	b = bill{order: o, trucks: o.trucks()}
	for _, t := range b.trucks {
		b.date = max(b.date, t.invoiced)
	}
	waiting := slices.ContainsFunc(o.lines, func(l line) bool { return l.has(state.waits) })
	return b, len(b.trucks) > 0 && !waiting
}

// billed returns the account's invoices dated from..to, for orders that order status lists too. yesterday
// is one sandbox day ago: orders that were complete by then are invoiced.
func (m *orders) billed(account int, from, to clock.Date, now, yesterday time.Time) (all []bill) {
	for _, o := range m.between(account, from-longestWait, to, now) {
		ref := reference{SupplierOrderNumber: documentRef{wire.Text(o.number)}}
		was, _ := m.byReference(account, ref, yesterday)
		if b, ok := was.bill(); ok && from <= b.date && b.date <= to {
			all = append(all, b)
		}
	}
	return all
}
