package clients

// Unread is a set of fields of an order, a line or a document whose value in the response could not
// be read. If a field has no value, the stored one remains: see [Order.KeepStored].
type Unread uint16

// The fields of an order.
const (
	UnreadReference Unread = 1 << iota
	UnreadOrderedOn
	UnreadMethod
	// UnreadLines says that a line, or something in its place, could not be read.
	UnreadLines
)

// The fields of a line.
const (
	UnreadArticle Unread = 1 << iota // the article's ids
	UnreadDescription
	UnreadRequestedOn
	UnreadOrdered
	// UnreadSchedule is the schedule, the despatches, and what is derived from them.
	UnreadSchedule
	UnreadLine = UnreadArticle | UnreadDescription | UnreadRequestedOn | UnreadOrdered | UnreadSchedule
)

// The fields of a despatch advice or an invoice.
const (
	UnreadBillOfLading Unread = 1 << iota
	UnreadDates
	UnreadParties // the carrier and the consignee
	UnreadTracking
	UnreadQuantity
	UnreadTerms   // the type, the currency and the total amount
	UnreadContent // the lines
)

func (u Unread) has(fields Unread) bool { return u&fields != 0 }

// AnyUnread reports whether any field of the order is unread.
func (o *Order) AnyUnread() bool {
	for i := range o.Lines {
		if o.Lines[i].Unread != 0 {
			return true
		}
	}
	return o.Unread != 0
}

// KeepStored copies unread values from the stored order, so that known values are not lost, and
// normalizes the order. It is for orders whose status follows from their lines.
func (o *Order) KeepStored(stored *Order) {
	restore(o.Unread.has(UnreadReference), &o.Reference, stored.Reference)
	restore(o.Unread.has(UnreadOrderedOn), &o.OrderedOn, stored.OrderedOn)
	restore(o.Unread.has(UnreadMethod), &o.Method, stored.Method)
	here := make(map[string]*Line, len(o.Lines))
	for i := range o.Lines {
		here[o.Lines[i].LineID] = &o.Lines[i]
	}
	var missing []Line
	for i := range stored.Lines {
		l := &stored.Lines[i]
		switch line := here[l.LineID]; {
		case line != nil:
			line.keepStored(l)
		case o.Unread.has(UnreadLines): // it may be the line that could not be read
			missing = append(missing, *l)
		}
	}
	o.Lines = append(o.Lines, missing...)
	o.Status = ""
	o.Normalize()
}

func (l *Line) keepStored(stored *Line) {
	restore(l.Unread.has(UnreadArticle), &l.ArticleID, stored.ArticleID)
	restore(l.Unread.has(UnreadArticle), &l.BuyerArticleID, stored.BuyerArticleID)
	restore(l.Unread.has(UnreadArticle), &l.EAN, stored.EAN)
	restore(l.Unread.has(UnreadDescription), &l.Description, stored.Description)
	restore(l.Unread.has(UnreadRequestedOn), &l.RequestedOn, stored.RequestedOn)
	restore(l.Unread.has(UnreadOrdered), &l.Ordered, stored.Ordered)
	if l.Unread.has(UnreadSchedule) { // as a whole: a part of it would be a different promise
		l.Schedule, l.Despatches, l.Amounts = stored.Schedule, stored.Despatches, stored.Amounts
		l.Status, l.PromisedOn = stored.Status, stored.PromisedOn
	}
}

// KeepStored is [Order.KeepStored] for a despatch advice. Its lines are copied as a whole.
func (a *Advice) KeepStored(stored *Advice) {
	restore(a.Unread.has(UnreadBillOfLading), &a.BillOfLading, stored.BillOfLading)
	restore(a.Unread.has(UnreadDates), &a.IssuedOn, stored.IssuedOn)
	restore(a.Unread.has(UnreadDates), &a.DespatchedOn, stored.DespatchedOn)
	restore(a.Unread.has(UnreadDates), &a.ExpectedOn, stored.ExpectedOn)
	restore(a.Unread.has(UnreadParties), &a.Carrier, stored.Carrier)
	restore(a.Unread.has(UnreadParties), &a.ShipTo, stored.ShipTo)
	restore(a.Unread.has(UnreadQuantity), &a.Quantity, stored.Quantity)
	if a.Unread.has(UnreadTracking) {
		a.Tracking = append(a.Tracking, stored.Tracking...)
	}
	if a.Unread.has(UnreadContent) && len(stored.Lines) > 0 {
		a.Lines = stored.Lines
	}
	a.Normalize()
}

// KeepStored is [Order.KeepStored] for an invoice. Its lines are copied as a whole.
func (i *Invoice) KeepStored(stored *Invoice) {
	restore(i.Unread.has(UnreadDates), &i.InvoicedOn, stored.InvoicedOn)
	restore(i.Unread.has(UnreadDates), &i.DueOn, stored.DueOn)
	restore(i.Unread.has(UnreadParties), &i.ShipTo, stored.ShipTo)
	restore(i.Unread.has(UnreadTerms), &i.Currency, stored.Currency)
	restore(i.Unread.has(UnreadTerms), &i.TotalAmount, stored.TotalAmount)
	if i.Unread.has(UnreadTerms) && i.Type == InvoiceUnknown {
		i.Type = stored.Type
	}
	if i.Unread.has(UnreadContent) && len(stored.Lines) > 0 {
		i.Lines = stored.Lines
	}
	i.Normalize()
}

// restore copies the stored value of a field that is unread and empty.
func restore[T comparable](unread bool, into *T, stored T) {
	var none T
	if unread && *into == none {
		*into = stored
	}
}
