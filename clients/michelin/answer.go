package michelin

import (
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

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
		provider: provider, account: account, byID: map[string]int{}, lines: newLineSets(orderLines),
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
	for i, set := range d.lines.byIndex {
		d.answer.Orders[i].Lines = set.rest()
	}
	for i := range d.answer.Orders {
		d.answer.Orders[i].Normalize()
	}
	return d.answer, nil
}

type decoder struct {
	reader
	wire              wireOrder // used again for every entry
	provider, account string
	answer            clients.Answer
	byID              map[string]int // index into answer.Orders
	lines             lineSets[clients.Line]
	identified        bool // there is a documentID
}

func (d *decoder) member(name string, value jsontext.Value) error {
	if !strings.EqualFold(name, "documentID") {
		return nil
	}
	d.identified = true
	return d.is("documentID", value, documentID)
}

// order maps one entry and puts it together with earlier ones of the same number:
// the worldwide variant of the document has one entry for each line.
func (d *decoder) order(entry jsontext.Value) error {
	m := &d.mapper
	w := &d.wire
	if err := d.begin(entry, w); err != nil {
		return err
	}
	o := clients.Order{Provider: d.provider, Account: d.account}
	trouble := m.order(w, &o)
	if trouble.failed() {
		d.partial(&o, trouble.code, trouble.message())
	}
	at, known := d.byID[o.OrderID]
	into := &o
	switch {
	case o.OrderID == "":
		if !trouble.failed() {
			d.partial(&o, "", "the order has no supplier order number")
		}
	case known:
		into = &d.answer.Orders[at]
		later(m, &into.OrderedOn, o.OrderedOn, w.OrderDate.at)
		later(m, &into.Reference, o.Reference, w.Reference.at)
		later(m, &into.Method, o.Method, w.Method.at)
		into.Unread |= o.Unread
		m.contradict(d.lines.further(at, into.Lines, o.Lines, m.use))
	case trouble.failed() && len(o.Lines) == 0: // there is nothing to tell about it
	default:
		at = len(d.answer.Orders)
		d.byID[o.OrderID] = at
		m.contradict(d.lines.first(at, o.Lines, m.use))
		d.answer.Orders = append(d.answer.Orders, o)
		into = &d.answer.Orders[at]
	}
	unmapped, message := m.report()
	into.Unmapped = append(into.Unmapped, unmapped...)
	if message != "" && m.use(problemBytes+len(message)) {
		d.answer.Partial = append(d.answer.Partial, clients.Problem{OrderID: o.OrderID, Reference: string(o.Reference), Message: message, Unread: true})
	}
	return nil
}

func (d *decoder) partial(o *clients.Order, code, message string) {
	d.answer.Partial = append(d.answer.Partial, clients.Problem{
		OrderID: o.OrderID, Reference: string(o.Reference), Code: shorten(code), Message: message,
	})
}
