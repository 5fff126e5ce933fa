package michelin

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
)

// reader reads the JSON object of an answer member by member, and its long list
// element by element, so that no more of its text than one element is held.
type reader struct {
	json *jsontext.Decoder
	// meter is charged for what is mapped, which lives as long as the attempt.
	meter *clients.Meter
	what  string // what the answer should be, for errors
	head  problem
	// headed tells that there is an errorHead. Of several, the first that is not "no
	// errors occurred" is head.
	headed bool
	listed bool // the list is there
	// elements is how many documents were read, messages how many numberOfMessages
	// tells of; it is 0 where that is missing.
	elements, messages int
}

func newReader(meter *clients.Meter, body io.Reader, what string) reader {
	// As encoding/json has it: of members with one name the last counts, and what is no
	// UTF-8 is replaced.
	return reader{json: jsontext.NewDecoder(body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), meter: meter, what: what}
}

// read reads the whole document. Members may come in any order, and in any casing. What
// is in the list goes to element, one after another; every other member but errorHead
// goes to member.
func (d *reader) read(list string, element func(node) error, member func(name string, value node) error) error {
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

func (d *reader) member(name string, member func(string, node) error) error {
	raw, err := d.json.ReadValue()
	if err != nil {
		return d.notJSON(err)
	}
	value := node(raw)
	if !strings.EqualFold(name, "errorHead") {
		return member(name, value)
	}
	if d.headed && !d.head.none() {
		return nil
	}
	m := mapper{root: value, meter: d.meter}
	d.head, d.headed = m.problem(value), true
	return nil
}

// list reads a list, a single element in its place, or null.
func (d *reader) list(name string, element func(node) error) error {
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

func (d *reader) element(name string, element func(node) error) error {
	raw, err := d.json.ReadValue()
	if err != nil {
		return d.notJSON(err)
	}
	if raw.Kind() != '{' {
		return d.wrong("its " + name + " holds something that is no object")
	}
	if err := element(node(raw)); err != nil {
		return err
	}
	return d.meter.Err()
}

// is checks a member that says which document this is.
func (d *reader) is(name string, value node, want string) error {
	if told, ok := value.text(); !ok || !strings.EqualFold(told, want) {
		return d.wrong(fmt.Sprintf("its %s is not %q", name, want))
	}
	return nil
}

// count reads numberOfMessages. What is no number tells nothing.
func (d *reader) count(value node) {
	if text, ok := value.text(); ok {
		d.messages, _ = strconv.Atoi(text)
	}
}

// complete refuses an answer that tells of messages and has none.
func (d *reader) complete() error {
	if d.messages > 0 && d.elements == 0 {
		return d.wrong(fmt.Sprintf("it tells of %d messages and has none", d.messages))
	}
	return nil
}

// wrong is the error of an answer that is not the document.
func (d *reader) wrong(why string) *clients.Error {
	return &clients.Error{Code: clients.CodeBadResponse, Message: "the answer is not " + d.what + ": " + why}
}

// notJSON leaves the decoder's own words out: they quote the answer.
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

// withoutHead is the error of a document that does not tell whether it is one.
func (d *reader) withoutHead() *clients.Error {
	return d.wrong("it has no errorHead with an errorCode")
}
