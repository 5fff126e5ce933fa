package redact

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/auth/mask"
)

// quoted replaces a value that was not a string.
const quoted = `"` + mask.Redacted + `"`

// isJSON is [json.Valid], in less than half of its time.
func isJSON(text []byte) bool {
	return jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// json redacts a valid document, which stays valid.
func (s *scan) json(document []byte, hidden paths, depth int) []byte {
	w := walk{scan: s, doc: document, depth: depth}
	var at []paths
	if len(hidden) > 0 {
		at = []paths{hidden}
	}
	for i := w.blank(0); i < len(document); {
		i = w.blank(w.value(i, at))
	}
	return w.shown()
}

// walk traverses a valid document once.
type walk struct {
	*scan
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

// value reads the value at i, with its places in the paths, and returns its end.
func (w *walk) value(i int, at []paths) int {
	if w.stop() {
		return len(w.doc)
	}
	switch c := w.at(i); {
	case c == '{':
		return w.object(i+1, at)
	case c == '[':
		i = w.blank(i + 1)
		for i < len(w.doc) && w.doc[i] != ']' {
			if i = w.blank(w.value(i, at)); w.at(i) == ',' {
				i = w.blank(i + 1)
			}
		}
		return i + 1
	case c == '"':
		end := stringEnd(w.doc, i+1)
		w.string(i+1, end)
		return end + 1
	case c == '-' || isDigit(c):
		return w.number(i)
	}
	return w.literal(i)
}

// object is value after the opening brace.
func (w *walk) object(i int, at []paths) int {
	var value cut      // the content of a member named "value"
	var sensitive bool // the member named "name" names a secret
	for i = w.blank(i); i < len(w.doc) && w.doc[i] != '}'; {
		nameEnd := stringEnd(w.doc, i+1)
		name := unquote(w.doc[i+1 : nameEnd])
		i = w.blank(w.blank(nameEnd+1) + 1) // after the colon
		below, hidden := under(at, name)
		from := i
		kind := w.name(name)
		if kind.secret || hidden {
			i = w.skip(i)
			w.scanned += i - from
			w.hide(from, i, hidden)
		} else if i = w.value(i, below); w.at(from) == '"' {
			switch {
			case kind.isName:
				sensitive = sensitive || w.secretNamed(unquote(w.doc[from+1:i-1]))
			case kind.isValue:
				value = cut{from + 1, i - 1, mask.Redacted}
			}
		}
		if i = w.blank(i); w.at(i) == ',' {
			i = w.blank(i + 1)
		}
	}
	if sensitive && value.from < value.to {
		w.cuts = append(w.cuts, value)
	}
	return i + 1
}

// secretNamed is secret for a name that is a value: such names are not cached, for they may be order
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

// string redacts the content of a string.
func (w *walk) string(from, to int) {
	plain := unquote(w.doc[from:to])
	if harmless(plain) {
		return
	}
	if shown := w.content(plain, w.depth+1); !bytes.Equal(shown, plain) {
		w.cut(from, to, string(quote(shown)))
	}
}

// number cuts a number that contains a card number.
func (w *walk) number(i int) (end int) {
	for end = i + 1; end < len(w.doc) && (isDigit(w.doc[end]) || strings.IndexByte(".eE+-", w.doc[end]) >= 0); end++ {
	}
	if n := w.doc[i:end]; len(n) >= shortestCard && !bytes.Equal(withoutCards(n), n) {
		w.cut(i, end, quoted)
	}
	return end
}

// skip is the end of the value at i.
func (w *walk) skip(i int) int {
	switch w.at(i) {
	case '{', '[':
		return compositeEnd(w.doc, i)
	case '"':
		return stringEnd(w.doc, i+1) + 1
	}
	return w.literal(i)
}

// literal is the end of the number or word at i.
func (w *walk) literal(i int) int {
	for i++; i < len(w.doc) && strings.IndexByte(",]} \t\r\n", w.doc[i]) < 0; i++ {
	}
	return i
}

// blank is the first position from i on that is not white space.
func (w *walk) blank(i int) int {
	for i < len(w.doc) && strings.IndexByte(" \t\r\n", w.doc[i]) >= 0 {
		i++
	}
	return i
}

// at is the byte at i, 0 after the end.
func (w *walk) at(i int) byte {
	if i < len(w.doc) {
		return w.doc[i]
	}
	return 0
}

// harmless reports whether a string certainly needs no redaction, as most: it has no separator after
// a name, no escapes, and too few digits.
func harmless(s []byte) bool {
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

// unquote is the content of a string without JSON's escapes. Invalid escapes stay.
func unquote(content []byte) []byte {
	if bytes.IndexByte(content, '\\') < 0 {
		return content
	}
	var plain string
	if json.Unmarshal(between(`"`, content, `"`), &plain) == nil {
		return []byte(plain)
	}
	out := make([]byte, 0, len(content))
	for i := 0; i < len(content); i++ {
		c := content[i]
		if c != '\\' || i+1 == len(content) {
			out = append(out, c)
			continue
		}
		i++
		if n := i + 5; content[i] == 'u' && n <= len(content) && json.Unmarshal(between(`"\`, content[i:n], `"`), &plain) == nil {
			out, i = append(out, plain...), n-1
		} else if at := strings.IndexByte(`"\/bfnrt`, content[i]); at >= 0 {
			out = append(out, "\"\\/\b\f\n\r\t"[at])
		} else {
			out = append(out, c, content[i])
		}
	}
	return out
}

// quote is the content of a string with JSON's escapes.
func quote(content []byte) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(string(content)) != nil || b.Len() < 3 {
		return nil
	}
	return b.Bytes()[1 : b.Len()-2]
}

func between(before string, s []byte, after string) []byte {
	return append(append([]byte(before), s...), after...)
}
