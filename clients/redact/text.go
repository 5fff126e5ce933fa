package redact

import (
	"bytes"
	"slices"
	"strings"

	"orderbeat/auth/mask"
)

// text redacts what is not a JSON document: HTML, XML, headers, plain text, and truncated or invalid
// JSON. It looks for names before a separator, in any spelling, and for the end of a value only if it
// is redacted, so that everything is read once.
func (s *scan) text(text []byte) []byte {
	t := reader{scan: s, s: text, tag: -1}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case isDigit(c):
			i = t.digits(i)
		case c == '<':
			t.tag, t.sensitive, t.value = i, false, cut{}
			i++
		case c == ':', c == '=', c == '>', c == '%':
			i = t.separator(i)
		default:
			i++
		}
	}
	return t.shown()
}

type reader struct {
	*scan
	s    []byte
	cuts []cut

	// An HTML input has its name and its value in separate attributes.
	tag       int  // where the unclosed tag begins, -1 for none
	sensitive bool // the tag's name attribute names a secret
	value     cut  // the content of its value attribute

	oauthKnown, isOAuth bool // cached result of oauth
}

func (t *reader) shown() []byte {
	w := walk{doc: t.s, cuts: t.cuts}
	return w.shown()
}

// digits reads a run of digits, and redacts a card number that begins there.
func (t *reader) digits(i int) int {
	end := cardEnd(t.s, i)
	if end == 0 {
		for end = i; end < len(t.s) && isDigit(t.s[end]); end++ {
		}
		return end
	}
	from, text := i, mask.Redacted
	before := i
	if before > 0 && t.s[before-1] == '-' {
		before--
	}
	if rest := bytes.TrimRight(t.s[max(0, before-blanks):before], " \t\r\n"); len(rest) > 0 && strings.IndexByte(":[,", rest[len(rest)-1]) >= 0 && isJSONish(t.s, end) {
		from, text = before, quoted // a number in JSON
	}
	t.cuts = append(t.cuts, cut{from, end, text})
	return end
}

// isJSONish reports whether a number that ends at i may belong to a truncated JSON document.
func isJSONish(s []byte, i int) bool { return i == len(s) || strings.IndexByte(",]}\r\n", s[i]) >= 0 }

const (
	// longestName bounds the length of a name before its separator.
	longestName = 64
	// blanks bounds the white space between a name and its separator.
	blanks = 64
)

// separator reads the text between a name and its value, and the value if it is redacted.
func (t *reader) separator(i int) int {
	if t.stop() {
		return len(t.s)
	}
	sep, n := separator(t.s[i:])
	if n == 0 {
		return i + 1
	}
	var name []byte
	var a assigned
	if sep == '>' {
		name = t.element(i)
		a = assigned{value: i + 1, sep: sep}
		t.endTag()
	} else {
		name, a = t.assigned(i, sep, n)
	}
	next := max(i+n, a.value) // what was skipped before the value is not read again
	t.scanned += next - i
	if len(name) == 0 || a.value >= len(t.s) {
		return next
	}
	switch t.treatmentOf(name, a) {
	case keep:
		return next
	case note:
		from, to, _ := t.find(a)
		t.value = cut{from, to, mask.Redacted}
		return next // its content is read too
	case hide:
	}
	from, to, marked := t.find(a)
	end := min(to+marked, len(t.s))
	word := string(bytes.TrimSpace(t.s[from:min(to, from+longestName)]))
	switch {
	case word == "", isStatus(word) && isOAuthSecret(fold(string(name))), marked == 0 && (word == "null" || word == "true" || word == "false"):
	case marked == 0 && a.quoted && sep == ':':
		t.cuts = append(t.cuts, cut{from, to, quoted}) // a number, an object or a list in JSON
	default:
		t.cuts = append(t.cuts, cut{from, to, mask.Redacted})
	}
	return max(end, next)
}

// find returns the position of a value's content, and the length of its quotation mark.
func (t *reader) find(a assigned) (from, to, marked int) {
	from, to, marked = a.find(t.s)
	t.scanned += to - a.value
	return from, to, marked
}

type treatment int

const (
	keep treatment = iota
	note           // of a tag whose name may follow
	hide
)

func (t *reader) treatmentOf(name []byte, a assigned) treatment {
	if t.secret(name) {
		return hide
	}
	folded := fold(string(name[:min(len(name), longestName)]))
	switch {
	case a.sep != '=':
		return keep
	case quoteLength(t.s[a.value:]) == 0 && slices.Contains(addressNames, folded), a.query && isOAuthSecret(folded) && t.oauth():
		return hide
	case t.tag < 0:
		return keep
	case slices.Contains(partValues, folded):
		if t.sensitive {
			return hide
		}
		return note
	case slices.Contains(partNames, folded):
		from, to, _ := a.find(t.s[:min(len(t.s), a.value+longestName)])
		named := mask.UnescapeJSON(t.s[from:to])
		t.sensitive = t.sensitive || t.secret(named) || isOAuthSecret(fold(string(named))) // a login form
	}
	return keep
}

// endTag redacts the value of a tag whose name names a secret.
func (t *reader) endTag() {
	if t.sensitive && t.value.from < t.value.to {
		t.cuts = append(t.cuts, t.value)
	}
	t.tag, t.sensitive, t.value = -1, false, cut{}
}

