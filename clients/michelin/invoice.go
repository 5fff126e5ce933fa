package michelin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

const (
	invoicePath      = "/invoice/amn/B3_4/invoices"
	invoiceOperation = "invoices"
	invoiceID        = "B3" // the documentID of requests and responses
	// maxMessages is the maximum number of invoices in one response (the OpenAPI's numberOfMessages).
	maxMessages = 100
	// dataOnly is the attachment value for invoices without their PDF.
	dataOnly = "1"
)

// invoiceRequest is EDIWheel-B3_4-InvoiceListRequest.
type invoiceRequest struct {
	DocumentID string         `json:"documentID"`
	Variant    string         `json:"variant"`
	Invoice    []invoiceQuery `json:"invoice"`
}

type invoiceQuery struct {
	From       clients.Date `json:"invoiceIssueFromDate"`
	To         clients.Date `json:"invoiceIssueToDate"`
	BuyerParty party        `json:"buyerParty"`
	Consignee  *party       `json:"consignee,omitempty"`
	Attachment string       `json:"attachment"`
}

// Invoices implements [clients.InvoiceSource]. A full response may lack invoices: then the halves of
// its date range are requested instead, down to single days. A single day that is full is reported as
// a problem.
func (c *Client) Invoices(ctx context.Context, q clients.Query) (clients.Answer, error) {
	if err := c.needsWindow(invoiceOperation, q); err != nil {
		return clients.Answer{}, err
	}
	answer, messages, err := c.invoices(ctx, q)
	switch {
	case err != nil:
		return clients.Answer{}, err
	case messages < maxMessages:
		return answer, nil
	case q.From >= q.To:
		answer.Partial = append(answer.Partial, clients.Problem{Message: fmt.Sprintf(
			`the response for %s has %d invoices, which is the maximum: others of that day may be missing (request = "openapi" requests fewer, by ship_to)`,
			q.From, messages)})
		return answer, nil
	}
	return c.halves(ctx, q)
}

func (c *Client) halves(ctx context.Context, q clients.Query) (clients.Answer, error) {
	first, second := q, q
	first.To = q.From.AddDays(int(q.To.Time().Sub(q.From.Time())/(24*time.Hour)) / 2)
	second.From = first.To.AddDays(1)
	answer, err := c.Invoices(ctx, first)
	if err != nil {
		return clients.Answer{}, err
	}
	more, err := c.Invoices(ctx, second)
	if err != nil {
		return clients.Answer{}, err
	}
	// An invoice in both halves was reissued between the two requests: the later response counts.
	at := make(map[string]int, len(answer.Invoices))
	for i := range answer.Invoices {
		at[answer.Invoices[i].Number] = i
	}
	for _, i := range more.Invoices {
		if earlier, known := at[i.Number]; known {
			answer.Invoices[earlier] = i
		} else {
			answer.Invoices = append(answer.Invoices, i)
		}
	}
	answer.Partial = append(answer.Partial, more.Partial...)
	return answer, nil
}

// invoices sends one request, and returns the number of messages in the response.
func (c *Client) invoices(ctx context.Context, q clients.Query) (answer clients.Answer, messages int, err error) {
	body, err := json.Marshal(invoiceRequest{DocumentID: invoiceID, Variant: "4", Invoice: []invoiceQuery{{
		From: q.From, To: q.To, BuyerParty: buyer(q.Account), Consignee: c.consignee(q.Account), Attachment: dataOnly,
	}}})
	if err != nil {
		return clients.Answer{}, 0, err
	}
	err = c.post(ctx, q.Account, invoiceOperation, invoicePath, body, func(body io.Reader) (err error) {
		answer, messages, err = decodeInvoices(memory.NewMeter(ctx), body, c.name, q.Account.Name)
		return err
	})
	return answer, messages, err
}

// invoiceFormat is EDIWheel-B3_4-InvoiceListResponse.
var invoiceFormat = format{
	what: "an EDIWheel B3 list of invoices", list: "invoice", counted: true, headOptional: true,
	ids: map[string]string{"documentID": invoiceID}, proof: "documentID",
}

// decodeInvoices reads a response invoice by invoice, merges entries of the same number, and returns
// the number of messages.
func decodeInvoices(meter *memory.Meter, body io.Reader, provider, account string) (clients.Answer, int, error) {
	d, all := newReader(meter, body, invoiceFormat), newDocuments(invoices)
	m, w := &d.mapper, &wireInvoice{} // reused for every entry
	err := d.read(func(entry jsontext.Value) error {
		if err := d.begin(entry, w); err != nil {
			return err
		}
		i := all.next()
		i.Provider, i.Account = provider, account
		trouble := m.invoice(w, i)
		all.add(m, trouble, &d.answer, func(into *clients.Invoice) {
			later(m, &into.Type, i.Type, w.TypeCode.at)
			later(m, &into.InvoicedOn, i.InvoicedOn, w.IssueDate.at)
			later(m, &into.Currency, i.Currency, w.Currency.at)
			later(m, &into.TotalAmount, i.TotalAmount, w.Summary.v.Total.at)
			keep(&into.DueOn, i.DueOn)
			keep(&into.ShipTo, i.ShipTo)
		})
		return nil
	})
	if err != nil {
		return clients.Answer{}, 0, err
	}
	d.answer.Invoices = all.done((*clients.Invoice).Normalize)
	return d.answer, max(d.messages, d.elements), nil
}
