package michelin

import (
	"io"
	"strings"

	"orderbeat/clients"
)

// documentID is the message's version in EDIWheel's words, of questions and answers.
const documentID = "C1"

// decode reads an answer order by order. It takes a complete EDIWheel C1 document and
// nothing else: an answer that is anything less must never be read as "no orders". It is
// known by its documentID or, where that is missing, by its orders; a refusal is one
// without either.
func decode(meter *clients.Meter, body io.Reader, provider, account string) (clients.Answer, error) {
	d := decoder{
		reader:   newReader(meter, body, "an EDIWheel C1 document"),
		provider: provider, account: account, byID: map[string]int{}, mapper: mapper{meter: meter},
	}
	if err := d.read("referencedOrder", d.order, d.member); err != nil {
		return clients.Answer{}, err
	}
	if d.head.code == "" {
		return clients.Answer{}, d.withoutHead()
	}
	if err := judge(d.head, &d.answer); err != nil {
		return clients.Answer{}, err
	}
	if !d.identified && !d.listed {
		return clients.Answer{}, d.wrong("it has neither a documentID nor a referencedOrder")
	}
	for i := range d.answer.Orders {
		d.answer.Orders[i].Normalize()
	}
	return d.answer, nil
}

type decoder struct {
	reader
	provider, account string
	answer            clients.Answer
	byID              map[string]int // index into answer.Orders
	identified        bool           // there is a documentID
	mapper            mapper
}

func (d *decoder) member(name string, value node) error {
	if !strings.EqualFold(name, "documentID") {
		return nil
	}
	d.identified = true
	return d.is("documentID", value, documentID)
}

// order maps one entry and puts it together with earlier ones of the same number:
// the worldwide variant of the document has one entry for each line.
func (d *decoder) order(n node) error {
	m := &d.mapper
	m.begin(n)
	o := clients.Order{Provider: d.provider, Account: d.account}
	trouble := m.order(&o)
	if trouble.failed() {
		d.partial(&o, trouble.code, trouble.message())
	}
	at, known := d.byID[o.OrderID]
	switch {
	case o.OrderID == "":
		if !trouble.failed() {
			d.partial(&o, "", "the order has no supplier order number")
		}
	case known:
		merge(&d.answer.Orders[at], &o)
	case trouble.failed() && len(o.Lines) == 0: // there is nothing to tell about it
	default:
		d.byID[o.OrderID] = len(d.answer.Orders)
		d.answer.Orders = append(d.answer.Orders, o)
	}
	return nil
}

func (d *decoder) partial(o *clients.Order, code, message string) {
	d.answer.Partial = append(d.answer.Partial, clients.Problem{
		OrderID: o.OrderID, Reference: string(o.Reference), Code: shorten(code), Message: message,
	})
}

// merge adds what a further entry tells of an order.
func merge(into, further *clients.Order) {
	keep(&into.Reference, further.Reference)
	keep(&into.OrderedOn, further.OrderedOn)
	keep(&into.Method, further.Method)
	into.Lines = append(into.Lines, further.Lines...)
	into.Unmapped = append(into.Unmapped, further.Unmapped...)
}
