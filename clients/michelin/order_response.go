package michelin

import (
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// documentID is EDIWheel's version of the message, in requests and responses.
const documentID = "C1"

// orderFormat is an EDIWheel C1 document. An error response has neither documentID nor orders.
var orderFormat = format{
	what: "an EDIWheel C1 document", list: "referencedOrder", ids: map[string]string{"documentID": documentID}, proof: "documentID",
}

// decode reads a response order by order, and merges entries of the same number: the worldwide variant
// of the document has one entry for each line. It accepts only a complete document: an incomplete
// response must never be read as "no orders".
func decode(meter *memory.Meter, body io.Reader, provider, account string) (clients.Answer, error) {
	d, all := newReader(meter, body, orderFormat), newDocuments(orders)
	m, w := &d.mapper, &wireOrder{} // reused for every entry
	err := d.read(func(entry jsontext.Value) error {
		if err := d.begin(entry, w); err != nil {
			return err
		}
		o := all.next()
		o.Provider, o.Account = provider, account
		trouble := m.order(w, o)
		all.add(m, trouble, &d.answer, func(into *clients.Order) {
			later(m, &into.OrderedOn, o.OrderedOn, w.OrderDate.at)
			later(m, &into.Reference, o.Reference, w.Reference.at)
			later(m, &into.Method, o.Method, w.Method.at)
		})
		return nil
	})
	if err != nil {
		return clients.Answer{}, err
	}
	d.answer.Orders = all.done((*clients.Order).Normalize)
	return d.answer, nil
}
