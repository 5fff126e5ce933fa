package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// anyName stands for every name in a path.
const anyName = "*"

// paths are places in JSON documents, as a tree by folded names. What has nothing below it
// is hidden.
type paths map[string]paths

func newPaths(list []string) paths {
	all := paths{}
	for _, path := range list {
		names, _ := parsePath(path)
		at := all
		for i, name := range names {
			below, known := at[name]
			switch {
			case i == len(names)-1:
				at[name] = nil
			case known && below == nil: // all that is there is hidden already
			case !known:
				below = paths{}
				at[name] = below
			}
			if at = below; at == nil {
				break
			}
		}
	}
	return all
}

// hides reports whether what stands at a name on the top is hidden.
func (p paths) hides(name string) bool {
	below, ok := p[fold(name)]
	return ok && below == nil
}

// last are the names that paths end with.
func (p paths) last() (names []string) {
	for name, below := range p {
		if below == nil && name != anyName {
			names = append(names, name)
		}
		names = append(names, below.last()...)
	}
	return names
}

// hide returns a JSON document without what stands at the paths; everything else stays
// byte for byte. It reports false for what is not one whole document.
func (p paths) hide(document []byte) ([]byte, bool) {
	w := pathWalk{document: document, decoder: json.NewDecoder(bytes.NewReader(document))}
	w.decoder.UseNumber()
	if err := w.value([]paths{p}); err != nil {
		return nil, false
	}
	if _, err := w.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, false
	}
	return append(w.out, document[w.done:]...), true
}

// pathWalk goes through a document once.
type pathWalk struct {
	document []byte
	decoder  *json.Decoder
	out      []byte
	done     int // what is before is in out
}

// value goes through a value. below is where that is in the paths, at several places
// perhaps.
func (w *pathWalk) value(below []paths) error {
	if len(below) == 0 {
		return w.decoder.Decode(&json.RawMessage{})
	}
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		for w.decoder.More() {
			if err := w.member(below); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for w.decoder.More() {
			if err := w.value(below); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = w.decoder.Token()
	return err
}

func (w *pathWalk) member(at []paths) error {
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	name, _ := token.(string)
	var below []paths
	for _, p := range at {
		for _, key := range []string{fold(name), anyName} {
			next, ok := p[key]
			if ok && next == nil {
				return w.hidden()
			}
			if ok {
				below = append(below, next)
			}
		}
	}
	return w.value(below)
}

// hidden passes over a value that is hidden; null says nothing.
func (w *pathWalk) hidden() error {
	var value json.RawMessage
	if err := w.decoder.Decode(&value); err != nil {
		return err
	}
	end := int(w.decoder.InputOffset())
	if string(value) == "null" {
		return nil
	}
	w.out = append(w.out, w.document[w.done:end-len(value)]...)
	w.out = append(w.out, `"`+Redacted+`"`...)
	w.done = end
	return nil
}
