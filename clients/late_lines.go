package clients

import "time"

// LateLine is a line of an order that still waits although it was promised for an earlier day.
type LateLine struct {
	LineID         string `json:"line_id"`
	ArticleID      Text   `json:"article_id"`
	BuyerArticleID Text   `json:"buyer_article_id"`
	Description    Text   `json:"description"`
	Status         Status `json:"status"`
	// NextPromisedOn is the earliest date promised for what still waits of the line.
	NextPromisedOn Date `json:"next_promised_on"`
	// DaysLate is the number of days from NextPromisedOn to today, at least 1.
	DaysLate int `json:"days_late"`
}

// LateLines returns the lines of a normalized order that are late on the day today, which is
// the account's own. An order that has ended has none.
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

// DaysUntil is the number of days from d to e, negative when e is earlier.
func (d Date) DaysUntil(e Date) int { return int(e.Time().Sub(d.Time()) / (24 * time.Hour)) }

// nextPromise is the earliest date promised for what still waits of the order, "" when
// nothing waits or nothing that waits has a date.
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

// nextPromise is the earliest date promised for what still waits of the line. A line that
// says how much of it waits only by its status waits as a whole.
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

// earlier is the earlier of two dates, of which "" is none.
func earlier(d, e Date) Date {
	if d == "" || e != "" && e < d {
		return e
	}
	return d
}
