package clients

import (
	"bytes"
	"slices"
	"strings"
)

// assigned is where a name ended and a value may begin.
type assigned struct {
	value  int
	sep    byte // ':', '=', or '>' behind an XML element's name
	quoted bool // the name stands in quotation marks, as JSON has it
	inURL  bool // all of it is spelled as in a URL's parameter
}

// assignment looks for a separator behind a name that ends at s[i]. Quoted tells that its
// quotation mark is behind us; otherwise one may follow.
func assignment(s []byte, i int, quoted bool) (a assigned, ok bool) {
	if i < len(s) && s[i] == '>' && !quoted {
		return assigned{value: i + 1, sep: '>'}, true
	}
	if !quoted {
		n := mark(s[i:])
		i, quoted = i+n, n > 0
	}
	blank := " \t"
	if quoted {
		blank = " \t\r\n"
	}
	skip := func(set string) {
		for i < len(s) && strings.IndexByte(set, s[i]) >= 0 {
			i++
		}
	}
	skip(blank)
	sep, n := separator(s[i:])
	if n == 0 {
		return a, false
	}
	i += n
	if sep == '=' { // "=>" and "==" are the same to us
		skip("=>")
	}
	skip(blank)
	return assigned{value: i, sep: sep, quoted: quoted, inURL: n > 1}, i < len(s)
}

// separator is the one that s begins with, as it is or as URLs spell it, and its length.
func separator(s []byte) (sep byte, n int) {
	switch {
	case len(s) > 0 && (s[0] == ':' || s[0] == '='):
		return s[0], 1
	case hasPrefix(s, "%3a"):
		return ':', 3
	case hasPrefix(s, "%3d"):
		return '=', 3
	}
	return 0, 0
}

// mark is the length of the quotation mark that s begins with, as it is or as JSON, HTML
// or URLs spell it inside of something else; 0 for none.
func mark(s []byte) int {
	n := 0
	for n < len(s) && s[n] == '\\' {
		n++
	}
	if n < len(s) && (s[n] == '"' || s[n] == '\'') {
		return n + 1
	}
	for _, spelt := range []string{"&quot;", "&#34;", "&apos;", "&#39;", "%22", "%27"} {
		if hasPrefix(s, spelt) {
			return len(spelt)
		}
	}
	return 0
}

// hasPrefix ignores case.
func hasPrefix(s []byte, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(string(s[:len(prefix)]), prefix)
}

// find returns where a value's content is, and the length of the mark around it.
func (a assigned) find(s []byte) (from, to, marked int) {
	if a.sep == '>' {
		return a.value, until(s, a.value, "<"), 0
	}
	if n := mark(s[a.value:]); n > 0 && (s[a.value] != '%' || a.inURL) {
		from = a.value + n
		return from, markEnd(s, from, s[a.value:from]), n
	}
	switch c := s[a.value]; {
	case c == '{' || c == '[':
		to = compositeEnd(s, a.value)
	case a.sep == '=':
		to = until(s, a.value, "& \t\r\n\"<>")
	case a.quoted:
		to = until(s, a.value, ",}]\r\n\"<")
	default: // a line of text, such as a header
		to = until(s, a.value, "\r\n\"<")
	}
	return a.value, a.value + len(bytes.TrimRight(s[a.value:to], " \t")), 0
}

// markEnd is where the mark is that ends what began with one like it, or the end of s. In
// a string that stands in a string, and so on, a mark has k backslashes, a backslash of
// the content is k+1 of them twice over, and a mark with less ends what is around.
func markEnd(s []byte, i int, mark []byte) int {
	k := len(mark) - 1
	if c := mark[k]; c != '"' && c != '\'' {
		if n := bytes.Index(s[i:], mark); n >= 0 {
			return i + n
		}
		return len(s)
	}
	backslashes := 0
	for ; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			backslashes++
			continue
		case s[i] == mark[k] && (backslashes < k || backslashes%(2*k+2) == k):
			return i - min(backslashes, k)
		}
		backslashes = 0
	}
	return len(s)
}

// until is where the first of some characters is, or the end.
func until(s []byte, i int, stops string) int {
	if n := bytes.IndexAny(s[i:], stops); n >= 0 {
		return i + n
	}
	return len(s)
}

// compositeEnd is behind the object or list that begins at s[i], or the end of s.
func compositeEnd(s []byte, i int) int {
	for depth := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i, _ = stringEnd(s, i+1)
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

// assign goes over a name and its value if the value is to be hidden, and reports
// whether it did.
func (t *scanner) assign(name string, a assigned) bool {
	known := t.kind(name)
	k, folded := known.kind, known.folded
	if k == kindOpen {
		switch n := mark(t.s[a.value:]); {
		case t.named && slices.Contains(partValues, folded), a.sep == '=' && n == 0 && slices.Contains(addressNames, folded):
			k = kindSecret
		case slices.Contains(partNames, folded):
			t.name(a)
			return false
		case n > 0 && slices.Contains(partValues, folded):
			t.value(a)
			return true
		default:
			return false
		}
	}
	from, to, marked := a.find(t.s)
	if !t.hides(k, string(unquote(t.s[from:to])), a, marked) {
		return false
	}
	t.copy(from)
	if marked == 0 && a.quoted && a.sep == ':' {
		t.replace(`"`+Redacted+`"`, to) // where JSON had a number, an object or a list
		return true
	}
	t.replace(Redacted, to)
	t.copy(min(to+marked, len(t.s)))
	return true
}

// What the parts of a parameter are called that has its name and its value apart.
var (
	partNames  = []string{"name", "key", "id"}
	partValues = []string{"value", "content"}
)

// name notes whether the tag or object is about a parameter that is secret.
func (t *scanner) name(a assigned) {
	const longest = 128
	from, to, _ := a.find(t.s[:min(len(t.s), a.value+longest)])
	if t.kind(string(unquote(t.s[from:to]))).kind == kindOpen {
		return
	}
	t.named = true
	if t.from < t.to {
		t.out = append(t.out[:t.from:t.from], Redacted+string(t.out[t.to:])...)
		t.from, t.to = 0, 0
	}
}

// value notes where the value is of a parameter whose name may follow.
func (t *scanner) value(a assigned) {
	from, to, marked := a.find(t.s)
	t.copy(from)
	t.from = len(t.out)
	t.content(to)
	t.to = len(t.out)
	t.copy(min(to+marked, len(t.s)))
}

// hides reports whether a value is hidden. What is none, a truth value, and a number that
// is a status, is not. In running text, "code: " is followed by anything but a secret.
func (t *scanner) hides(k kind, content string, a assigned, marked int) bool {
	word := strings.TrimSpace(content)
	closing := a.sep == '>' && t.i > 0 && t.s[t.i-1] == '/'
	switch {
	case word == "", closing:
		return false
	case marked == 0 && (word == "null" || word == "true" || word == "false"):
		return false
	case k == kindSecret:
		return true
	}
	return !isStatus(word) && (marked > 0 || a.sep == '=' || a.sep == ':' && a.quoted)
}
