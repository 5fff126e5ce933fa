package clients

import (
	"fmt"
	"time"
)

// rollUp derives the order's status, promise and quantities from its lines, which are rolled up
// already.
//
// The rules are the same for a line over its schedule lines and for an order over its lines.
// Something is open and something has shipped: partially shipped. Something is open: the worst of it
// (backordered, open, confirmed, scheduled, in that order). Nothing is open: shipped if anything
// shipped, else cancelled. Delivered is stated by the provider, or follows if all lines are delivered
// or cancelled. Unknown is the rest; a line of unknown status prevents its order from ending.
//
// PromisedOn is the latest date of the open parts, NULL if one of them has none; if nothing is open,
// the latest date.
//
// NextPromisedOn is the earliest date of the open parts, NULL if the order has ended.
//
// A status "cancelled" or "delivered" that the mapping set for the order itself wins over its lines:
// the provider ended it. Any other is kept in [Order.Stated] if it differs. An order without lines
// has the status that the mapping set; without one it is unknown.
func rollUp(o *Order) {
	stated := o.Status
	if len(o.Lines) == 0 {
		o.rollUpWithoutLines()
	} else {
		o.rollUpLines()
	}
	switch stated {
	case StatusCancelled, StatusDelivered:
		o.Status = stated
	case o.Status, "":
	default:
		o.Stated = stated
	}
	o.NextPromisedOn = o.nextPromise()
}

func (o *Order) rollUpLines() {
	var state standing
	var due promise
	var cancelled Quantity
	o.OrderedQuantity, o.ShippedQuantity = Quantity{}, Pieces(0)
	for i := range o.Lines {
		l := &o.Lines[i]
		waits := state.addLine(l.Status)
		due.add(l.PromisedOn, waits)
		o.OrderedQuantity = o.OrderedQuantity.Plus(l.Ordered)
		o.ShippedQuantity = o.ShippedQuantity.Plus(l.Shipped)
		cancelled = cancelled.Plus(l.Cancelled)
	}
	o.Status, o.PromisedOn = state.status(), due.date()
	o.OpenQuantity = Quantity{}
	if o.OrderedQuantity.Known {
		o.OpenQuantity = Pieces(o.OrderedQuantity.N - o.ShippedQuantity.N - cancelled.N)
	}
}

// rollUpWithoutLines completes an order without lines.
func (o *Order) rollUpWithoutLines() {
	if o.Status == "" {
		o.Status = StatusUnknown
	}
	o.PromisedOn = o.PromisedOn.withoutPlaceholder()
	if !o.ShippedQuantity.Known {
		o.ShippedQuantity = Pieces(0)
	}
	if o.OrderedQuantity.Known && !o.OpenQuantity.Known {
		o.OpenQuantity = Pieces(o.OrderedQuantity.N - o.ShippedQuantity.N)
	}
}

// rollUp derives the line's sums, status and promise from its sorted parts.
func (l *Line) rollUp() {
	parts := l.Schedule
	if len(parts) == 0 { // the line itself is its only part
		parts = []ScheduleLine{{DeliveryOn: l.PromisedOn, Ordered: l.Ordered, Amounts: l.Amounts}}
	}
	var sums Amounts
	var ordered, despatched Quantity
	var due promise
	for i := range parts {
		sums.add(&parts[i].Amounts)
		ordered = ordered.Plus(parts[i].Ordered)
		due.add(parts[i].DeliveryOn, parts[i].waits())
	}
	for _, d := range l.Despatches {
		despatched = despatched.Plus(d.Quantity)
	}
	if !sums.Shipped.Known {
		sums.Shipped = despatched
	}
	if !l.Ordered.Known {
		l.Ordered = ordered
	}
	l.Amounts, l.PromisedOn = sums, due.date()
	l.Status = l.status()
}

// status derives the line's status from its sums. The mapping's status is used without sums, and if it
// is delivered.
func (l *Line) status() Status {
	if l.Status == StatusDelivered {
		return l.Status
	}
	state := standing{
		backordered: l.Backordered.Some(), open: l.Open.Some(), confirmed: l.Confirmed.Some(), scheduled: l.Scheduled.Some(),
		shipped: l.Shipped.Some(), cancelled: l.Cancelled.Some(),
	}
	// A line whose stated amounts are all zero is cancelled unless it has an ordered quantity.
	if l.known() && !l.Ordered.Some() {
		state.cancelled = true
	}
	if s := state.status(); s != StatusUnknown || l.Status == "" || l.known() {
		return s
	}
	return l.Status
}

// standing is the set of states in a line or an order.
type standing struct {
	backordered, open, confirmed, scheduled, shipped, cancelled bool
	delivered, partly, unknown                                  bool // of an order's lines only
}

// addLine adds a line's status and reports whether the line is open.
func (s *standing) addLine(status Status) (waits bool) {
	switch status {
	case StatusBackordered:
		s.backordered = true
	case StatusOpen:
		s.open = true
	case StatusConfirmed:
		s.confirmed = true
	case StatusScheduled:
		s.scheduled = true
	case StatusPartiallyShipped:
		s.partly = true
	case StatusShipped:
		s.shipped = true
	case StatusDelivered:
		s.delivered = true
	case StatusCancelled:
		s.cancelled = true
	default:
		s.unknown = true
	}
	return status != StatusUnknown && !status.Ended()
}

