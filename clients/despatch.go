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
	// Provider is the name of the provider's section in the configuration.
	Provider string `json:"provider"`
	// Account is the name of the account at the provider.
	Account string `json:"account"`
	// AdviceID is the advice's number. Together with provider and account it identifies the advice.
	AdviceID string `json:"advice_id"`
	// BillOfLading is the number that an order's despatches have as their advice_id.
	BillOfLading Text `json:"bill_of_lading"`
	// IssuedOn is the day of the document.
	IssuedOn Date `json:"issued_on"`
	// DespatchedOn is the day of despatch.
	DespatchedOn Date `json:"despatched_on"`
	// ExpectedOn is the expected day of arrival.
	ExpectedOn Date `json:"expected_on"`
	// Carrier is the carrier's code (in North America its SCAC), or its name.
	Carrier Text `json:"carrier"`
	// Tracking has the carrier's tracking numbers, sorted, without duplicates.
	Tracking []string `json:"tracking"`
	// ShipTo is the supplier's number of the consignee.
	ShipTo Text `json:"ship_to"`
	// Quantity is the total number of pieces that the advice states; null if it states none.
	Quantity Quantity `json:"quantity"`
	// Lines are sorted by content.
	Lines []AdviceLine `json:"lines"`
	// Unmapped lists, sorted, the values of the response that could not be read, as "path: value".
	// Absent if there are none. It alone is not a change.
	Unmapped []string `json:"unmapped,omitempty"`
	// Unread are the fields that could not be read. It is not stored.
	Unread Unread `json:"-"`
}

// AdviceLine is what an advice says about one line of one order.
type AdviceLine struct {
	// LineID is the number of the line in the advice.
	LineID Text `json:"line_id"`
	// OrderID is the supplier's number of the order.
	OrderID Text `json:"order_id"`
	// OrderLineID is the number of the line in the order.
	OrderLineID Text `json:"order_line_id"`
	// Reference is the customer's own number (PO).
	Reference Text `json:"reference"`
	// ArticleID is the supplier's article number.
	ArticleID Text `json:"article_id"`
	// BuyerArticleID is the customer's article number.
	BuyerArticleID Text `json:"buyer_article_id"`
	// EAN is the article's EAN (GTIN).
	EAN Text `json:"ean"`
	// Quantity is the number of pieces; null if not stated.
	Quantity Quantity `json:"quantity"`
}

// Normalize brings the advice into canonical form: lines are sorted by content, texts trimmed, dates that
// mean "no date" set to NULL, nil slices made empty. A mapping calls it once, as its last step. It is idempotent.
func (a *Advice) Normalize() {
	trim(&a.BillOfLading, &a.Carrier, &a.ShipTo)
	a.IssuedOn, a.DespatchedOn, a.ExpectedOn = a.IssuedOn.withoutPlaceholder(), a.DespatchedOn.withoutPlaceholder(), a.ExpectedOn.withoutPlaceholder()
	for i := range a.Tracking {
		a.Tracking[i] = strings.TrimSpace(a.Tracking[i])
	}
	slices.Sort(a.Tracking)
	a.Tracking = slices.Compact(slices.DeleteFunc(orNone(a.Tracking), func(s string) bool { return s == "" }))
	a.Lines = orNone(a.Lines)
	for i := range a.Lines {
		trim(a.Lines[i].texts()...)
	}
	slices.SortFunc(a.Lines, AdviceLine.compare)
	slices.Sort(a.Unmapped)
	a.Unmapped = slices.Compact(a.Unmapped)
}

// Fingerprint is equal for two normalized reports of one advice if and only if they differ at most in
// Unmapped. It may change with the version of the program.
func (a *Advice) Fingerprint() [16]byte {
	compared := *a
	compared.Unmapped = nil
	return fingerprintOf(compared)
}

// OrderIDs returns the orders that the advice names, sorted, without duplicates. unnamed reports that a
// line names no order: then the bill of lading identifies it.
func (a *Advice) OrderIDs() (ids []string, unnamed bool) {
	ids, unnamed = orderIDs(a.Lines, func(l *AdviceLine) Text { return l.OrderID })
	return ids, unnamed || len(a.Lines) == 0
}

func orderIDs[L any](lines []L, id func(*L) Text) (ids []string, unnamed bool) {
	for i := range lines {
		if id := id(&lines[i]); id != "" {
			ids = append(ids, string(id))
		} else {
			unnamed = true
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), unnamed
}

// texts returns the line's texts. Lines are sorted by them.
func (l *AdviceLine) texts() []*Text {
	return []*Text{&l.LineID, &l.OrderID, &l.OrderLineID, &l.Reference, &l.ArticleID, &l.BuyerArticleID, &l.EAN}
}

func (l AdviceLine) compare(m AdviceLine) int {
	return cmp.Or(compareTexts(l.texts(), m.texts()), l.Quantity.compare(m.Quantity))
}

func compareTexts(a, b []*Text) int {
	return slices.CompareFunc(a, b, func(t, u *Text) int { return cmp.Compare(*t, *u) })
}

func trim(all ...*Text) {
	for _, t := range all {
		*t = t.trimmed()
	}
}

// orNone returns an empty list instead of nil.
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
		editTexts(edit, a.Lines[i].texts()...)
	}
	editAll(edit, a.Unmapped)
}
