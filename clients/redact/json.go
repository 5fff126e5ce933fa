package redact

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/auth/mask"
)

// quoted replaces a value that was not a string.
const quoted = `"` + mask.Redacted + `"`

// lenient accepts what [json.Valid] accepts.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// json redacts a document, which stays valid; ok is false if it is not valid.
func (s *scan) json(document []byte, hidden paths, depth int) (shown []byte, ok bool) {
	d := s.decoders[depth]
	if d == nil {
		d = new(jsontext.Decoder)
		s.decoders[depth] = d
	}
	d.Reset(bytes.NewBuffer(document), lenient...)
	w := walk{scan: s, Decoder: d, doc: document, depth: depth}
	var at []paths
	if len(hidden) > 0 {
		at = []paths{hidden}
	}
	if w.value(at) != nil {
		return nil, false
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, false
	}
	return w.shown(), true
}

type walk struct {
	*scan
	*jsontext.Decoder
	doc   []byte
	depth int // how many documents enclose this one
	cuts  []cut
}

// cut is a part of a document to be replaced.
type cut struct {
	from, to int
	text     string
}

func (w *walk) cut(from, to int, text string) { w.cuts = append(w.cuts, cut{from, to, text}) }

// shown is the document without the cuts. A cut wins over those inside it.
func (w *walk) shown() []byte {
	if len(w.cuts) == 0 {
		return w.doc
	}
	slices.SortFunc(w.cuts, func(a, b cut) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	out := make([]byte, 0, len(w.doc)+len(w.cuts)*len(quoted))
	done := 0
	for _, c := range w.cuts {
		if c.from >= done {
			out = append(append(out, w.doc[done:c.from]...), c.text...)
			done = c.to
		}
	}
	return append(out, w.doc[done:]...)
}

// errStopped is the error of a walk whose result is no longer needed.
var errStopped = errors.New("the redaction was stopped")

// value reads the next value; at has its places in the hidden paths.
func (w *walk) value(at []paths) error {
	if w.stop() {
		return errStopped
	}
	if kind := w.PeekKind(); kind == '{' || kind == '[' {
		if _, err := w.ReadToken(); err != nil {
			return err
		}
		if kind == '{' {
			return w.object(at)
		}
		for w.PeekKind() != ']' {
			if err := w.value(at); err != nil {
				return err
			}
		}
		_, err := w.ReadToken()
		return err
	}
	from, to, err := w.next()
	switch {
	case err != nil:
		return err
	case w.doc[from] == '"':
		w.string(from+1, to-1)
	case to-from >= shortestCard && !bytes.Equal(withoutCards(w.doc[from:to]), w.doc[from:to]): // a number
		w.cut(from, to, quoted)
	}
	return nil
}

// next is the position of the next value or name.
func (w *walk) next() (from, to int, err error) {
	raw, err := w.ReadValue()
	to = int(w.InputOffset())
	return to - len(raw), to, err
}

// object is value after the opening brace.
func (w *walk) object(at []paths) error {
	var value cut      // the content of a member named "value"
	var sensitive bool // the member named "name" names a secret
	for w.PeekKind() != '}' {
		from, to, err := w.next()
		if err != nil {
			return err
		}
		name := mask.UnescapeJSON(w.doc[from+1 : to-1])
		below, hidden := under(at, name)
		kind := w.name(name)
		switch isText := w.PeekKind() == '"'; {
		case kind.secret || hidden:
			if from, to, err = w.next(); err == nil {
				w.hide(from, to, hidden)
			}
		case isText && (kind.isName || kind.isValue):
			if from, to, err = w.next(); err != nil {
				break
			}
			w.string(from+1, to-1)
			if kind.isName {
				sensitive = sensitive || w.secretNamed(mask.UnescapeJSON(w.doc[from+1:to-1]))
			} else {
				value = cut{from + 1, to - 1, mask.Redacted}
			}
		default:
			err = w.value(below)
		}
		if err != nil {
			return err
		}
	}
	if sensitive && value.from < value.to {
		w.cuts = append(w.cuts, value)
	}
	_, err := w.ReadToken()
	return err
}

// secretNamed is secret for a name that is a value: such names are not cached because they may be order
// numbers.
func (w *walk) secretNamed(name []byte) bool { return w.r.secret(fold(string(name))) }

// hide cuts a value, except null, "" and, unless a path demands it, true and false.
func (w *walk) hide(from, to int, path bool) {
	switch value := string(w.doc[from:min(to, from+len("false"))]); {
	case value == "null", value == `""`, !path && (value == "true" || value == "false"):
	case w.doc[from] == '"':
		w.cut(from+1, to-1, mask.Redacted)
	default:
		w.cut(from, to, quoted)
	}
}

func (w *walk) string(from, to int) {
	plain := mask.UnescapeJSON(w.doc[from:to])
	if needsNoRedaction(plain) {
		return
	}
	if shown := w.content(plain, w.depth+1); !bytes.Equal(shown, plain) {
		w.cut(from, to, string(quote(shown)))
	}
}

// needsNoRedaction reports whether a string certainly needs no redaction, like most: it has no separator after
// a name, no escapes, and too few digits.
func needsNoRedaction(s []byte) bool {
	digits := 0
	for _, c := range s {
		switch {
		case isDigit(c):
			digits++
		case c == ':', c == '=', c == '>', c == '%', c == '\\':
			return false
		}
	}
	return digits < shortestCard
}

// stringEnd is the end of the string whose content begins at s[i]: its closing quotation mark, or the
// end of s.
func stringEnd(s []byte, i int) int {
	for ; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(s)
}

// compositeEnd is the position after the object or list that begins at s[i], or the end of s.
func compositeEnd(s []byte, i int) int {
	for depth := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = stringEnd(s, i+1)
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// quote is the content of a string with JSON's escapes.
func quote(content []byte) []byte {
	b, _ := jsontext.AppendQuote(nil, content) // invalid UTF-8 is replaced
	return b[1 : len(b)-1]
}
