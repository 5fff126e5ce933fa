package clients

// EditTexts passes every text of the order that a provider may have written through edit. Dates,
// quantities and statuses are none.
func (o *Order) EditTexts(edit func(string) string) {
	editTexts(edit, &o.Reference, &o.Method)
	o.OrderID = edit(o.OrderID)
	for i := range o.Lines {
		l := &o.Lines[i]
		l.LineID = edit(l.LineID)
		editTexts(edit, &l.ArticleID, &l.BuyerArticleID, &l.EAN, &l.Description)
		for j := range l.Despatches {
			editTexts(edit, &l.Despatches[j].AdviceID)
		}
	}
	editAll(edit, o.Unmapped)
}

// EditTexts is [Order.EditTexts] of a despatch advice.
func (a *Advice) EditTexts(edit func(string) string) {
	a.AdviceID = edit(a.AdviceID)
	editTexts(edit, &a.BillOfLading, &a.Carrier, &a.ShipTo)
	editAll(edit, a.Tracking)
	for i := range a.Lines {
		l := &a.Lines[i]
		editTexts(edit, &l.LineID, &l.OrderID, &l.OrderLineID, &l.Reference, &l.ArticleID, &l.BuyerArticleID, &l.EAN)
	}
	editAll(edit, a.Unmapped)
}

// EditTexts is [Order.EditTexts] of an invoice.
func (i *Invoice) EditTexts(edit func(string) string) {
	i.Number = edit(i.Number)
	editTexts(edit, &i.Currency, &i.ShipTo)
	for n := range i.Lines {
		l := &i.Lines[n]
		editTexts(edit, &l.LineID, &l.OrderID, &l.OrderLineID, &l.Reference, &l.BillOfLading, &l.ArticleID, &l.BuyerArticleID, &l.EAN)
	}
	editAll(edit, i.Unmapped)
}

func editTexts(edit func(string) string, all ...*Text) {
	for _, t := range all {
		*t = Text(edit(string(*t)))
	}
}

func editAll(edit func(string) string, list []string) {
	for i := range list {
		list[i] = edit(list[i])
	}
}
