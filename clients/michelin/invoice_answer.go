package michelin

import (
	"io"
	"strings"

	"orderbeat/clients"
)

// decodeInvoices reads EDIWheel-B3_4-InvoiceListResponse and nothing else, invoice by
// invoice, and tells how many messages it has. Its errorHead is not required: without
// one, both documentID and the list must be there.
func decodeInvoices(meter *clients.Meter, body io.Reader, provider, account string) (clients.Answer, int, error) {
	d := invoiceDecoder{
		reader:   newReader(meter, body, "an EDIWheel B3 list of invoices"),
		provider: provider, account: account, byID: map[string]int{}, mapper: mapper{meter: meter},
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
	for i := range d.answer.Invoices {
		d.answer.Invoices[i].Normalize()
	}
	return d.answer, max(d.messages, d.elements), nil
}

type invoiceDecoder struct {
	reader
	provider, account string
	answer            clients.Answer
	byID              map[string]int // index into answer.Invoices
	identified        bool           // there is a documentID
	mapper            mapper
}

func (d *invoiceDecoder) member(name string, value node) error {
	switch {
	case strings.EqualFold(name, "documentID"):
		d.identified = true
		return d.is("documentID", value, invoiceID)
	case strings.EqualFold(name, "numberOfMessages"):
		d.count(value)
	}
	return nil
}

// invoice maps one invoice. One that is told in several parts is put together.
func (d *invoiceDecoder) invoice(n node) error {
	m := &d.mapper
	m.begin(n)
	i := clients.Invoice{Provider: d.provider, Account: d.account}
	trouble := m.invoice(&i)
	d.elements++
	if trouble.failed() {
		d.partial(i.Number, trouble.code, trouble.message())
	}
	at, known := d.byID[i.Number]
	switch {
	case i.Number == "":
		if !trouble.failed() {
			d.partial("", "", "it has no number")
		}
	case known:
		into := &d.answer.Invoices[at]
		into.Lines = append(into.Lines, i.Lines...)
		into.Unmapped = append(into.Unmapped, i.Unmapped...)
	case trouble.failed() && len(i.Lines) == 0: // there is nothing to tell about it
	default:
		d.byID[i.Number] = len(d.answer.Invoices)
		d.answer.Invoices = append(d.answer.Invoices, i)
	}
	return nil
}

func (d *invoiceDecoder) partial(number, code, message string) {
	d.answer.Partial = append(d.answer.Partial, documentProblem("invoice", number, code, message))
}
