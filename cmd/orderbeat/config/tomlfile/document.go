package tomlfile

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Document is a TOML text: its values, and the position of each key.
type Document struct {
	// Name is the path of its file, or what else errors call it.
	Name   string
	Values map[string]any
	text   []byte
	// places maps a key's path, such as "providers.michelin.accounts[1].ship_to".
	places map[string]place
}

// place is where a key, or an element of a list, stands in a document.
type place struct {
	at int // in bytes from the beginning
	// written is its value with the quotes, where that is a text; else empty.
	written unstable.Range
}

// Parse reads a TOML text. A syntax error has its position but not the text there, which
// may be a secret.
func Parse(name string, text []byte) (*Document, *Error) {
	doc := &Document{Name: name, text: text, Values: map[string]any{}, places: map[string]place{}}
	if err := toml.Unmarshal(text, &doc.Values); err != nil {
		m := &Error{File: name, Message: strings.TrimPrefix(err.Error(), "toml: ")}
		if e, ok := errors.AsType[*toml.DecodeError](err); ok {
			m.Line, m.Column = doc.characters(e.Position())
		}
		return nil, m
	}
	w := walker{places: doc.places, arrays: map[string]int{}}
	w.parser.Reset(text)
	for w.parser.NextExpression() {
		w.expression(w.parser.Expression())
	}
	return doc, nil
}

// Has reports whether the text has the key, table or element at path.
func (d *Document) Has(path string) bool {
	_, ok := d.places[path]
	return ok
}

// Error is an error at the key at path, at an offset as in [Document.Position].
func (d *Document) Error(path string, offset int, message string) *Error {
	line, column := d.Position(path, offset)
	return &Error{File: d.Name, Line: line, Column: column, Key: path, Message: message}
}

// Position is the position of the key at path, or of the nearest table or list around it; line
// 0 is the document as a whole. An offset, in bytes counted from 1, leads into the text that is
// the key's value.
func (d *Document) Position(path string, offset int) (line, column int) {
	for ; path != ""; path, offset = Parent(path), 0 {
		p, ok := d.places[path]
		switch {
		case !ok:
		case offset > 0 && p.written.Length > 0:
			begin, end := int(p.written.Offset), int(p.written.Offset+p.written.Length)
			return d.lineAt(begin + writtenAt(d.text[begin:end], offset-1))
		default:
			return d.lineAt(p.at)
		}
	}
	return 0, 0
}

// lineAt is the line and the column of the character that the byte at an offset is
// part of. Both count from 1, columns in characters.
func (d *Document) lineAt(offset int) (line, column int) {
	for 0 < offset && offset < len(d.text) && !utf8.RuneStart(d.text[offset]) {
		offset--
	}
	before := d.text[:offset]
	begin := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[begin:]) + 1
}

// characters turns go-toml's columns, which count bytes, into ours.
func (d *Document) characters(line, column int) (int, int) {
	begin := 0
	for range line - 1 {
		begin += bytes.IndexByte(d.text[begin:], '\n') + 1
	}
	return d.lineAt(begin + column - 1)
}

// Parent is the path without its last part. A quoted part with dots or brackets takes several
// steps, over paths that no key has.
func Parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// walker records the positions of keys, which the decoder of values does not report.
type walker struct {
	parser unstable.Parser
	places map[string]place
	arrays map[string]int // how many [[path]] headers there were so far
	header string         // path of the table that the keys to come are in
}

func (w *walker) expression(n *unstable.Node) {
	switch n.Kind {
	case unstable.Table:
		w.header, _ = w.key("", n)
	case unstable.ArrayTable:
		path, at := w.key("", n)
		w.header = Index(path, w.arrays[path])
		w.places[w.header] = place{at: at}
		w.arrays[path]++
	case unstable.KeyValue:
		w.keyValue(w.header, n)
	default:
	}
}

// key notes every part of n's dotted key below prefix, and returns the path and where
// its last part stands. A part that names an array of tables means its latest element.
func (w *walker) key(prefix string, n *unstable.Node) (path string, at int) {
	path = prefix
	for parts := n.Key(); parts.Next(); {
		if count := w.arrays[path]; count > 0 {
			path = Index(path, count-1)
		}
		path = Key(path, string(parts.Node().Data))
		at = int(parts.Node().Raw.Offset)
		if _, ok := w.places[path]; !ok {
			w.places[path] = place{at: at}
		}
	}
	return path, at
}

func (w *walker) keyValue(prefix string, n *unstable.Node) {
	path, at := w.key(prefix, n)
	w.value(path, at, n.Value())
}

// value notes the value of what stands at a place, and the keys and elements within.
func (w *walker) value(path string, at int, n *unstable.Node) {
	switch n.Kind {
	case unstable.String:
		w.places[path] = place{at: at, written: n.Raw}
	case unstable.InlineTable:
		for members := n.Children(); members.Next(); {
			w.keyValue(path, members.Node())
		}
	case unstable.Array:
		i := 0
		for elements := n.Children(); elements.Next(); i++ {
			element := elements.Node()
			if element.Raw.Length > 0 { // an array within an array has no text of its own
				at = int(element.Raw.Offset)
			}
			w.places[Index(path, i)] = place{at: at}
			w.value(Index(path, i), at, element)
		}
	default:
	}
}

// Key is the path of a key below path, quoted where TOML requires it.
func Key(path, key string) string {
	bare := key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	if !bare {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// Index is the path of element i of the list at path.
func Index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
