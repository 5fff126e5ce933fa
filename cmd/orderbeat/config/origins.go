package config

import (
	"fmt"

	"orderbeat/cmd/orderbeat/config/tomlfile"
)

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
