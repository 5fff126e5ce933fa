package michelin

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients/memory"
)

// The types of this file decode what Michelin's documents disagree on: names in three casings,
// numbers as strings, strings as numbers, one element instead of a list, a bare value instead of an object
// that holds it. Decoding never fails on valid JSON: a value of another type is marked as bad, with its
// position, and [mapper] reports it.

// wireOptions are encoding/json's rules: the last of duplicate members counts, names match in any
// casing, and invalid UTF-8 is replaced.
var wireOptions = jsonv2.JoinOptions(
	jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true), jsonv2.MatchCaseInsensitiveNames(true),
)

// unmarshal decodes one entry of a response, which is valid JSON.
func unmarshal(entry jsontext.Value, into any) error {
	return jsonv2.Unmarshal(entry, into, wireOptions)
}

// span is the position of a value in the JSON of its entry, in bytes.
type span struct{ from, to int }

// readValue reads a value of any type.
func readValue(d *jsontext.Decoder) (v jsontext.Value, at span, err error) {
	v, err = d.ReadValue()
	to := int(d.InputOffset())
	return v, span{to - len(v), to}, err
}

// text is a trimmed string, or a number as written; null is "".
type text struct {
	s   string
	at  span
	bad bool // neither a string, a number nor null
}

// UnmarshalJSONFrom implements [jsonv2.UnmarshalerFrom].
func (t *text) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, at, err := readValue(d)
	if err != nil {
		return err
	}
	*t = textOf(v)
	t.at = at
	return nil
}

func textOf(v jsontext.Value) (t text) {
	switch v.Kind() {
	case '"':
		inside := v[1 : len(v)-1]
		if verbatim(inside) {
			t.s = string(bytes.TrimSpace(inside))
		} else {
			s, _ := jsontext.AppendUnquote(nil, v) // invalid parts are replaced
			t.s = strings.TrimSpace(string(s))
		}
	case '0':
		t.s = numberText(string(v))
	case 'n':
	default:
		t.bad = true
	}
	return t
}

