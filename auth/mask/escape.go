package mask

import (
	"bytes"
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxViews is how many levels of escapes are removed, such as JSON in a JSON string in a URL.
const maxViews = 3

// The characters that begin an escape in JSON, URLs and HTML.
var (
	anyEscape   = alphabetOf(`\%&`)
	eachEscape  = []alphabet{alphabetOf(`\`), alphabetOf("%"), alphabetOf("&")}
	anyOnly     = []alphabet{anyEscape}
	anyThenEach = append(anyOnly[:1:1], eachEscape...)
)

// UnescapeJSON returns the content of a JSON string without its escapes. Invalid escapes stay.
func UnescapeJSON(content []byte) []byte {
	if plain := unescape(content, eachEscape[0]); plain != nil {
		return plain
	}
	return content
}

// unescape removes one level of the given kinds of escapes from text; nil if it has none.
func unescape(text []byte, kinds alphabet) []byte {
	var plain []byte
	var buf [utf8.UTFMax]byte
	done := 0
	for i := nextEscape(text, kinds, 0); i < len(text); {
		size, decoded := escapeAt(text, i, &buf)
		if size == 0 {
			i = nextEscape(text, kinds, i+1)
			continue
		}
		if plain == nil {
			plain = make([]byte, 0, len(text))
		}
		plain = append(append(plain, text[done:i]...), decoded...)
		done = i + size
		i = nextEscape(text, kinds, done)
	}
	if plain == nil {
		return nil
	}
	return append(plain, text[done:]...)
}

// escaped maps spans of unescape(text, kinds), which are in order, to their positions in text. A span includes
// whole escapes.
func escaped(text []byte, kinds alphabet, spans []span) {
	var buf [utf8.UTFMax]byte
	at, shift := 0, 0 // the next span end to move; the length difference so far
	move := func(i, size, decoded int) {
		for ; at < 2*len(spans); at++ {
			s := &spans[at/2]
			begins, char := at%2 == 0, s.from // the character at this end of the span
			if !begins {
				char = s.to - 1
			}
			switch {
			case char < i-shift && begins:
				s.from += shift
			case char < i-shift:
				s.to += shift
			case char >= i-shift+decoded:
				return
			case begins:
				s.from = i
			default:
				s.to = i + size
			}
		}
	}
	for i := nextEscape(text, kinds, 0); i < len(text) && at < 2*len(spans); {
		size, decoded := escapeAt(text, i, &buf)
		if size == 0 {
			i = nextEscape(text, kinds, i+1)
			continue
		}
		move(i, size, len(decoded))
		shift += size - len(decoded)
		i = nextEscape(text, kinds, i+size)
	}
	move(len(text)+1, 0, 0)
}

// nextEscape returns the position of the next character that may begin an escape, starting at i.
func nextEscape(text []byte, kinds alphabet, i int) int {
	for i < len(text) && !kinds[text[i]] {
		i++
	}
	return i
}

// escapeAt returns the length of the escape at text[i] and the character it encodes; 0 if there is none.
func escapeAt(text []byte, i int, buf *[utf8.UTFMax]byte) (size int, decoded []byte) {
	rest := text[i+1:]
	switch text[i] {
	case '%':
		if n, ok := hexNumber(rest, 2); ok {
			buf[0] = byte(n)
			return 3, buf[:1]
		}
	case '\\':
		return backslash(rest, buf)
	case '&':
		const longest = 12
		n := bytes.IndexByte(rest[:min(len(rest), longest)], ';')
		if n < 1 {
			break
		}
		entity := string(text[i : i+n+2])
		if plain := html.UnescapeString(entity); plain != entity && len(plain) <= len(buf) {
			return len(entity), buf[:copy(buf[:], plain)]
		}
	}
	return 0, nil
}

// backslash implements escapeAt for a backslash; rest is the text after it.
func backslash(rest []byte, buf *[utf8.UTFMax]byte) (size int, decoded []byte) {
	if len(rest) == 0 {
		return 0, nil
	}
	switch c := rest[0]; c {
	case 'u':
		n, ok := hexNumber(rest[1:], 4)
		if !ok {
			return 0, nil
		}
		r, size := rune(n), 6
		if utf16.IsSurrogate(r) && len(rest) > 6 && rest[5] == '\\' && rest[6] == 'u' {
			if low, ok := hexNumber(rest[7:], 4); ok {
				if pair := utf16.DecodeRune(r, rune(low)); pair != utf8.RuneError {
					r, size = pair, 12
				}
			}
		}
		return size, buf[:utf8.EncodeRune(buf[:], r)]
	case 'x':
		if n, ok := hexNumber(rest[1:], 2); ok {
			buf[0] = byte(n)
			return 4, buf[:1]
		}
		return 0, nil
	default:
		at := strings.IndexByte(`"'\/bfnrt`, c)
		if at < 0 {
			return 0, nil
		}
		buf[0] = "\"'\\/\b\f\n\r\t"[at]
		return 2, buf[:1]
	}
}

func hexNumber(text []byte, digits int) (n int, ok bool) {
	if len(text) < digits {
		return 0, false
	}
	for _, c := range text[:digits] {
		switch c = lowerByte(c); {
		case '0' <= c && c <= '9':
			n = n<<4 | int(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | int(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}
