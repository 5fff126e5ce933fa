package michelin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"orderbeat/clients/sandbox/wire"
)

const (
	// maxInvoiceDays is the longest range of issue dates, counting both ends.
	maxInvoiceDays = 30
	// maxInvoices is the maximum in one response.
	maxInvoices = 100
)

// commercialInvoice is the only documentTypeCode here.
const commercialInvoice = "380"

// invoiceRequest is EDIWheel-B3_4-InvoiceListRequest. Only one element of its list is read.
type invoiceRequest struct {
	DocumentID wire.Text      `json:"documentID"`
	Variant    wire.Text      `json:"variant"`
	Invoice    []invoiceQuery `json:"invoice"`
}

type invoiceQuery struct {
	documentsRequest

	From       wire.Text `json:"invoiceIssueFromDate"`
	To         wire.Text `json:"invoiceIssueToDate"`
	TypeCode   wire.Text `json:"documentTypeCode"`
	Attachment wire.Text `json:"attachment"`
}

// query returns the first element of the list, empty if there is none.
func (q *invoiceRequest) query() invoiceQuery {
	if len(q.Invoice) == 0 {
		return invoiceQuery{}
	}
	return q.Invoice[0]
}

// Invoices serves requests for invoices. None has a PDF, regardless of attachment.
func (s *Server) Invoices(w http.ResponseWriter, r *http.Request, fault string) {
	var q invoiceRequest
	account, ok := s.readRequest(w, r, &q)
	if !ok {
		return
	}
	asked := q.query()
	code := asked.check(account, window{asked.From, asked.To}, maxInvoiceDays)
	switch {
	case q.DocumentID != "B3", q.Variant != "" && q.Variant != "4", len(q.Invoice) != 1,
		asked.Attachment != "1" && asked.Attachment != "2" && asked.Attachment != "3":
		code = codeOther
	}
	var bills []bill
	code, found := s.outcome(code, fault)
	if found && (asked.TypeCode == "" || asked.TypeCode == commercialInvoice) {
		bills = s.findBills(&asked, account)
	}
	wire.WriteJSON(w, http.StatusOK, newInvoiceAnswer(code, bills[:min(len(bills), maxInvoices)], account))
}

func (s *Server) findBills(q *invoiceQuery, account int) []bill {
	now := s.now()
	yesterday := now.Add(-s.day)
	if ref, ok := q.References.order(); ok {
		o, found := s.orders.byReference(account, ref, yesterday)
		if b, billed := o.bill(); found && billed {
			return []bill{b}
		}
		return nil
	}
	from, to, _ := window{q.From, q.To}.days(maxInvoiceDays)
	return s.orders.billed(account, from, to, now, yesterday)
}

// cents is an amount of money, written with two decimals.
type cents int64

func (c cents) number() json.Number { return json.Number(fmt.Sprintf("%d.%02d", c/100, c%100)) }

func (c cents) amount() object { return object{{"amountValue", c.number()}} }

// newInvoiceAnswer is EDIWheel-B3_4-InvoiceListResponse with the invoices found, or an error with a
// code. Optional payment details are omitted.
func newInvoiceAnswer(code string, found []bill, account int) object {
	return object{
		{"documentID", "B3"},
		{"variant", "4"},
		{"numberOfMessages", len(found)},
		{"errorHead", errorHead(code)},
		{"invoice", each(found, func(b *bill) object { return newInvoice(b, Parties[account]) })},
	}
}

// daysToPay is invented.
const daysToPay = 30

func newInvoice(b *bill, p Party) object {
	var lines []object
	var total cents
	pieces := 0
	for _, t := range b.trucks {
		for _, l := range t.loads {
			net := l.line.article.price() * cents(l.quantity)
			lines = append(lines, newInvoiceLine(b, &t, l, len(lines)+1, net))
			total, pieces = total+net, pieces+l.quantity
		}
	}
	payment := object{{"paymentDueDate", (b.date + daysToPay).String()}, {"instalmentAmount", total.amount()}}
	return object{
		{"issueDate", b.date.String()},
		{"documentNumber", b.number()},
		{"documentTypeCode", commercialInvoice},
		{"documentCurrency", "USD"},
		{"buyerParty", object{{"partyID", p.BillTo}, {"agencyCode", agencyOfSeller}}},
		{"consignee", object{{"partyID", p.ShipTo}, {"agencyCode", agencyOfSeller}}},
		{"paymentTerms", []object{{{"paymentNet", []object{payment}}}}},
		{"lineLevel", lines},
		{"controls", object{{"numberOfLineItems", len(lines)}, {"totalQuantityValues", cents(100 * pieces).number()}}},
		{"summary", object{{"totalAmount", total.amount()}, {"totalLineItemsAmount", total.amount()}}},
	}
}

func newInvoiceLine(b *bill, t *truck, l load, id int, net cents) object {
	article, price := l.line.article, object{{"priceAmount", l.line.article.price().number()}}
	return object{
		{"lineID", strconv.Itoa(id)},
		{"references", object{
			{"deliveryNoteReference", object{{"documentID", t.bol}, {"issueDate", t.date.String()}}},
			{"suppliersOrderReference", object{{"documentID", b.order.number}, {"lineID", l.line.id}, {"issueDate", b.order.date.String()}}},
			{"buyerOrderReference", object{{"documentID", b.order.reference}}},
		}},
		{"lineItemNetAmount", net.amount()},
		{"article", object{
			{"articleIdentification", object{{"buyersArticleID", article.buyersID}, {"suppliersArticleID", article.id}, {"eanUccArticleID", article.ean}}},
			{"articleDescription", []object{{{"articleDescriptionText", article.description}}}},
			{"invoicedQuantity", object{{"quantityValue", cents(100 * l.quantity).number()}, {"measureUnitCode", "EA"}}},
			{"priceDetails", object{{"grossUnitPrice", price}, {"netUnitPrice", price}}},
			{"lineItemTotalAmount", net.amount()},
		}},
	}
}

func (a *article) price() cents {
	n, _ := strconv.Atoi(a.id) // ids are numbers
	return cents(9000 + n%97*115)
}