// oauth reports whether the text has a URL of OAuth 2.0.
func (t *reader) oauth() bool {
	if !t.oauthKnown {
		t.oauthKnown, t.isOAuth = true, isOAuth(t.s)
	}
	return t.isOAuth
}

// element is the name of the XML element whose tag ends at i, nil for a closing tag and for none.
func (t *reader) element(i int) []byte {
	if t.tag < 0 || i-t.tag < 2 || t.s[t.tag+1] == '/' || t.s[i-1] == '/' {
		return nil
	}
	name := t.s[t.tag+1 : min(i, t.tag+1+longestName)]
	if n := bytes.IndexAny(name, " \t\r\n"); n >= 0 {
		name = name[:n]
	}
	return name[bytes.IndexByte(name, ':')+1:]
}

// assigned is the name before the separator at i, and the position of its value.
func (t *reader) assigned(i int, sep byte, n int) (name []byte, a assigned) {
	end := i
	for end > 0 && i-end < blanks && strings.IndexByte(" \t\r\n", t.s[end-1]) >= 0 {
		end--
	}
	spaced := bytes.ContainsAny(t.s[end:i], "\r\n")
	quote := markBefore(t.s[:end])
	if end -= quote; quote == 0 && spaced {
		return nil, assigned{value: i + n}
	}
	from := end
	for from > 0 && end-from < longestName && isNamePart(t.s[from-1]) {
		from--
	}
	name = plainName(t.s[from:end])
	a = assigned{value: i + n, sep: sep, quoted: quote > 0, inURL: n > 1}
	if begin := end - len(name); begin > 0 {
		a.query = strings.IndexByte("?&;", t.s[begin-1]) >= 0
	} else {
		a.query = true
	}
	skip := func(set string) {
		for a.value < len(t.s) && strings.IndexByte(set, t.s[a.value]) >= 0 {
			a.value++
		}
	}
	if sep == '=' { // "=>" and "==" are treated like "="
		skip("=>")
	}
	if a.quoted {
		skip(" \t\r\n")
	} else {
		skip(" \t")
	}
	return name, a
}

func isNamePart(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' || c == '\\' || c == '%' }

// plainName returns the name at the end of a text: "token" for "\ntoken" and for "a%22token".
func plainName(run []byte) []byte {
	if bytes.IndexByte(run, '\\') >= 0 {
		run = mask.UnescapeJSON(run)
	}
	if bytes.IndexByte(run, '%') >= 0 {
		run = []byte(unescaped(string(run)))
	}
	for i, c := range slices.Backward(run) {
		if !isLetter(c) && !isDigit(c) && c != '-' {
			return run[i+1:]
		}
	}
	return run
}

type assigned struct {
	value  int
	sep    byte // ':', '=', or '>' after an XML element's name
	quoted bool // the name is in quotation marks, as in JSON
	inURL  bool // everything is escaped as in a URL
	query  bool // the name seems to begin a parameter
}

// separator is the separator at the beginning of s, in clear or URL-escaped, and its length.
func separator(s []byte) (sep byte, n int) {
	switch {
	case s[0] != '%':
		return s[0], 1
	case hasPrefix(s, "%3a"):
		return ':', 3
	case hasPrefix(s, "%3d"):
		return '=', 3
	}
	return 0, 0
}

// marks are nested quotation marks in the escapes of HTML and URLs.
var marks = []string{"&quot;", "&#34;", "&apos;", "&#39;", "%22", "%27"}

// quoteLength is the length of the quotation mark at the beginning of s, in any spelling; 0 for none.
func quoteLength(s []byte) int {
	n := 0
	for n < len(s) && s[n] == '\\' {
		n++
	}
	if n < len(s) && (s[n] == '"' || s[n] == '\'') {
		return n + 1
	}
	for _, spelled := range marks {
		if hasPrefix(s, spelled) {
			return len(spelled)
		}
	}
	return 0
}

// markBefore is the length of the quotation mark at the end of s.
func markBefore(s []byte) int {
	if n := len(s) - 1; n >= 0 && (s[n] == '"' || s[n] == '\'') {
		for n > 0 && s[n-1] == '\\' && len(s)-n < longestName {
			n--
		}
		return len(s) - n
	}
	for _, spelled := range marks {
		if n := len(s) - len(spelled); n >= 0 && hasPrefix(s[n:], spelled) {
			return len(spelled)
		}
	}
	return 0
}

// hasPrefix ignores case.
func hasPrefix(s []byte, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(string(s[:len(prefix)]), prefix)
}

// find returns the position of a value's content, and the length of its quotation mark.
func (a assigned) find(s []byte) (from, to, marked int) {
	if a.sep == '>' {
		return a.value, until(s, a.value, "<"), 0
	}
	if n := quoteLength(s[a.value:]); n > 0 && (s[a.value] != '%' || a.inURL) {
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

// markEnd is the position of the closing mark, or the end of s. In nested strings a mark has k
// backslashes, an escaped backslash of the content has twice k+1, and a mark with fewer closes an
// outer string.
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

// until is the position of the first of some characters, or the end.
func until(s []byte, i int, stops string) int {
	if n := bytes.IndexAny(s[i:], stops); n >= 0 {
		return i + n
	}
	return len(s)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