func (s standing) status() Status {
	waits := s.backordered || s.open || s.confirmed || s.scheduled
	switch {
	case s.partly, waits && (s.shipped || s.delivered):
		return StatusPartiallyShipped
	case s.backordered:
		return StatusBackordered
	case s.open:
		return StatusOpen
	case s.confirmed:
		return StatusConfirmed
	case s.scheduled:
		return StatusScheduled
	case s.unknown:
		return StatusUnknown
	case s.shipped:
		return StatusShipped
	case s.delivered:
		return StatusDelivered
	case s.cancelled:
		return StatusCancelled
	}
	return StatusUnknown
}

// promise finds the latest promised date of the open parts.
type promise struct {
	waiting, past    Date // the latest date of the open parts, and of the others
	waits, undecided bool // a part is open; an open part has no date
}

func (p *promise) add(d Date, waits bool) {
	if !waits {
		p.past = max(p.past, d)
		return
	}
	p.waits = true
	p.undecided = p.undecided || d == ""
	p.waiting = max(p.waiting, d)
}

func (p *promise) date() Date {
	switch {
	case p.undecided:
		return ""
	case p.waits:
		return p.waiting
	}
	return p.past
}

// waits reports whether any of the amounts is still to be shipped.
func (a *Amounts) waits() bool {
	return a.Backordered.Some() || a.Open.Some() || a.Confirmed.Some() || a.Scheduled.Some()
}

// known reports whether any amount is stated, including zero.
func (a *Amounts) known() bool {
	return a.Confirmed.Known || a.Backordered.Known || a.Cancelled.Known ||
		a.Scheduled.Known || a.Open.Known || a.Shipped.Known
}

func (a *Amounts) add(b *Amounts) {
	a.Confirmed = a.Confirmed.Plus(b.Confirmed)
	a.Backordered = a.Backordered.Plus(b.Backordered)
	a.Cancelled = a.Cancelled.Plus(b.Cancelled)
	a.Scheduled = a.Scheduled.Plus(b.Scheduled)
	a.Open = a.Open.Plus(b.Open)
	a.Shipped = a.Shipped.Plus(b.Shipped)
}

// LateLine is an open line of an order whose promised date has passed.
type LateLine struct {
	// LineID is the supplier's number of the line.
	LineID string `json:"line_id"`
	// ArticleID is the supplier's article number.
	ArticleID Text `json:"article_id"`
	// BuyerArticleID is the customer's article number.
	BuyerArticleID Text `json:"buyer_article_id"`
	// Description is the article in the supplier's words.
	Description Text `json:"description"`
	// Status is the line's status.
	Status Status `json:"status"`
	// NextPromisedOn is the earliest date promised for the open parts of the line.
	NextPromisedOn Date `json:"next_promised_on"`
	// DaysLate is the number of days from NextPromisedOn to today, at least 1.
	DaysLate int `json:"days_late"`
}

// LateLines returns the lines of a normalized order that are late on the day today, in the account's
// zone. An order that has ended has none.
func (o *Order) LateLines(today Date) []LateLine {
	late := []LateLine{}
	if o.Status.Ended() {
		return late
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		if next := l.nextPromise(); next != "" && next < today {
			late = append(late, LateLine{
				LineID: l.LineID, ArticleID: l.ArticleID, BuyerArticleID: l.BuyerArticleID, Description: l.Description,
				Status: l.Status, NextPromisedOn: next, DaysLate: next.DaysUntil(today),
			})
		}
	}
	return late
}

// DaysUntil is the number of days from d to e, negative if e is earlier.
func (d Date) DaysUntil(e Date) int { return int(e.Time().Sub(d.Time()) / (24 * time.Hour)) }

// nextPromise is the earliest date promised for the open parts of the order, "" if nothing is open or
// no open part has a date.
func (o *Order) nextPromise() Date {
	if o.Status.Ended() {
		return ""
	}
	if len(o.Lines) == 0 {
		if o.Status == StatusUnknown {
			return ""
		}
		return o.PromisedOn
	}
	var next Date
	for i := range o.Lines {
		next = earlier(next, o.Lines[i].nextPromise())
	}
	return next
}

// nextPromise is the earliest date promised for the open parts of the line. A line without open
// quantities is open as a whole if its status says so.
func (l *Line) nextPromise() Date {
	if l.Status.Ended() || l.Status == StatusUnknown {
		return ""
	}
	var next Date
	waits := false
	for i := range l.Schedule {
		if s := &l.Schedule[i]; s.waits() {
			waits = true
			next = earlier(next, s.DeliveryOn)
		}
	}
	if !waits {
		return l.PromisedOn
	}
	return next
}

// earlier is the earlier of two dates; "" is no date.
func earlier(d, e Date) Date {
	if d == "" || e != "" && e < d {
		return e
	}
	return d
}

// StatusWarnings lists the first few orders whose provider states a status that differs from that of
// their lines ([Order.Stated]), with the status that is stored.
func StatusWarnings(orders []Order) (warnings []string) {
	const most = 5
	more := 0
	for i := range orders {
		o := &orders[i]
		switch {
		case o.Stated == "":
		case len(warnings) < most:
			warnings = append(warnings, fmt.Sprintf("order %.128s: the mapping returns status %q, but its lines imply %q, which is stored", o.OrderID, o.Stated, o.Status))
		default:
			more++
		}
	}
	if more > 0 {
		warnings = append(warnings, fmt.Sprintf("and %d more orders whose mapped status differs from that of their lines", more))
	}
	return warnings
}
