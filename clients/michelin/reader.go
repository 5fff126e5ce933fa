package michelin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// reader reads the JSON object of a response member by member, and its long list element by element,
// so that no more than one element is in memory.
type reader struct {
	json *jsontext.Decoder
	// meter is charged for mapped data, which lasts as long as the attempt.
	meter *memory.Meter
	what  string // the name of the expected document, for errors
	head  problem
	// headed reports an errorHead. Of several, head is the first that is not "no errors occurred".
	headed bool
	listed bool // the list was read
	// elements is the number of entries read, messages that of numberOfMessages, 0 if missing.
	elements, messages int
	mapper             mapper
}

// jsonDecoders are reused for their buffers. One with a buffer above pooledBytes is not.
var jsonDecoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

const pooledBytes = 64 << 10

// newReader reads a body, once: [reader.read] ends it.
func newReader(meter *memory.Meter, body io.Reader, what string) reader {
	decoder := jsonDecoders.Get().(*jsontext.Decoder)
	decoder.Reset(body, wireOptions)
	return reader{json: decoder, meter: meter, what: what, mapper: mapper{meter: meter, wire: meter.Another()}}
}

// free frees what only reading needs.
func (d *reader) free() {
	d.mapper.wire.Free()
	d.json.Reset(http.NoBody)
	if cap(d.json.UnreadBuffer()) <= pooledBytes {
		jsonDecoders.Put(d.json)
	}
	d.json = nil
}

// read reads the whole document. Members may come in any order and casing. Each element of the list
// is passed to element, every other member except errorHead to member.
func (d *reader) read(list string, element func(jsontext.Value) error, member func(name string, value jsontext.Value) error) error {
	defer d.free()
	d.mapper.list = list
	if kind := d.json.PeekKind(); kind != '{' && kind != jsontext.KindInvalid {
		return d.wrong("it is not a JSON object")
	}
	if _, err := d.json.ReadToken(); err != nil {
		return d.notJSON(err)
	}
	for d.json.PeekKind() != '}' {
		token, err := d.json.ReadToken()
		if err != nil {
			return d.notJSON(err)
		}
		name := token.String()
		if strings.EqualFold(name, list) {
			d.listed = true
			err = d.list(list, element)
		} else {
			err = d.member(name, member)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.json.ReadToken(); err != nil { // the closing brace
		return d.notJSON(err)
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return d.wrong("something follows the document")
	}
	return nil
}

func (d *reader) member(name string, member func(string, jsontext.Value) error) error {
	raw, err := d.json.ReadValue()
	if err != nil {
		return d.notJSON(err)
	}
	value := raw
	if !strings.EqualFold(name, "errorHead") {
		return member(name, value)
	}
	if d.headed && !d.head.none() {
		return nil
	}
	var w object[wireProblem]
	if err := unmarshal(value, &w); err != nil {
		return d.notJSON(err)
	}
	d.head, d.headed = problem{w.v.Code.s, w.v.Text.s}, true
	return nil
}

// list reads a list, a single element instead, or null.
func (d *reader) list(name string, element func(jsontext.Value) error) error {
	switch d.json.PeekKind() {
	case '[':
	case '{', jsontext.KindInvalid:
		return d.element(name, element)
	case 'n':
		_, err := d.json.ReadToken()
		return err
	default:
		return d.wrong("its " + name + " is not a list")
	}
	_, err := d.json.ReadToken()
	for err == nil && d.json.PeekKind() != ']' {
		err = d.element(name, element)
	}
	if err != nil {
		return err
	}
	if _, err := d.json.ReadToken(); err != nil { // the closing bracket
		return d.notJSON(err)
	}
	return nil
}

func (d *reader) element(name string, element func(jsontext.Value) error) error {
	raw, err := d.json.ReadValue()
	if err != nil {
		return d.notJSON(err)
	}
	if raw.Kind() != '{' {
		return d.wrong("its " + name + " holds something that is no object")
	}
	if err := element(raw); err != nil {
		return err
	}
	return d.meter.Err()
}

// begin decodes the next entry of the list.
func (d *reader) begin(entry jsontext.Value, into renewer) error {
	err := d.mapper.begin(entry, d.elements, into)
	d.elements++
	if failed := d.mapper.wire.Err(); failed != nil {
		return failed
	}
	if err != nil {
		return d.notJSON(err)
	}
	return nil
}

// is checks a member that identifies the document.
func (d *reader) is(name string, value jsontext.Value, want string) error {
	if stated := textOf(value); stated.bad || !strings.EqualFold(stated.s, want) {
		return d.wrong(fmt.Sprintf("its %s is not %q", name, want))
	}
	return nil
}

// count reads numberOfMessages. An unreadable value is a problem of the answer.
func (d *reader) count(value jsontext.Value, answer *clients.Answer) {
	t := textOf(value)
	q, why := readPieces(t.s)
	if t.bad || why != "" {
		answer.Partial = append(answer.Partial, clients.Problem{
			Message: fmt.Sprintf("numberOfMessages: %.40q is not a number of messages", value), Unread: true,
		})
		return
	}
	d.messages = int(q.N)
}

// complete rejects a response that announces messages and has none.
func (d *reader) complete() error {
	if d.messages > 0 && d.elements == 0 {
		return d.wrong(fmt.Sprintf("it announces %d messages and has none", d.messages))
	}
	return nil
}

// wrong is the error of a response that is not the document.
func (d *reader) wrong(why string) *clients.Error {
	return &clients.Error{Code: clients.CodeBadResponse, Message: "the response is not " + d.what + ": " + why}
}

// notJSON omits the decoder's message, which quotes the response.
func (d *reader) notJSON(err error) error {
	if failed := d.meter.Err(); failed != nil {
		return failed
	}
	why := "it is not JSON"
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		why = "it ends early"
	}
	e := d.wrong(why)
	e.Err = err
	return e
}

// withoutHead is the error of a document without an errorHead.
func (d *reader) withoutHead() *clients.Error {
	return d.wrong("it has no errorHead with an errorCode")
}
