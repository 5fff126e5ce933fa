package clients

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Normalize brings the order into its one canonical form and derives what is
// rolled up. A mapping calls it once, last. Normalizing twice changes nothing.
//
// Lines are sorted by id, schedule lines and despatches by their contents; a line
// without an id gets its position, and no two lines share an id. Blank texts and
// dates that mean "no date" become NULL, nil slices empty ones.
//
// Quantities of a line are sums over its schedule lines, NULL when none says; a
// line without schedule lines keeps its own. Where no schedule line says what was
// shipped, the despatches do. Statuses, dates and quantities of the order follow
// from the lines; see [rollUp].
func (o *Order) Normalize() {
	o.Reference, o.Method = o.Reference.trimmed(), o.Method.trimmed()
	o.OrderedOn, o.PromisedOn = o.OrderedOn.real(), o.PromisedOn.real()
	if o.Lines == nil {
		o.Lines = []Line{}
	}
	for i := range o.Lines {
		o.Lines[i].normalize(i + 1)
	}
	slices.SortStableFunc(o.Lines, byID)
	o.separateLines()
	slices.Sort(o.Unmapped)
	o.Unmapped = slices.Compact(o.Unmapped)
	rollUp(o)
}

func (l *Line) normalize(position int) {
	l.LineID = strings.TrimSpace(l.LineID)
	if l.LineID == "" {
		l.LineID = strconv.Itoa(position)
	}
	l.ArticleID, l.BuyerArticleID = l.ArticleID.trimmed(), l.BuyerArticleID.trimmed()
	l.EAN, l.Description = l.EAN.trimmed(), l.Description.trimmed()
	l.RequestedOn, l.PromisedOn = l.RequestedOn.real(), l.PromisedOn.real()
	if l.Schedule == nil {
		l.Schedule = []ScheduleLine{}
	}
	for i := range l.Schedule {
		l.Schedule[i].DeliveryOn = l.Schedule[i].DeliveryOn.real()
	}
	slices.SortFunc(l.Schedule, ScheduleLine.compare)
	if l.Despatches == nil {
		l.Despatches = []Despatch{}
	}
	for i := range l.Despatches {
		d := &l.Despatches[i]
		d.DespatchedOn, d.AdviceID = d.DespatchedOn.real(), d.AdviceID.trimmed()
	}
	slices.SortFunc(l.Despatches, Despatch.compare)
	l.rollUp()
}

func (t Text) trimmed() Text { return Text(strings.TrimSpace(string(t))) }

// firstDate is the earliest day that means one. Systems write earlier ones where there is
// none: 0001-01-01, 1753-01-01, 1900-01-01, 1970-01-01.
const firstDate Date = "1990-01-01"

// real is the date, or none where suppliers write a day that never comes, or never was.
func (d Date) real() Date {
	switch {
	case d < firstDate, d == "9999-09-09", d == "9999-12-31", d == "2999-12-31": // Michelin's OpenAPI 1.0.1
		return ""
	}
	return d
}

func (s ScheduleLine) compare(t ScheduleLine) int {
	return cmp.Or(
		cmp.Compare(s.DeliveryOn, t.DeliveryOn),
		s.Ordered.compare(t.Ordered),
		s.Confirmed.compare(t.Confirmed),
		s.Backordered.compare(t.Backordered),
		s.Cancelled.compare(t.Cancelled),
		s.Scheduled.compare(t.Scheduled),
		s.Open.compare(t.Open),
		s.Shipped.compare(t.Shipped),
	)
}

func (d Despatch) compare(e Despatch) int {
	return cmp.Or(
		cmp.Compare(d.DespatchedOn, e.DespatchedOn),
		cmp.Compare(d.AdviceID, e.AdviceID),
		d.Quantity.compare(e.Quantity),
	)
}

// compare sorts what is not known first.
func (q Quantity) compare(r Quantity) int {
	switch {
	case q.Known && r.Known:
		return cmp.Compare(q.N, r.N)
	case q.Known:
		return 1
	case r.Known:
		return -1
	}
	return 0
}
