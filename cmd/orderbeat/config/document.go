package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// document is a TOML file: its values, and the line that each key stands on.
type document struct {
	values map[string]any
	// lines maps a key's path, such as "providers.michelin.accounts[1].ship_to",
	// to its line, counted from 1.
	lines map[string]int
}

// parse reads a TOML text. What is not TOML is one mistake with its line; the text
// around it is not repeated, because it may hold a secret.
func parse(text []byte) (document, *Error) {
	doc := document{values: map[string]any{}, lines: map[string]int{}}
	if err := toml.Unmarshal(text, &doc.values); err != nil {
		m := &Error{Message: strings.TrimPrefix(err.Error(), "toml: ")}
		if e, ok := errors.AsType[*toml.DecodeError](err); ok {
			row, column := e.Position()
			m.Line, m.Message = row, fmt.Sprintf("%s (column %d)", m.Message, column)
		}
		return doc, m
	}
	w := walker{lines: doc.lines, arrays: map[string]int{}}
	w.parser.Reset(text)
	for w.parser.NextExpression() {
		w.expression(w.parser.Expression())
	}
	return doc, nil
}

// line is where the key at path stands, or else the nearest thing around it; 0 is
// the file as a whole.
func (d document) line(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

// walker notes where keys stand, which the decoder of values does not tell.
type walker struct {
	parser unstable.Parser
	lines  map[string]int
	arrays map[string]int // how many [[path]] headers there were so far
	header string         // path of the table that the keys to come are in
}

func (w *walker) expression(n *unstable.Node) {
	switch n.Kind {
	case unstable.Table:
		w.header, _ = w.key("", n)
	case unstable.ArrayTable:
		path, line := w.key("", n)
		w.header = index(path, w.arrays[path])
		w.lines[w.header] = line
		w.arrays[path]++
	case unstable.KeyValue:
		w.keyValue(w.header, n)
	default:
	}
}

// key notes every part of n's dotted key below prefix, and returns the path and the
// line of the last. A part that names an array of tables means its latest element.
func (w *walker) key(prefix string, n *unstable.Node) (path string, line int) {
	path = prefix
	for parts := n.Key(); parts.Next(); {
		if count := w.arrays[path]; count > 0 {
			path = index(path, count-1)
		}
		path = join(path, string(parts.Node().Data))
		line = w.parser.Shape(parts.Node().Raw).Start.Line
		if _, ok := w.lines[path]; !ok {
			w.lines[path] = line
		}
	}
	return path, line
}

func (w *walker) keyValue(prefix string, n *unstable.Node) {
	path, line := w.key(prefix, n)
	w.value(path, line, n.Value())
}

// value notes the keys and elements within a value that begins on line.
func (w *walker) value(path string, line int, n *unstable.Node) {
	switch n.Kind {
	case unstable.InlineTable:
		for members := n.Children(); members.Next(); {
			w.keyValue(path, members.Node())
		}
	case unstable.Array:
		i := 0
		for elements := n.Children(); elements.Next(); i++ {
			element := elements.Node()
			if element.Raw.Length > 0 { // an array within an array has no text of its own
				line = w.parser.Shape(element.Raw).Start.Line
			}
			w.lines[index(path, i)] = line
			w.value(index(path, i), line, element)
		}
	default:
	}
}

// join puts a key below a path, quoted where TOML wants it quoted.
func join(path, key string) string {
	bare := key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	if !bare {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
