package redact

import "strings"

// anyName is any name in a path.
const anyName = "*"

// paths are places in JSON documents, as a tree by folded names. A leaf is redacted.
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
			case known && below == nil: // everything there is redacted already
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

// hides reports whether the value of a top-level name is redacted.
func (p paths) hides(name string) bool {
	below, ok := p[fold(name)]
	return ok && below == nil
}

func (p paths) last() (names []string) {
	for name, below := range p {
		if below == nil && name != anyName {
			names = append(names, name)
		}
		names = append(names, below.last()...)
	}
	return names
}

// under returns the places of a member in the paths, given those of its object, and whether its value
// is redacted.
func under(at []paths, name []byte) (below []paths, hidden bool) {
	if len(at) == 0 {
		return nil, false
	}
	folded := fold(string(name))
	for _, p := range at {
		for _, key := range []string{folded, anyName} {
			next, ok := p[key]
			if ok && next == nil {
				return nil, true
			}
			if ok {
				below = append(below, next)
			}
		}
	}
	return below, false
}

// ValidPath reports whether a text is a path: names with dots between them, from the top of a JSON
// document. Lists are traversed, "*" is any name.
func ValidPath(path string) bool {
	_, ok := parsePath(path)
	return ok
}

func parsePath(path string) (names []string, ok bool) {
	if strings.ContainsAny(path, `[]$"' `) {
		return nil, false
	}
	for name := range strings.SplitSeq(path, ".") {
		if name != anyName {
			if name = fold(name); name == "" {
				return nil, false
			}
		}
		names = append(names, name)
	}
	return names, true
}
