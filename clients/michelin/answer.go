package michelin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"orderbeat/clients"
)

// documentID is the message's version in EDIWheel's words, of questions and answers.
const documentID = "C1"

// decode reads an answer order by order, so that no more of its text than one order
// is held. It takes a complete EDIWheel C1 document and nothing else: an answer that
// is anything less must never be read as "no orders". It is known by its documentID or,
// where that is missing, by its orders; a refusal is one without either.
func decode(body io.Reader, provider, account string) (clients.Answer, error) {
	d := decoder{json: json.NewDecoder(body), provider: provider, account: account, byID: map[string]int{}}
	if err := d.document(); err != nil {
		return clients.Answer{}, err
	}
	if err := judge(d.head, &d.answer); err != nil {
		return clients.Answer{}, err
	}
	if !d.identified && !d.listed {
		return clients.Answer{}, notDocument("it has neither a documentID nor a referencedOrder")
	}
	for i := range d.answer.Orders {
		d.answer.Orders[i].Normalize()
	}
	return d.answer, nil
}

type decoder struct {
	json              *json.Decoder
	provider, account string
	answer            clients.Answer
	byID              map[string]int // index into answer.Orders
	head              problem        // errorHead; of several, the first that is not "no errors occurred"
	headed            bool           // there is an errorHead
	identified        bool           // there is a documentID
	listed            bool           // there is a referencedOrder
	raw               json.RawMessage
	mapper            mapper
}

// document reads the whole document. Members may come in any order.
func (d *decoder) document() error {
	start, err := d.json.Token()
	if err != nil {
		return notJSON(err)
	}
	if start != json.Delim('{') {
		return notDocument("it is not a JSON object")
	}
	for d.json.More() {
		name, err := d.json.Token()
		if err != nil {
			return notJSON(err)
		}
		if err := d.member(fmt.Sprint(name)); err != nil {
			return err
		}
	}
	if _, err := d.json.Token(); err != nil { // the closing brace
		return notJSON(err)
	}
	if _, err := d.json.Token(); !errors.Is(err, io.EOF) {
		return notDocument("something follows the document")
	}
	return nil
}

func (d *decoder) member(name string) error {
	if strings.EqualFold(name, "referencedOrder") {
		d.listed = true
		return d.orders()
	}
	if err := d.json.Decode(&d.raw); err != nil {
		return notJSON(err)
	}
	switch value := node(d.raw); {
	case strings.EqualFold(name, "documentID"):
		if id, ok := value.text(); !ok || id != documentID {
			return notDocument(`its documentID is not "C1"`)
		}
		d.identified = true
	case strings.EqualFold(name, "errorHead"):
		if d.headed && !d.head.none() {
			return nil
		}
		m := mapper{root: value}
		d.head, d.headed = m.problem(value), true
	}
	return nil
}

// orders reads referencedOrder: a list, a single order, or null.
func (d *decoder) orders() error {
	start, err := d.json.Token()
	if err != nil {
		return notJSON(err)
	}
	switch start {
	case nil:
		return nil
	case json.Delim('{'):
		return d.single()
	case json.Delim('['):
	default:
		return notDocument("its referencedOrder is not a list")
	}
	for d.json.More() {
		if err := d.json.Decode(&d.raw); err != nil {
			return notJSON(err)
		}
		if err := d.order(node(d.raw)); err != nil {
			return err
		}
	}
	if _, err := d.json.Token(); err != nil { // the closing bracket
		return notJSON(err)
	}
	return nil
}

// single reads an order whose opening brace is behind us already.
func (d *decoder) single() error {
	members := map[string]json.RawMessage{}
	for d.json.More() {
		name, err := d.json.Token()
		if err != nil {
			return notJSON(err)
		}
		var value json.RawMessage
		if err := d.json.Decode(&value); err != nil {
			return notJSON(err)
		}
		members[fmt.Sprint(name)] = value
	}
	if _, err := d.json.Token(); err != nil {
		return notJSON(err)
	}
	whole, err := json.Marshal(members)
	if err != nil {
		return notJSON(err)
	}
	return d.order(whole)
}

// order maps one entry and puts it together with earlier ones of the same number:
// the worldwide variant of the document has one entry for each line.
func (d *decoder) order(n node) error {
	if n.kind() != '{' {
		return notDocument("its referencedOrder holds something that is no order")
	}
	m := &d.mapper
	m.root, m.unmapped = n, nil
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

func notDocument(why string) *clients.Error {
	return &clients.Error{Code: clients.CodeBadResponse, Message: "the answer is not an EDIWheel C1 document: " + why}
}

// notJSON leaves the decoder's own words out: they quote the answer.
func notJSON(err error) error {
	why := "it is not JSON"
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		why = "it ends early"
	}
	e := notDocument(why)
	e.Err = err
	return e
}
