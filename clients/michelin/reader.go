package michelin

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// format is how one kind of document is recognized.
type format struct {
	what string            // its name, for errors
	list string            // the member with its entries
	ids  map[string]string // the required values of members, if present
	// proof is the member of ids that identifies the document, like the list.
	proof string
	// counted says that it has numberOfMessages, enveloped that its members may be in envelopeHeader.
	counted, enveloped bool
	// headOptional says that it may lack the errorHead if it has proof and list.
	headOptional bool
}

// reader reads the JSON object of a response member by member, and its long list element by element,
// so that no more than one element is in memory.
type reader struct {
	format
	json *jsontext.Decoder
	// meter is charged for mapped data, which lasts as long as the attempt.
	meter *memory.Meter
	head  problem
	// headed reports an errorHead. Of several, head is the first that is not "no errors occurred".
	headed     bool
	identified bool // proof was read
	listed     bool // the list was read
	// elements is the number of entries read, messages the value of numberOfMessages, 0 if missing.
	elements, messages int
	mapper             mapper
	answer             clients.Answer
}

// jsonDecoders are reused for their buffers. One with a buffer above pooledBytes is not.
var jsonDecoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

const pooledBytes = 64 << 10

// newReader makes a reader of a body. Call [reader.read] once.
func newReader(meter *memory.Meter, body io.Reader, f format) *reader {
	decoder := jsonDecoders.Get().(*jsontext.Decoder)
	decoder.Reset(body, wireOptions)
	return &reader{format: f, json: decoder, meter: meter, mapper: mapper{meter: meter, wire: meter.Another(), list: f.list}}
}

// free frees the memory that is only needed while reading.
func (d *reader) free() {
	d.mapper.wire.Free()
	d.json.Reset(http.NoBody)
	if cap(d.json.UnreadBuffer()) <= pooledBytes {
		jsonDecoders.Put(d.json)
	}
	d.json = nil
}

// read reads the whole document; any other document is an error. Members may have any order and casing. Each
// element of the list is passed to element.
func (d *reader) read(element func(jsontext.Value) error) error {
	defer d.free()
	if kind := d.json.PeekKind(); kind != '{' && kind != jsontext.KindInvalid {
		return d.invalid("it is not a JSON object")
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
		if strings.EqualFold(name, d.list) {
			d.listed = true
			err = d.elementsOf(element)
		} else if raw, wrong := d.json.ReadValue(); wrong != nil {
			err = d.notJSON(wrong)
		} else {
			err = d.member(name, raw)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.json.ReadToken(); err != nil { // the closing brace
		return d.notJSON(err)
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return d.invalid("there is data after the document")
	}
	return d.check()
}

// check checks the whole document: an error response, or another document, must never be read as one
// without entries.
func (d *reader) check() error {
	if d.head.code == "" && (!d.headOptional || !d.identified || !d.listed) {
		return d.invalid("it has no errorHead with an errorCode")
	}
	if err := checkErrorHead(d.head, &d.answer); err != nil {
		return err
	}
	switch {
	case !d.identified && !d.listed:
		return d.invalid("it has neither " + d.proof + " nor " + d.list)
	case d.messages > 0 && d.elements == 0:
		return d.invalid(fmt.Sprintf("it states %d messages but has none", d.messages))
	}
	return nil
}

func (d *reader) member(name string, value jsontext.Value) error {
	switch {
	case strings.EqualFold(name, "errorHead"):
		return d.errorHead(value)
	case d.enveloped && strings.EqualFold(name, "envelopeHeader"):
		return d.envelope(value)
	case d.counted && strings.EqualFold(name, "numberOfMessages"):
		d.count(value)
	}
	for id, want := range d.ids {
		if !strings.EqualFold(name, id) {
			continue
		}
		d.identified = d.identified || id == d.proof
		if stated := textOf(value); stated.bad || !strings.EqualFold(stated.s, want) {
			return d.invalid(fmt.Sprintf("its %s is not %q", id, want))
		}
	}
	return nil
}

func (d *reader) envelope(value jsontext.Value) error {
	var members map[string]jsontext.Value
	if value.Kind() != '{' {
		return nil
	}
	if err := unmarshal(value, &members); err != nil {
		return d.notJSON(err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := d.member(name, members[name]); err != nil {
			return err
		}
	}
	return nil
}

func (d *reader) errorHead(value jsontext.Value) error {
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

// elementsOf reads the list, a single element instead, or null.
func (d *reader) elementsOf(element func(jsontext.Value) error) error {
	switch d.json.PeekKind() {
	case '[':
	case '{', jsontext.KindInvalid:
		return d.element(element)
	case 'n':
		_, err := d.json.ReadToken()
		return err
	default:
		return d.invalid("its " + d.list + " is not a list")
	}
	_, err := d.json.ReadToken()
	for err == nil && d.json.PeekKind() != ']' {
		err = d.element(element)
	}
	if err != nil {
		return err
	}
	if _, err := d.json.ReadToken(); err != nil { // the closing bracket
		return d.notJSON(err)
	}
	return nil
}

func (d *reader) element(element func(jsontext.Value) error) error {
	raw, err := d.json.ReadValue()
	if err != nil {
		return d.notJSON(err)
	}
	if raw.Kind() != '{' {
		return d.invalid("its " + d.list + " has an element that is not an object")
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

// count reads numberOfMessages. An unreadable value is a problem of the answer.
func (d *reader) count(value jsontext.Value) {
	t := textOf(value)
	q, why := readPieces(t.s)
	if t.bad || why != "" {
		d.answer.Partial = append(d.answer.Partial, clients.Problem{
			Message: fmt.Sprintf("numberOfMessages: %.40q is not a number of messages", value), Unread: true,
		})
		return
	}
	d.messages = int(q.N)
}

// invalid returns the error for a response that is not the expected document.
func (d *reader) invalid(why string) *clients.Error {
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
	e := d.invalid(why)
	e.Err = err
	return e
}
