package michelin

import (
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// documentID is EDIWheel's version of the message, in requests and responses.
const documentID = "C1"

// decode reads a response order by order. It accepts only a complete EDIWheel C1 document: an
// incomplete response must never be read as "no orders". The document is identified by its documentID
// or, if that is missing, by its orders; an error response has neither.
func decode(meter *memory.Meter, body io.Reader, provider, account string) (clients.Answer, error) {
	d := decoder{
		reader:   newReader(meter, body, "an EDIWheel C1 document"),
		provider: provider, account: account, orders: newDocuments(orders),
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
	d.answer.Orders = d.orders.done((*clients.Order).Normalize)
	return d.answer, nil
}

type decoder struct {
	reader
	wire              wireOrder // reused for every entry
	provider, account string
	answer            clients.Answer
	orders            documents[clients.Order, clients.Line]
	identified        bool // a documentID was read
}

func (d *decoder) member(name string, value jsontext.Value) error {
	if !strings.EqualFold(name, "documentID") {
		return nil
	}
	d.identified = true
	return d.is("documentID", value, documentID)
}

// order maps one entry and merges it with earlier ones of the same number: the worldwide variant of
// the document has one entry for each line.
func (d *decoder) order(entry jsontext.Value) error {
	m := &d.mapper
	w := &d.wire
	if err := d.begin(entry, w); err != nil {
		return err
	}
	o := d.orders.next()
	o.Provider, o.Account = d.provider, d.account
	trouble := m.order(w, o)
	d.orders.add(m, trouble, &d.answer, func(into *clients.Order) {
		later(m, &into.OrderedOn, o.OrderedOn, w.OrderDate.at)
		later(m, &into.Reference, o.Reference, w.Reference.at)
		later(m, &into.Method, o.Method, w.Method.at)
	})
	return nil
}
