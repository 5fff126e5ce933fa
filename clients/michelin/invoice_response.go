package michelin

import (
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// decodeInvoices reads EDIWheel-B3_4-InvoiceListResponse and nothing else, invoice by
// invoice, and tells how many messages it has. Its errorHead is not required: without
// one, both documentID and the list must be there.
func decodeInvoices(meter *memory.Meter, body io.Reader, provider, account string) (clients.Answer, int, error) {
	d := invoiceDecoder{
		reader:   newReader(meter, body, "an EDIWheel B3 list of invoices"),
		provider: provider, account: account, invoices: newDocuments(invoices),
	}
	if err := d.read("invoice", d.invoice, d.member); err != nil {
		return clients.Answer{}, 0, err
	}
	if d.head.code == "" && (!d.identified || !d.listed) {
		return clients.Answer{}, 0, d.withoutHead()
	}
	if err := judge(d.head, &d.answer); err != nil {
		return clients.Answer{}, 0, err
	}
	if !d.identified && !d.listed {
		return clients.Answer{}, 0, d.wrong("it has neither a documentID nor an invoice")
	}
	if err := d.complete(); err != nil {
		return clients.Answer{}, 0, err
	}
	d.answer.Invoices = d.invoices.done((*clients.Invoice).Normalize)
	return d.answer, max(d.messages, d.elements), nil
}

type invoiceDecoder struct {
	reader
	wire              wireInvoice // used again for every entry
	provider, account string
	answer            clients.Answer
	invoices          documents[clients.Invoice, clients.InvoiceLine]
	identified        bool // there is a documentID
}

func (d *invoiceDecoder) member(name string, value jsontext.Value) error {
	switch {
	case strings.EqualFold(name, "documentID"):
		d.identified = true
		return d.is("documentID", value, invoiceID)
	case strings.EqualFold(name, "numberOfMessages"):
		d.count(value, &d.answer)
	}
	return nil
}

// invoice maps one entry, and puts it together with earlier ones of the same number.
func (d *invoiceDecoder) invoice(entry jsontext.Value) error {
	m := &d.mapper
	w := &d.wire
	if err := d.begin(entry, w); err != nil {
		return err
	}
	i := d.invoices.next()
	i.Provider, i.Account = d.provider, d.account
	trouble := m.invoice(w, i)
	d.invoices.add(m, trouble, &d.answer, func(into *clients.Invoice) {
		later(m, &into.Type, i.Type, w.TypeCode.at)
		later(m, &into.InvoicedOn, i.InvoicedOn, w.IssueDate.at)
		later(m, &into.Currency, i.Currency, w.Currency.at)
		later(m, &into.TotalAmount, i.TotalAmount, w.Summary.v.Total.at)
		keep(&into.DueOn, i.DueOn)
		keep(&into.ShipTo, i.ShipTo)
	})
	return nil
}
