package redact

import (
	"bytes"
	"slices"
	"strings"

	"orderbeat/auth/mask"
)

// text redacts what is no JSON document: HTML, XML, headers, plain text, and JSON that is cut off
// or wrong. It looks for names in front of a separator, in whichever spelling, and looks for the
// end of a value only where the value is hidden, so that it reads everything once.
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

// reader goes over a text once.
type reader struct {
	*scan
	s    []byte
	cuts []cut

	// An HTML input has its name and its value apart.
	tag       int  // where the tag begins that is not closed, -1 for none
	sensitive bool // the tag's name attribute names a secret
	value     cut  // the content of its value attribute

	oauthKnown, isOAuth bool // whether the text has a URL of OAuth 2.0
}

func (t *reader) shown() []byte {
	w := walk{doc: t.s, cuts: t.cuts}
	return w.shown()
}

// digits goes over a run of digits, and hides a card number that begins there.
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
		from, text = before, quoted // a number of JSON
	}
	t.cuts = append(t.cuts, cut{from, end, text})
	return end
}

// isJSONish reports whether a number that ends at i may be one of a JSON document that was cut.
func isJSONish(s []byte, i int) bool { return i == len(s) || strings.IndexByte(",]}\r\n", s[i]) >= 0 }

const (
	// longestName bounds how far a name reaches back from its separator.
	longestName = 64
	// blanks bounds how much white space may be between a name and its separator.
	blanks = 64
)

// separator goes over what stands between a name and its value, and over the value where that is
// hidden.
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
	next := max(i+n, a.value) // what was skipped on the way to the value is not looked at again
	t.scanned += next - i
	if len(name) == 0 || a.value >= len(t.s) {
		return next
	}
	switch t.treat(name, a) {
	case keep:
		return next
	case note:
		from, to, _ := t.find(a)
		t.value = cut{from, to, mask.Redacted}
		return next // what is in it is looked at too
	case hide:
	}
	from, to, marked := t.find(a)
	end := min(to+marked, len(t.s))
	word := string(bytes.TrimSpace(t.s[from:min(to, from+longestName)]))
	switch {
	case word == "", isStatus(word) && isOAuthSecret(fold(string(name))), marked == 0 && (word == "null" || word == "true" || word == "false"):
	case marked == 0 && a.quoted && sep == ':':
		t.cuts = append(t.cuts, cut{from, to, quoted}) // where JSON had a number, an object or a list
	default:
		t.cuts = append(t.cuts, cut{from, to, mask.Redacted})
	}
	return max(end, next)
}

// find is where the content of a value is, and the length of the mark around it.
func (t *reader) find(a assigned) (from, to, marked int) {
	from, to, marked = a.find(t.s)
	t.scanned += to - a.value
	return from, to, marked
}

// treatment is what becomes of a value.
type treatment int

const (
	keep treatment = iota
	note           // of a tag's value whose name may follow
	hide
)

func (t *reader) treat(name []byte, a assigned) treatment {
	if t.secret(name) {
		return hide
	}
	folded := fold(string(name[:min(len(name), longestName)]))
	switch {
	case a.sep != '=':
		return keep
	case mark(t.s[a.value:]) == 0 && slices.Contains(addressNames, folded), a.query && isOAuthSecret(folded) && t.oauth():
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
		named := unquote(t.s[from:to])
		t.sensitive = t.sensitive || t.secret(named) || isOAuthSecret(fold(string(named))) // a login form
	}
	return keep
}

// endTag hides the value of a tag whose name names a secret.
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

// element is the name of the XML element whose tag ends at i, nil for a closing tag and where
// there is none.
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

// assigned is the name in front of the separator at i, and where its value is.
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
	if sep == '=' { // "=>" and "==" are the same to us
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

// plainName is the end of what stands in front of a separator that is a name: "\ntoken" and
// "a%22token" are.
func plainName(run []byte) []byte {
	if bytes.IndexByte(run, '\\') >= 0 {
		run = unquote(run)
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

// assigned is a value behind its name.
type assigned struct {
	value  int
	sep    byte // ':', '=', or '>' behind an XML element's name
	quoted bool // the name stands in quotation marks, as JSON has it
	inURL  bool // all of it is spelled as in a URL's parameter
	query  bool // the name begins a parameter, as far as can be seen
}

// separator is the one that s begins with, as it is or as URLs spell it, and its length.
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

// marks are quotation marks as HTML and URLs spell them inside of something else.
var marks = []string{"&quot;", "&#34;", "&apos;", "&#39;", "%22", "%27"}

// mark is the length of the quotation mark that s begins with, in whichever spelling; 0 for none.
func mark(s []byte) int {
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

// markBefore is the length of the quotation mark that s ends with.
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

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
