package michelin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// node is one JSON value of an order, as it came: valid, without blanks around it,
// and a part of the order's text. Empty, it is a value that is not there.
//
// Orders are read from nodes, and not into structs, because Michelin's documents
// disagree on nearly every shape: names in three casings, numbers as texts, one
// thing in place of a list. With nodes each of these is tolerated in one place, a
// value that cannot be read is known with its path, and it is several times faster
// than unmarshalling methods, each of which scans its part of the text again.
type node []byte

// kind is the first byte: '{', '[', '"', 't', 'f', 'n' (also when there is nothing),
// or part of a number.
func (n node) kind() byte {
	if len(n) == 0 {
		return 'n'
	}
	return n[0]
}

// isNumber reports whether the value is a number.
func (n node) isNumber() bool {
	k := n.kind()
	return k == '-' || k >= '0' && k <= '9'
}

// members walks over the members of an object; anything else has none.
func (n node) members() cursor {
	if n.kind() != '{' {
		return cursor{}
	}
	return cursor{rest: n[1:], named: true}
}

// each walks over the elements of a list; an object stands for a list of itself,
// anything else has no elements.
func (n node) each() cursor {
	switch n.kind() {
	case '[':
		return cursor{rest: n[1:]}
	case '{':
		return cursor{rest: n}
	}
	return cursor{}
}

// cursor walks over the members of an object or the elements of a list.
type cursor struct {
	rest  node
	named bool
	name  []byte // of the current member, as it is written
	value node
}

// next goes on to the next member or element, if there is one.
func (c *cursor) next() bool {
	c.skip(" \t\r\n,")
	if c.named && len(c.rest) > 0 && c.rest[0] == '"' {
		name := c.take()
		c.name = name[1:max(1, len(name)-1)]
		c.skip(" \t\r\n:")
	}
	if len(c.rest) == 0 || c.rest[0] == '}' || c.rest[0] == ']' {
		return false
	}
	c.value = c.take()
	return len(c.value) > 0
}

// is reports whether the current member has the name, in any casing.
func (c *cursor) is(name string) bool {
	return len(c.name) == len(name) && strings.EqualFold(string(c.name), name)
}

func (c *cursor) skip(bytes string) {
	i := 0
	for i < len(c.rest) && strings.IndexByte(bytes, c.rest[i]) >= 0 {
		i++
	}
	c.rest = c.rest[i:]
}

// take cuts off the value that rest begins with.
func (c *cursor) take() node {
	n := valueLen(c.rest)
	value := c.rest[:n]
	c.rest = c.rest[n:]
	return value
}

// valueLen is the length of the value that b begins with.
func valueLen(b node) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i += stringLen(b[i:]) - 1
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			} else if depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// stringLen is the length of the string that b begins with, its quotes included.
func stringLen(b node) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// text reads a string without the blanks around it, or a number as it is written.
// Null is "". It reports false for anything else.
func (n node) text() (string, bool) {
	switch {
	case n.kind() == 'n':
		return "", true
	case n.isNumber():
		return string(n), true
	case n.kind() != '"':
		return "", false
	}
	inside := n[1 : len(n)-1]
	if plain(inside) {
		return string(bytes.TrimSpace(inside)), true
	}
	var s string
	if err := json.Unmarshal(n, &s); err != nil {
		return "", false
	}
	return strings.TrimSpace(s), true
}

// plain reports whether a string stands for itself.
func plain(b []byte) bool {
	for _, c := range b {
		if c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// pathTo is the path of a part of n, such as "orderLine[0].lineId".
func (n node) pathTo(part node) string {
	// Parts share their text's end, so that capacities tell where they begin.
	at := func(part node) int { return cap(n) - cap(part) }
	var path strings.Builder
	for within := n; ; {
		c, list := within.members(), false
		if within.kind() == '[' {
			c, list = within.each(), true
		}
		found := false
		for i := 0; c.next(); i++ {
			if from := at(c.value); at(part) < from || at(part) >= from+len(c.value) {
				continue
			}
			if list {
				fmt.Fprintf(&path, "[%d]", i)
			} else {
				if path.Len() > 0 {
					path.WriteByte('.')
				}
				path.Write(c.name)
			}
			within, found = c.value, true
			break
		}
		if !found || at(within) == at(part) && len(within) == len(part) {
			return path.String()
		}
	}
}