// verbatim reports whether a string needs no unescaping.
func verbatim(b []byte) bool {
	for _, c := range b {
		if c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// numberText writes a JSON number like an id: 7.0 and 70e-1 are 7.
func numberText(s string) string {
	if !strings.ContainsAny(s, ".eE") {
		return s
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f == float64(int64(f)) && f < 1<<53 && f > -1<<53 {
		return strconv.FormatInt(int64(f), 10)
	}
	return s
}

// in reads {"<name>": …}, or the value alone.
func (t *text) in(d *jsontext.Decoder, name string) error {
	if d.PeekKind() != '{' {
		return t.UnmarshalJSONFrom(d)
	}
	*t = text{}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		member, err := d.ReadValue()
		if err != nil {
			return err
		}
		if len(member) == len(name)+len(`""`) && strings.EqualFold(string(member[1:len(member)-1]), name) {
			err = t.UnmarshalJSONFrom(d)
		} else {
			err = d.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// quantity is {"quantityValue": …}, amount {"amountValue": …}, price {"priceAmount": …} and
// documentRef {"documentID": …}; each of them may be the value alone.
type (
	quantity    struct{ text }
	amount      struct{ text }
	price       struct{ text }
	documentRef struct{ text }
)

// UnmarshalJSONFrom implements [jsonv2.UnmarshalerFrom].
func (q *quantity) UnmarshalJSONFrom(d *jsontext.Decoder) error { return q.in(d, "quantityValue") }

// UnmarshalJSONFrom implements [jsonv2.UnmarshalerFrom].
func (a *amount) UnmarshalJSONFrom(d *jsontext.Decoder) error { return a.in(d, "amountValue") }

// UnmarshalJSONFrom implements [jsonv2.UnmarshalerFrom].
func (p *price) UnmarshalJSONFrom(d *jsontext.Decoder) error { return p.in(d, "priceAmount") }

// UnmarshalJSONFrom implements [jsonv2.UnmarshalerFrom].
func (r *documentRef) UnmarshalJSONFrom(d *jsontext.Decoder) error { return r.in(d, "documentID") }

// object is a JSON object, or null.
type object[T any] struct {
	v   T
	at  span
	bad bool // neither an object nor null
}

// UnmarshalJSONFrom implements [jsonv2.UnmarshalerFrom].
func (o *object[T]) UnmarshalJSONFrom(d *jsontext.Decoder) (err error) {
	switch d.PeekKind() {
	case '{':
		return jsonv2.UnmarshalDecode(d, &o.v)
	case 'n':
		return d.SkipValue()
	default:
		o.bad = true
		_, o.at, err = readValue(d)
		return err
	}
}

// oneOrMany is a list of objects, or one object instead. Nulls are skipped, also in the list.
type oneOrMany[T any, P element[T]] struct {
	meter *memory.Meter // charged for the memory of list, which is reused
	list  []T
	ends  []int  // where the elements of list end in the entry
	bad   []span // the first elements that are not objects
}

// element is a wire type that is an element of a list or an entry. renew resets it and reuses the
// memory of its lists.
type element[T any] interface {
	*T
	renewer
}

type renewer interface{ renew(m *memory.Meter) }

// renewed returns an empty list that reuses the memory.
func (l *oneOrMany[T, P]) renewed(m *memory.Meter) oneOrMany[T, P] {
	return oneOrMany[T, P]{meter: m, list: l.list[:0], ends: l.ends[:0]}
}

// UnmarshalJSONFrom implements [jsonv2.UnmarshalerFrom].
func (l *oneOrMany[T, P]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return eachElement(d, l.element)
}

func (l *oneOrMany[T, P]) element(d *jsontext.Decoder) error {
	switch d.PeekKind() {
	case '{':
		if err := grow(l.meter, &l.list); err != nil {
			return err
		}
		v := P(&l.list[len(l.list)-1])
		v.renew(l.meter)
		err := jsonv2.UnmarshalDecode(d, v)
		l.ends = append(l.ends, int(d.InputOffset()))
		return err
	case 'n':
		return d.SkipValue()
	default:
		_, at, err := readValue(d)
		if len(l.bad) < maxUnmapped {
			l.bad = append(l.bad, at)
		}
		return err
	}
}

// grow appends an element to a list, and charges for its memory.
func grow[T any](m *memory.Meter, list *[]T) error {
	before := cap(*list)
	if len(*list) < before {
		*list = (*list)[:len(*list)+1]
		return nil
	}
	*list = append(*list, *new(T))
	return m.Use((cap(*list) - before) * sizeOf[T]())
}

// texts is a list of texts, or one text instead.
type texts struct {
	meter *memory.Meter
	list  []text
}

func (l *texts) renewed(m *memory.Meter) texts { return texts{m, l.list[:0]} }

// UnmarshalJSONFrom implements [jsonv2.UnmarshalerFrom].
func (l *texts) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return eachElement(d, func(d *jsontext.Decoder) error {
		if err := grow(l.meter, &l.list); err != nil {
			return err
		}
		return l.list[len(l.list)-1].UnmarshalJSONFrom(d)
	})
}

// eachElement reads a list, or a single element instead.
func eachElement(d *jsontext.Decoder, element func(*jsontext.Decoder) error) error {
	if d.PeekKind() != '[' {
		return element(d)
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		if err := element(d); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// note is a value that could not be read, and why.
type note struct {
	at  span
	why string
}

// located is a note with the path of its value in the entry, such as "orderLine[0].lineId".
type located struct{ path, value, why string }

// locate finds the paths of notes, in the order of the document.
func locate(entry jsontext.Value, notes []note) []located {
	const most = 40 // characters of a value
	byEnd := make(map[int]note, len(notes))
	for _, n := range notes {
		byEnd[n.at.to] = n
	}
	found := make([]located, 0, len(byEnd))
	d := jsontext.NewDecoder(bytes.NewBuffer(entry), wireOptions)
	for len(found) < len(byEnd) {
		if _, err := d.ReadToken(); err != nil {
			return found
		}
		n, ok := byEnd[int(d.InputOffset())]
		if !ok {
			continue
		}
		var line bytes.Buffer
		_ = json.Compact(&line, entry[n.at.from:n.at.to]) // it is valid JSON
		value := []rune(strings.Trim(string(line.Next(4*most)), `"`))
		found = append(found, located{pathOf(d.StackPointer()), string(value[:min(len(value), most)]), n.why})
	}
	return found
}

// pathOf writes a JSON pointer in dot notation.
func pathOf(p jsontext.Pointer) string {
	var path strings.Builder
	for name := range p.Tokens() {
		switch {
		case name != "" && digits(name):
			path.WriteString("[" + name + "]")
		case path.Len() > 0:
			path.WriteString("." + name)
		default:
			path.WriteString(name)
		}
	}
	return path.String()
}
