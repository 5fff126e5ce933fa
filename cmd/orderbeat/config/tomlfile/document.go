package tomlfile

import (
	"errors"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Document is a TOML text: its values, and the position of each key.
type Document struct {
	// Name is the path of the file, or another name for errors.
	Name   string
	Values map[string]any
	text   []byte
	// places has the position of each key by its path, such as "providers.michelin.accounts[1].ship_to".
	places map[string]place
}

// place is the position of a key or list element in a document.
type place struct {
	at int // offset in bytes
	// written is the quoted value if it is a string, else empty.
	written unstable.Range
}

// Parse parses a TOML text. A syntax error has its position but not the text there, which may
// be a secret.
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

// Parent returns the path without its last part. For a quoted part with dots or brackets it returns
// paths that no key has, until repeated calls have removed the whole part.
func Parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// walker records the positions of keys, which the decoder of values does not report.
type walker struct {
	parser unstable.Parser
	places map[string]place
	arrays map[string]int // number of [[path]] headers so far
	header string         // path of the current table
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

// key records every part of n's dotted key below prefix, and returns the path and position of
// its last part. A part that names an array of tables means its latest element.
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

// value records the value at a place, and the keys and elements within.
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

// Key returns the path of a key below path, quoted if TOML requires it.
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

// Index returns the path of element i of the list at path.
func Index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
