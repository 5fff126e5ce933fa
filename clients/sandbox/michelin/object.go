package michelin

import (
	"encoding/json"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients/sandbox/wire"
)

// object is a JSON object with its members in the order of Michelin's document.
type object []member

type member struct {
	name  string
	value any
}

// unless adds a member if its value is not "".
func (o object) unless(name, value string) object {
	if value == "" {
		return o
	}
	return append(o, member{name, value})
}

// each returns make of every element of a list.
func each[T any](list []T, make func(*T) object) []object {
	all := []object{}
	for i := range list {
		all = append(all, make(&list[i]))
	}
	return all
}

// MarshalJSON implements [json.Marshaler].
func (o object) MarshalJSON() ([]byte, error) { return o.AppendTo(nil), nil }

// AppendTo appends the object's JSON: reflection would be slow for so many small values.
func (o object) AppendTo(b []byte) []byte {
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(append(appendText(b, m.name), ':'), m.value)
	}
	return append(b, '}')
}

func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case object:
		return v.AppendTo(b)
	case []object:
		b = append(b, '[')
		for i, o := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = o.AppendTo(b)
		}
		return append(b, ']')
	case string:
		return appendText(b, v)
	case wire.Text:
		return appendText(b, string(v))
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	default:
		other, err := json.Marshal(v)
		if err != nil {
			panic(err) // every value in a document can be encoded
		}
		return append(b, other...)
	}
}

func appendText(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // invalid UTF-8 is replaced
	return b
}
