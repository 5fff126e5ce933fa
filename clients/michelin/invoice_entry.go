package michelin

import (
	"fmt"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// invoiceTypes are the OpenAPI's documentTypeCode.
var invoiceTypes = map[string]clients.InvoiceType{
	"380": clients.InvoiceCommercial, "381": clients.InvoiceCredit, "383": clients.InvoiceDebit,
}

// wireInvoice is one invoice of a response. Payment details are omitted.
type wireInvoice struct {
	Error     object[wireProblem]                          `json:"error"`
	Number    text                                         `json:"documentNumber"`
	TypeCode  text                                         `json:"documentTypeCode"`
	IssueDate text                                         `json:"issueDate"`
	Currency  text                                         `json:"documentCurrency"`
	Consignee object[wireParty]                            `json:"consignee"`
	Terms     oneOrMany[wireTerms, *wireTerms]             `json:"paymentTerms"`
	Summary   object[wireSummary]                          `json:"summary"`
	Lines     oneOrMany[wireInvoiceLine, *wireInvoiceLine] `json:"lineLevel"`
}

type wireTerms struct {
	Net oneOrMany[wireNet, *wireNet] `json:"paymentNet"`
}

type wireNet struct {
	Due text `json:"paymentDueDate"`
}

type wireSummary struct {
	Total amount `json:"totalAmount"`
}

// wireInvoiceLine is an entry of lineLevel. The OpenAPI has most of it one level down, in article;
// both places are read.
type wireInvoiceLine struct {
	wireInvoiceItem
	Article object[wireInvoiceItem] `json:"article"`
}

type wireInvoiceItem struct {
	ID         text                                                     `json:"lineID"`
	References oneOrMany[wireInvoiceReferences, *wireInvoiceReferences] `json:"references"`
	IDs        object[wireArticleIDs]                                   `json:"articleIdentification"`
	Quantity   quantity                                                 `json:"invoicedQuantity"`
	Price      object[wirePrice]                                        `json:"priceDetails"`
	Net        amount                                                   `json:"lineItemNetAmount"`
	Total      amount                                                   `json:"lineItemTotalAmount"`
}

// wireInvoiceReferences are the references of a line: an object of named ones or, as in despatch
// advices, typed ones.
type wireInvoiceReferences struct {
	wireReference
	DeliveryNote oneOrMany[wireReference, *wireReference] `json:"deliveryNoteReference"`
	Suppliers    oneOrMany[wireReference, *wireReference] `json:"suppliersOrderReference"`
	Buyers       oneOrMany[wireReference, *wireReference] `json:"buyerOrderReference"`
}

type wirePrice struct {
	Net   price `json:"netUnitPrice"`
	Gross price `json:"grossUnitPrice"`
}

func (w *wireInvoice) renew(m *memory.Meter) {
	consignee := w.Consignee.v.Name.renewed(m)
	*w = wireInvoice{Terms: w.Terms.renewed(m), Lines: w.Lines.renewed(m)}
	w.Consignee.v.Name = consignee
}

func (w *wireTerms) renew(m *memory.Meter) { *w = wireTerms{w.Net.renewed(m)} }

func (w *wireNet) renew(*memory.Meter) { *w = wireNet{} }

func (w *wireInvoiceLine) renew(m *memory.Meter) {
	within, beside := w.Article.v.References.renewed(m), w.References.renewed(m)
	*w = wireInvoiceLine{}
	w.Article.v.References, w.References = within, beside
}

func (w *wireInvoiceReferences) renew(m *memory.Meter) {
	*w = wireInvoiceReferences{DeliveryNote: w.DeliveryNote.renewed(m), Suppliers: w.Suppliers.renewed(m), Buyers: w.Buyers.renewed(m)}
}

func (m *mapper) invoice(w *wireInvoice, i *clients.Invoice) problem {
	i.Number = m.text(w.Number)
	trouble := m.problem(&w.Error)
	m.marked = m.count // KeepStored does not cover these
	i.InvoicedOn, i.DueOn = m.date(w.IssueDate), m.due(&w.Terms)
	m.mark(&i.Unread, clients.UnreadDates)
	i.ShipTo = m.party(&w.Consignee)
	m.mark(&i.Unread, clients.UnreadParties)
	i.Type = parsed(m, w.TypeCode, readInvoiceType)
	i.Currency = clients.Text(m.text(w.Currency))
	isObject(m, &w.Summary)
	i.TotalAmount = m.amount(w.Summary.v.Total.text)
	m.mark(&i.Unread, clients.UnreadTerms)
	for n := range w.Lines.list {
		if m.use(lineBytes) {
			i.Lines, m.ends = append(i.Lines, m.invoiceLine(&w.Lines.list[n])), append(m.ends, w.Lines.ends[n])
		}
	}
	m.loose(w.Lines.bad)
	m.mark(&i.Unread, clients.UnreadContent)
	return trouble
}

func readInvoiceType(code string) (t clients.InvoiceType, why string) {
	t, known := invoiceTypes[code]
	if !known {
		why = "is not 380, 381 or 383"
	}
	return t, why
}

// due is the first due date of all payments.
func (m *mapper) due(terms *oneOrMany[wireTerms, *wireTerms]) (first clients.Date) {
	for i := range terms.list {
		net := &terms.list[i].Net
		for j := range net.list {
			if d := m.date(net.list[j].Due); d != "" && (first == "" || d < first) {
				first = d
			}
		}
		m.loose(net.bad)
	}
	m.loose(terms.bad)
	return first
}

// invoiceLine maps the members in article; a missing one is taken from beside article.
func (m *mapper) invoiceLine(w *wireInvoiceLine) clients.InvoiceLine {
	isObject(m, &w.Article)
	l, beside := m.invoiceItem(&w.Article.v), m.invoiceItem(&w.wireInvoiceItem)
	keep(&l.LineID, beside.LineID)
	keep(&l.OrderID, beside.OrderID)
	keep(&l.OrderLineID, beside.OrderLineID)
	keep(&l.Reference, beside.Reference)
	keep(&l.BillOfLading, beside.BillOfLading)
	keep(&l.ArticleID, beside.ArticleID)
	keep(&l.BuyerArticleID, beside.BuyerArticleID)
	keep(&l.EAN, beside.EAN)
	if !l.Quantity.Known {
		l.Quantity = beside.Quantity
	}
	keep(&l.UnitPrice, beside.UnitPrice)
	keep(&l.NetAmount, beside.NetAmount)
	keep(&l.TotalAmount, beside.TotalAmount)
	return l
}

func (m *mapper) invoiceItem(w *wireInvoiceItem) (l clients.InvoiceLine) {
	l.LineID = clients.Text(m.text(w.ID))
	m.invoiceReferences(&w.References, &l)
	l.ArticleID, l.BuyerArticleID, l.EAN = m.articleIDs(&w.IDs)
	l.Quantity = m.credited(w.Quantity)
	isObject(m, &w.Price)
	l.UnitPrice = m.amount(w.Price.v.Net.text) // or the gross one
	keep(&l.UnitPrice, m.amount(w.Price.v.Gross.text))
	l.NetAmount, l.TotalAmount = m.amount(w.Net.text), m.amount(w.Total.text)
	return l
}

func (m *mapper) invoiceReferences(w *oneOrMany[wireInvoiceReferences, *wireInvoiceReferences], l *clients.InvoiceLine) {
	for i := range w.list {
		e := &w.list[i]
		m.references(&e.DeliveryNote, func(r reference) { keep(&l.BillOfLading, r.id) })
		m.references(&e.Suppliers, func(r reference) { keep(&l.OrderID, r.id); keep(&l.OrderLineID, r.line) })
		m.references(&e.Buyers, func(r reference) { keep(&l.Reference, r.id) })
		switch r := m.reference(&e.wireReference); {
		case r.is("DQ", "BM"):
			keep(&l.BillOfLading, r.id)
		case r.is("VN"):
			keep(&l.OrderID, r.id)
			keep(&l.OrderLineID, r.line)
		case r.is("ON"):
			keep(&l.Reference, r.id)
		}
	}
	m.loose(w.bad)
}

// invoices identifies the lines of an invoice by their order and their id.
var invoices = shape[clients.Invoice, clients.InvoiceLine]{
	parts: func(i *clients.Invoice) parts[clients.InvoiceLine] {
		return parts[clients.InvoiceLine]{i.Number, &i.Lines, &i.Unread, &i.Unmapped}
	},
	problem: func(i *clients.Invoice, message string) clients.Problem {
		return documentProblem("invoice", i.Number, message)
	},
	noID: "it has no number",
	keyed: keyed[clients.InvoiceLine]{
		key: func(l *clients.InvoiceLine) (string, bool) {
			return joined(l.LineID, l.OrderID, l.OrderLineID, l.Reference, l.BillOfLading, l.ArticleID, l.BuyerArticleID, l.EAN), l.LineID != ""
		},
		contents: func(l *clients.InvoiceLine) string { return fmt.Sprintf("%q", *l) },
	},
}
