package config

import (
	"errors"
	"fmt"
	"slices"

	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// mistakes collects everything that is wrong, to be told at once.
type mistakes struct{ all []mistake }

// mistake is an [Error] that is not located yet.
type mistake struct {
	key     string // its path in the configuration, whatever text it comes from
	offset  int    // as in [section.ConfigError]
	message string
}

// add notes a mistake at a key.
func (c *mistakes) add(key, format string, args ...any) {
	c.note(mistake{key: key, message: fmt.Sprintf(format, args...)})
}

// note keeps the first of several mistakes at one place: what follows from a mistake
// is no news.
func (c *mistakes) note(m mistake) {
	known := slices.ContainsFunc(c.all, func(k mistake) bool { return k.key == m.key && k.offset == m.offset })
	if !known {
		c.all = append(c.all, m)
	}
}

func (c *mistakes) has(key string) bool {
	return slices.ContainsFunc(c.all, func(m mistake) bool { return m.key == key })
}

// addProvider notes what a provider says about its section, which is at path.
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

// origin is where a key comes from: a text, and the key's path there.
type origin struct {
	doc  *tomlfile.Document
	path string
}

// tell notes what is wrong with a text, whoever stands upon it.
func (l *loader) tell(at origin, format string, args ...any) {
	l.told = append(l.told, at.err(0, fmt.Sprintf(format, args...)))
}

func (o origin) err(offset int, message string) *tomlfile.Error {
	return o.doc.Error(o.path, offset, message)
}

// located says of each mistake where it stands, in the text that its key comes from. A
// key that no text has is looked for at the nearest thing around it.
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
		errs = append(errs, at.err(m.offset, m.message))
	}
	return errs
}
