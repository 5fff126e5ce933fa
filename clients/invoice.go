package clients

import (
	"cmp"
	"context"
	"slices"
)

// InvoiceSource is a [Provider] that reports invoices. Implementations are safe for concurrent use.
type InvoiceSource interface {
	// Invoices requests the invoices of a range of issue dates: From and To of the query, at most
	// [Traits.MaxInvoiceDays] days. An empty answer means that nothing was invoiced; a failure is an
	// *[Error].
	Invoices(ctx context.Context, q Query) (Answer, error)
}

// Invoice is one invoice or note as a provider reports it, without the document itself and without
// bank details. Its JSON names are the columns of the table `invoices`.
type Invoice struct {
	// Provider is the name of the provider's section in the configuration.
	Provider string `json:"provider"`
	// Account is the name of the account at the provider.
	Account string `json:"account"`
	// Number is the document's number. Together with provider and account it identifies the document.
	Number string `json:"number"`
	// Type is the kind of document.
	Type InvoiceType `json:"type"`
	// InvoicedOn is the day of issue.
	InvoicedOn Date `json:"invoiced_on"`
	// DueOn is the first due date.
	DueOn Date `json:"due_on"`
	// Currency is the ISO 4217 code of all amounts.
	Currency Text `json:"currency"`
	// TotalAmount is the total, as decimal text; credits may be negative.
	TotalAmount Amount `json:"total_amount"`
	// ShipTo is the supplier's number of the consignee.
	ShipTo Text `json:"ship_to"`
	// Lines are sorted by content.
	Lines []InvoiceLine `json:"lines"`
	// Unmapped lists, sorted, the values of the response that could not be read, as "path: value".
	// Absent if there are none. It alone is not a change.
	Unmapped []string `json:"unmapped,omitempty"`
	// Unread are the fields that could not be read. It is not stored.
	Unread Unread `json:"-"`
}

// InvoiceLine is what an invoice says about one line of one order. Amounts and quantities have the
// supplier's sign: credits may be negative.
type InvoiceLine struct {
	// LineID is the number of the line in the document.
	LineID Text `json:"line_id"`
	// OrderID is the supplier's number of the order.
	OrderID Text `json:"order_id"`
	// OrderLineID is the number of the line in the order.
	OrderLineID Text `json:"order_line_id"`
	// Reference is the customer's own number (PO).
	Reference Text `json:"reference"`
	// BillOfLading is the number of the despatch advice.
	BillOfLading Text `json:"bill_of_lading"`
	// ArticleID is the supplier's article number.
	ArticleID Text `json:"article_id"`
	// BuyerArticleID is the customer's article number.
	BuyerArticleID Text `json:"buyer_article_id"`
	// EAN is the article's EAN (GTIN).
	EAN Text `json:"ean"`
	// Quantity is the number of pieces; null if not stated.
	Quantity Quantity `json:"quantity"`
	// UnitPrice is the price of one piece.
	UnitPrice Amount `json:"unit_price"`
	// NetAmount is the amount before the line's allowances and charges.
	NetAmount Amount `json:"net_amount"`
	// TotalAmount is the net amount after the line's allowances and charges.
	TotalAmount Amount `json:"total_amount"`
}

// InvoiceType is the kind of a document.
type InvoiceType string

// The types.
const (
	InvoiceCommercial InvoiceType = "commercial" // an invoice
	InvoiceCredit     InvoiceType = "credit"     // a credit note
	InvoiceDebit      InvoiceType = "debit"      // a debit note
	InvoiceUnknown    InvoiceType = "unknown"    // the provider states no known kind
)

// Normalize brings the invoice into canonical form, as [Advice.Normalize] does.
func (i *Invoice) Normalize() {
	trim(&i.Currency, &i.ShipTo)
	i.InvoicedOn, i.DueOn = i.InvoicedOn.withoutPlaceholder(), i.DueOn.withoutPlaceholder()
	i.Type = cmp.Or(i.Type, InvoiceUnknown)
	i.Lines = orNone(i.Lines)
	for n := range i.Lines {
		trim(i.Lines[n].texts()...)
	}
	slices.SortFunc(i.Lines, InvoiceLine.compare)
	slices.Sort(i.Unmapped)
	i.Unmapped = slices.Compact(i.Unmapped)
}

// Fingerprint is [Advice.Fingerprint] for an invoice.
func (i *Invoice) Fingerprint() [16]byte {
	compared := *i
	compared.Unmapped = nil
	return fingerprintOf(compared)
}

// OrderIDs returns the orders that the invoice names, sorted, without duplicates.
func (i *Invoice) OrderIDs() []string {
	ids, _ := orderIDs(i.Lines, func(l *InvoiceLine) Text { return l.OrderID })
	return ids
}

// texts returns the line's texts. Lines are sorted by them.
func (l *InvoiceLine) texts() []*Text {
	return []*Text{&l.LineID, &l.OrderID, &l.OrderLineID, &l.Reference, &l.BillOfLading, &l.ArticleID, &l.BuyerArticleID, &l.EAN}
}

func (l InvoiceLine) compare(m InvoiceLine) int {
	return cmp.Or(
		compareTexts(l.texts(), m.texts()),
		l.Quantity.compare(m.Quantity),
		cmp.Compare(l.UnitPrice, m.UnitPrice),
		cmp.Compare(l.NetAmount, m.NetAmount),
		cmp.Compare(l.TotalAmount, m.TotalAmount),
	)
}

// EditTexts is [Order.EditTexts] of an invoice.
func (i *Invoice) EditTexts(edit func(string) string) {
	i.Number = edit(i.Number)
	editTexts(edit, &i.Currency, &i.ShipTo)
	for n := range i.Lines {
		editTexts(edit, i.Lines[n].texts()...)
	}
	editAll(edit, i.Unmapped)
}
