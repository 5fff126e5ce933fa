package clients

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Normalize brings the order into canonical form and rolls up its lines. A mapping calls it once, as its
// last step. It is idempotent.
//
// Lines are sorted by id, schedule lines and despatches by content; a line without an id gets its
// position, and line ids are unique. Blank texts and dates that mean "no date" become NULL, nil
// slices empty.
//
// Quantities of a line are sums over its schedule lines, NULL if none states one; a line without
// schedule lines keeps its own. If no schedule line states the shipped quantity, it is the sum of the despatches. Status,
// dates and quantities of the order follow from the lines; see [rollUp].
func (o *Order) Normalize() {
	o.Reference, o.Method = o.Reference.trimmed(), o.Method.trimmed()
	o.OrderedOn, o.PromisedOn = o.OrderedOn.withoutPlaceholder(), o.PromisedOn.withoutPlaceholder()
	o.Lines = orNone(o.Lines)
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
	l.RequestedOn, l.PromisedOn = l.RequestedOn.withoutPlaceholder(), l.PromisedOn.withoutPlaceholder()
	l.Schedule = orNone(l.Schedule)
	for i := range l.Schedule {
		l.Schedule[i].DeliveryOn = l.Schedule[i].DeliveryOn.withoutPlaceholder()
	}
	slices.SortFunc(l.Schedule, ScheduleLine.compare)
	l.Despatches = orNone(l.Despatches)
	for i := range l.Despatches {
		d := &l.Despatches[i]
		d.DespatchedOn, d.AdviceID = d.DespatchedOn.withoutPlaceholder(), d.AdviceID.trimmed()
	}
	slices.SortFunc(l.Despatches, Despatch.compare)
	l.rollUp()
}

func (t Text) trimmed() Text { return Text(strings.TrimSpace(string(t))) }

// firstDate is the earliest plausible date. Systems write earlier ones for "no date": 0001-01-01,
// 1753-01-01, 1900-01-01, 1970-01-01.
const firstDate Date = "1990-01-01"

// withoutPlaceholder returns the date, or "" for the days that mean "no date".
func (d Date) withoutPlaceholder() Date {
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

// compare sorts unknown quantities first.
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

func byID(a, b Line) int { return cmp.Compare(a.LineID, b.LineID) }

// separateLines makes the ids of sorted lines unique, because changes and tables identify a line by
// its id alone. Identical lines become one; other lines with the same id get a number appended, which
// is the same for the same response.
func (o *Order) separateLines() {
	taken := map[string]bool{}
	for i := 1; i < len(o.Lines); i++ {
		if o.Lines[i].LineID == o.Lines[i-1].LineID {
			taken[o.Lines[i].LineID] = true
		}
	}
	if len(taken) == 0 {
		return
	}
	o.Lines = distinctLines(o.Lines)
	for i := range o.Lines {
		taken[o.Lines[i].LineID] = true
	}
	first, n := "", 0
	for i := range o.Lines {
		l := &o.Lines[i]
		if i == 0 || l.LineID != first {
			first, n = l.LineID, 1
			continue
		}
		for taken[l.LineID] {
			n++ // never restarts: each number is tried once
			l.LineID = first + "~" + strconv.Itoa(n)
		}
		taken[l.LineID] = true
	}
	slices.SortFunc(o.Lines, byID)
}

// distinctLines sorts lines by id and content and removes duplicates. The content of a line is
// encoded once, not for every comparison.
func distinctLines(lines []Line) []Line {
	type encoded struct {
		at       int
		contents []byte
	}
	all := make([]encoded, len(lines))
	for i := range lines {
		all[i] = encoded{i, lines[i].Contents()}
	}
	slices.SortFunc(all, func(a, b encoded) int {
		return cmp.Or(byID(lines[a.at], lines[b.at]), bytes.Compare(a.contents, b.contents))
	})
	all = slices.CompactFunc(all, func(a, b encoded) bool { return bytes.Equal(a.contents, b.contents) })
	distinct := make([]Line, len(all))
	for i, e := range all {
		distinct[i] = lines[e.at]
	}
	return distinct
}

// Contents encodes everything that a line states: equal lines have equal contents.
func (l *Line) Contents() []byte { return l.appendTo(nil, nil) }
