package clients

import (
	"bytes"
	"encoding/json"
	"strings"
)

// text redacts JSON, HTML, XML, and what is none of them any more because it was cut
// off or is wrong. It looks for names with a value behind them, in whichever spelling,
// and takes nothing for granted: a document that is whole stays whole.
func (r Redactor) text(s []byte) []byte {
	t := scanner{r: r, known: map[string]nameKind{}, s: s, out: make([]byte, 0, len(s)+len(Redacted))}
	return t.scan()
}

// scanner goes over a text once. What stands in a string of the text is a text of its
// own, with a scanner of its own.
type scanner struct {
	r      Redactor
	known  map[string]nameKind // the names that were seen, which are few and come again
	s      []byte
	i      int // what is before is in out
	out    []byte
	inside bool // s is the content of a string

	// An HTML input, and a list of parameters in JSON, has its name and its value apart.
	// Both end with their tag or object.
	named    bool // the name was one of a secret
	from, to int  // where in out the value is, if it came first
}

func (t *scanner) scan() []byte {
	for t.i < len(t.s) {
		switch c := t.s[t.i]; {
		case c == '"':
			t.quoted()
		case isDigit(c):
			t.digits()
		case isLetter(c):
			t.word()
		case c == '\\' && t.i+1 < len(t.s) && strings.IndexByte(`"'\`, t.s[t.i+1]) >= 0:
			t.copy(t.i + 2)
		case c == '%' && t.i+2 < len(t.s) && isHex(t.s[t.i+1]) && isHex(t.s[t.i+2]):
			t.copy(t.i + 3)
		default:
			if strings.IndexByte("<>{}", c) >= 0 {
				t.named, t.from, t.to = false, 0, 0
			}
			t.copy(t.i + 1)
		}
	}
	return t.out
}

// nameKind is how a name is treated, and how it reads folded.
type nameKind struct {
	kind   kind
	folded string
}

func (t *scanner) kind(name string) nameKind {
	const most = 1000
	k, ok := t.known[name]
	if !ok {
		k = nameKind{t.r.kind(name), fold(name)}
		if len(t.known) < most {
			t.known[name] = k
		}
	}
	return k
}

// copy takes over what is before end.
func (t *scanner) copy(end int) {
	t.out = append(t.out, t.s[t.i:end]...)
	t.i = end
}

// replace puts text in the place of what is before end.
func (t *scanner) replace(text string, end int) {
	t.out = append(t.out, text...)
	t.i = end
}

// plain takes over what is before end, but for card numbers.
func (t *scanner) plain(end int) {
	for t.i < end {
		if isDigit(t.s[t.i]) && (t.i == 0 || !isDigit(t.s[t.i-1])) {
			if card := cardEnd(t.s, t.i); card > 0 {
				t.replace(Redacted, card)
				continue
			}
		}
		t.copy(t.i + 1)
	}
}

// quoted goes over a string: a name with its value, or a text that may be anything.
func (t *scanner) quoted() {
	end, closed := stringEnd(t.s, t.i+1)
	if closed {
		if a, ok := assignment(t.s, end+1, true); ok && t.assign(string(unquote(t.s[t.i+1:end])), a) {
			return
		}
	}
	t.copy(t.i + 1)
	t.content(end)
	t.copy(min(end+1, len(t.s)))
}

// content goes over a string's content, a text of its own, which is before end.
func (t *scanner) content(end int) {
	raw := t.s[t.i:end]
	plain := unquote(raw)
	if harmless(plain) {
		t.copy(end)
		return
	}
	inner := scanner{r: t.r, known: t.known, s: plain, inside: true, out: make([]byte, 0, len(plain)+len(Redacted))}
	if shown := inner.scan(); !bytes.Equal(shown, plain) {
		raw = quote(shown)
	}
	t.replace(string(raw), end)
}

// harmless reports whether nothing in a string could be hidden, as in most: no separator
// stands behind a name, nothing is spelled otherwise, and there are no digits enough.
func harmless(s []byte) bool {
	digits := 0
	for _, c := range s {
		switch {
		case isDigit(c):
			digits++
		case c == ':', c == '=', c == '>', c == '%', c == '\\':
			return false
		}
	}
	return digits < shortestCard
}

// word goes over what could be a name, without quotation marks or without the first of them.
func (t *scanner) word() {
	end := t.i
	for end < len(t.s) && (isLetter(t.s[end]) || isDigit(t.s[end]) || t.s[end] == '-') {
		end++
	}
	name := string(t.s[t.i:end])
	if a, ok := assignment(t.s, end, false); ok {
		escaped := t.i > 0 && t.s[t.i-1] == '\\' // as in \ncode=
		if t.assign(name, a) || escaped && t.assign(name[1:], a) {
			return
		}
	}
	t.plain(end)
}

// digits goes over a number. In the place of one of JSON's comes a string.
func (t *scanner) digits() {
	card, end := cardEnd(t.s, t.i), t.i+1
	for ; end < len(t.s) && isDigit(t.s[end]); end++ {
	}
	if !t.isValue() {
		t.plain(end)
		return
	}
	for ; end < len(t.s) && (isDigit(t.s[end]) || strings.IndexByte(".eE+-", t.s[end]) >= 0); end++ {
		if card == 0 && isDigit(t.s[end]) && !isDigit(t.s[end-1]) {
			card = cardEnd(t.s, end)
		}
	}
	if card == 0 {
		t.copy(end)
		return
	}
	t.out = bytes.TrimSuffix(t.out, []byte("-"))
	t.replace(`"`+Redacted+`"`, max(card, end))
}

// isValue reports whether a number here is one of JSON's.
func (t *scanner) isValue() bool {
	before := bytes.TrimRight(bytes.TrimSuffix(t.out, []byte("-")), " \t\r\n")
	return !t.inside && (len(before) == 0 || strings.IndexByte(":[,", before[len(before)-1]) >= 0)
}

// stringEnd returns where the string ends whose content begins at s[i]: at its closing
// quotation mark, or with s.
func stringEnd(s []byte, i int) (end int, closed bool) {
	for ; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i, true
		}
	}
	return len(s), false
}

// unquote is the content of a string without JSON's escapes. What is no escape stays.
func unquote(content []byte) []byte {
	if bytes.IndexByte(content, '\\') < 0 {
		return content
	}
	var plain string
	if json.Unmarshal(between(`"`, content, `"`), &plain) == nil {
		return []byte(plain)
	}
	out := make([]byte, 0, len(content))
	for i := 0; i < len(content); i++ {
		c := content[i]
		if c != '\\' || i+1 == len(content) {
			out = append(out, c)
			continue
		}
		i++
		if n := i + 5; content[i] == 'u' && n <= len(content) && json.Unmarshal(between(`"\`, content[i:n], `"`), &plain) == nil {
			out, i = append(out, plain...), n-1
		} else if at := strings.IndexByte(`"\/bfnrt`, content[i]); at >= 0 {
			out = append(out, "\"\\/\b\f\n\r\t"[at])
		} else {
			out = append(out, c, content[i])
		}
	}
	return out
}

// quote is the content of a string with JSON's escapes.
func quote(content []byte) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(string(content)) != nil || b.Len() < 3 {
		return nil
	}
	return b.Bytes()[1 : b.Len()-2]
}

func between(before string, s []byte, after string) []byte {
	return append(append([]byte(before), s...), after...)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
}
