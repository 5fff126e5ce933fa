package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// mistakes collects errors, to report all of them at once.
type mistakes struct{ all []mistake }

// mistake is an error without a position.
type mistake struct {
	key     string // its path in the configuration, even if it is set in a declaration
	offset  int    // as in [section.ConfigError]
	message string
}

// add records a mistake at a key.
func (c *mistakes) add(key, format string, args ...any) {
	c.note(mistake{key: key, message: fmt.Sprintf(format, args...)})
}

// note records a mistake, unless there is one at the same place already: later ones usually
// follow from the first.
func (c *mistakes) note(m mistake) {
	known := slices.ContainsFunc(c.all, func(k mistake) bool { return k.key == m.key && k.offset == m.offset })
	if !known {
		c.all = append(c.all, m)
	}
}

func (c *mistakes) has(key string) bool {
	return slices.ContainsFunc(c.all, func(m mistake) bool { return m.key == key })
}

// addProvider records the errors of a provider about its section, which is at path.
func (c *mistakes) addProvider(path string, err error) {
	if err == nil {
		return
	}
	if e, ok := err.(*section.ConfigError); ok { //nolint:errorlint // the tree is walked by hand
		c.note(mistake{key: path + "." + e.Key, offset: e.Offset, message: e.Message})
		return
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range several.Unwrap() {
			c.addProvider(path, err)
		}
		return
	}
	if inner := errors.Unwrap(err); inner != nil {
		c.addProvider(path, inner)
		return
	}
	c.add(path, "%v", err)
}

// origin is where a key is set: a document, and the key's path in it.
type origin struct {
	doc  *tomlfile.Document
	path string
}

// addAt records an error at a position, independent of the sections that use the document.
func (l *loader) addAt(at origin, format string, args ...any) {
	l.placed = append(l.placed, at.doc.Error(at.path, 0, fmt.Sprintf(format, args...)))
}

// cause returns a file error without its operation and path.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// located adds positions to mistakes, in the document that sets the key. A key that is not
// set gets the position of the nearest enclosing table.
func (l *loader) located(all []mistake) []*tomlfile.Error {
	var errs []*tomlfile.Error
	for _, m := range all {
		at := origin{doc: l.doc, path: m.key}
		for near := m.key; near != ""; near = tomlfile.Parent(near) {
			if o, ok := l.origins[near]; ok {
				at = origin{doc: o.doc, path: o.path + m.key[len(near):]}
				break
			}
		}
		errs = append(errs, at.doc.Error(at.path, m.offset, m.message))
	}
	return errs
}
