package jq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// The maximum memory of decoded JSON, in bytes: strings and numbers have their text and a header that
// an interface points to, lists have spare capacity, objects room for eight members.
const (
	scalarBytes  = 32
	elementBytes = 40
	listBytes    = 24
	objectBytes  = 48
	firstMember  = 300
	memberBytes  = 80
	fewMembers   = 8
)

// maxDigits is the maximum length of a number. Parsing takes time that grows with the square of its length,
// and no real number is that long.
const maxDigits = 1000

// Decode reads a whole response as JSON, and charges the meter for it. With blankToo a blank response
// is null.
func Decode(meter *memory.Meter, body io.Reader, blankToo bool) (v any, err error) {
	d := decoder{json: jsontext.NewDecoder(body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), meter: meter, names: map[string]string{}}
	switch v, err = d.value(); {
	case err == nil:
	case errors.Is(err, io.EOF) && blankToo:
		return nil, nil //nolint:nilnil // null is the value
	case errors.Is(err, io.EOF):
		return nil, &clients.Error{Code: clients.CodeBadResponse, Message: "the response is empty", Err: err}
	default:
		return nil, decodeError(err)
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &clients.Error{Code: clients.CodeBadResponse, Message: "there is data after the JSON of the response"}
	}
	return v, nil
}

// decodeError returns the error of a response that could not be decoded.
func decodeError(err error) error {
	if _, ok := errors.AsType[*clients.Error](err); ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &clients.Error{Code: clients.CodeBadResponse, Message: "the response is not JSON", Err: err}
}

// decoder decodes JSON like encoding/json with UseNumber, and charges a meter.
type decoder struct {
	json  *jsontext.Decoder
	meter *memory.Meter
	names map[string]string // names of members, each once: responses repeat them
}

func (d *decoder) value() (any, error) {
	token, err := d.json.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case 'n':
		return nil, nil //nolint:nilnil // null is the value
	case 't', 'f':
		return token.Bool(), nil
	case '"':
		text := token.String()
		return text, d.meter.Use(scalarBytes + len(text))
	case '0':
		text := token.String()
		if len(text) > maxDigits {
			return nil, &clients.Error{Code: clients.CodeBadResponse, Message: fmt.Sprintf("the response has a number of %d characters at %s; the limit is %d", len(text), pathIn(d.json), maxDigits)}
		}
		return json.Number(text), d.meter.Use(scalarBytes + len(text))
	case '[':
		return d.list()
	default:
		return d.object()
	}
}

func (d *decoder) list() (any, error) {
	list := []any{}
	if err := d.meter.Use(listBytes); err != nil {
		return nil, err
	}
	for d.json.PeekKind() != ']' {
		if err := d.meter.Use(elementBytes); err != nil {
			return nil, err
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.json.ReadToken()
	return list, err
}

func (d *decoder) object() (any, error) {
	object := map[string]any{}
	if err := d.meter.Use(objectBytes); err != nil {
		return nil, err
	}
	for d.json.PeekKind() != '}' {
		token, err := d.json.ReadToken()
		if err != nil {
			return nil, err
		}
		name, err := d.name(token.String())
		if err != nil {
			return nil, err
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		object[name] = v
		switch n := len(object); {
		case n == 1:
			err = d.meter.Use(firstMember)
		case n > fewMembers:
			err = d.meter.Use(memberBytes)
		}
		if err != nil {
			return nil, err
		}
	}
	_, err := d.json.ReadToken()
	return object, err
}

// name returns a member's name, as one string that all members of this name share.
func (d *decoder) name(name string) (string, error) {
	if known, ok := d.names[name]; ok {
		return known, nil
	}
	d.names[name] = name
	return name, d.meter.Use(memberBytes + len(name))
}

// pathIn returns the position of a decoder as a JSON pointer.
func pathIn(d *jsontext.Decoder) string {
	if pointer := string(d.StackPointer()); pointer != "" {
		const most = 80 // characters
		return strings.ToValidUTF8(pointer[:min(len(pointer), most)], "")
	}
	return "the top level"
}
