package clients

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// DespatchSource is a [Provider] that reports despatch advices. Implementations are safe for
// concurrent use.
type DespatchSource interface {
	// Advices requests the despatch advices of a range of despatch dates: From and To of the query, at
	// most [Traits.MaxDespatchDays] days. An empty answer means that nothing was despatched; a failure
	// is an *[Error].
	Advices(ctx context.Context, q Query) (Answer, error)
}

// Advice is one despatch advice as a provider reports it: the contents of one truck. Its JSON names
// are the columns of the table `despatch_advices`.
type Advice struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	// AdviceID is the advice's number. (Provider, Account, AdviceID) identify it.
	AdviceID string `json:"advice_id"`
	// BillOfLading is the advice's number in an order's despatches ([Despatch.AdviceID]).
	BillOfLading Text `json:"bill_of_lading"`
	IssuedOn     Date `json:"issued_on"`
	DespatchedOn Date `json:"despatched_on"`
	// ExpectedOn is the expected day of arrival.
	ExpectedOn Date `json:"expected_on"`
	// Carrier is the carrier's code (in North America its SCAC), or its name.
	Carrier Text `json:"carrier"`
	// Tracking are the carrier's tracking numbers, sorted, without duplicates.
	Tracking []string `json:"tracking"`
	// ShipTo is the supplier's number of the consignee.
	ShipTo Text `json:"ship_to"`
	// Quantity is the total that the advice states.
	Quantity Quantity     `json:"quantity"`
	Lines    []AdviceLine `json:"lines"`
	// Unmapped lists, sorted, the values of the response that could not be read, as "path: value". It
	// alone is not a change.
	Unmapped []string `json:"unmapped,omitempty"`
	// Unread are the fields that could not be read. It is not stored.
	Unread Unread `json:"-"`
}

// AdviceLine is what an advice says about one line of one order.
type AdviceLine struct {
	LineID Text `json:"line_id"`
	// OrderID is the supplier's number of the order, OrderLineID the line in it.
	OrderID     Text `json:"order_id"`
	OrderLineID Text `json:"order_line_id"`
	// Reference is the customer's own number (PO).
	Reference      Text     `json:"reference"`
	ArticleID      Text     `json:"article_id"`
	BuyerArticleID Text     `json:"buyer_article_id"`
	EAN            Text     `json:"ean"`
	Quantity       Quantity `json:"quantity"`
}

// Normalize brings the advice into canonical form: lines sorted by content, texts trimmed, dates that
// mean "no date" NULL, nil slices empty. A mapping calls it once, last. It is idempotent.
func (a *Advice) Normalize() {
	trim(&a.BillOfLading, &a.Carrier, &a.ShipTo)
	a.IssuedOn, a.DespatchedOn, a.ExpectedOn = a.IssuedOn.real(), a.DespatchedOn.real(), a.ExpectedOn.real()
	for i := range a.Tracking {
		a.Tracking[i] = strings.TrimSpace(a.Tracking[i])
	}
	slices.Sort(a.Tracking)
	a.Tracking = slices.Compact(slices.DeleteFunc(orNone(a.Tracking), func(s string) bool { return s == "" }))
	a.Lines = orNone(a.Lines)
	for i := range a.Lines {
		l := &a.Lines[i]
		trim(&l.LineID, &l.OrderID, &l.OrderLineID, &l.Reference, &l.ArticleID, &l.BuyerArticleID, &l.EAN)
	}
	slices.SortFunc(a.Lines, AdviceLine.compare)
	slices.Sort(a.Unmapped)
	a.Unmapped = slices.Compact(a.Unmapped)
}

// Fingerprint is equal for two normalized reports of one advice exactly if they differ in nothing but
// Unmapped. It may change with the version of the program.
func (a *Advice) Fingerprint() [16]byte {
	compared := *a
	compared.Unmapped = nil
	return fingerprintOf(compared)
}

// OrderIDs are the orders that the advice names, sorted, without duplicates. unnamed reports that a
// line names none: then the bill of lading identifies the order.
func (a *Advice) OrderIDs() (ids []string, unnamed bool) {
	for i := range a.Lines {
		ids, unnamed = noteOrder(ids, unnamed, a.Lines[i].OrderID)
	}
	slices.Sort(ids)
	return slices.Compact(ids), unnamed || len(a.Lines) == 0
}

func noteOrder(ids []string, unnamed bool, id Text) ([]string, bool) {
	if id == "" {
		return ids, true
	}
	return append(ids, string(id)), unnamed
}

func (l AdviceLine) compare(m AdviceLine) int {
	return cmp.Or(
		cmp.Compare(l.LineID, m.LineID),
		cmp.Compare(l.OrderID, m.OrderID),
		cmp.Compare(l.OrderLineID, m.OrderLineID),
		cmp.Compare(l.Reference, m.Reference),
		cmp.Compare(l.ArticleID, m.ArticleID),
		cmp.Compare(l.BuyerArticleID, m.BuyerArticleID),
		cmp.Compare(l.EAN, m.EAN),
		l.Quantity.compare(m.Quantity),
	)
}

func trim(all ...*Text) {
	for _, t := range all {
		*t = t.trimmed()
	}
}

// orNone makes a nil list an empty one.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
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
