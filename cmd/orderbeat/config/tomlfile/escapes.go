package tomlfile

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// writtenAt returns the offset in raw, a quoted string in a document, of byte n (from 0) of its
// decoded value. For an escape sequence it is the beginning of the sequence; the offset after
// the last byte is that of the closing quote.
func writtenAt(raw []byte, n int) int {
	quotes := 1
	if len(raw) >= 6 && raw[1] == raw[0] { // a multi-line string has at least six quotes
		quotes = 3
	}
	basic, i, end := raw[0] == '"', quotes, len(raw)-quotes
	if quotes == 3 && raw[i] == '\r' {
		i++
	}
	if quotes == 3 && raw[i] == '\n' { // the first newline is not part of the value
		i++
	}
	for i < end {
		wide, means := 1, 1
		if basic && raw[i] == '\\' {
			wide, means = escape(string(raw[i:end]))
		}
		if n < means {
			return i
		}
		i, n = i+wide, n-means
	}
	return end
}

// escape returns the lengths of the escape sequence at the start of s and of its value. At the
// end of a line the value is empty, and the sequence includes all following blanks.
func escape(s string) (wide, means int) {
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[1]]
	switch {
	case digits > 0:
		code, err := strconv.ParseUint(s[2:2+digits], 16, 32)
		if err != nil {
			return 2, 1 // the parser would have rejected it
		}
		return 2 + digits, utf8.RuneLen(rune(code))
	case strings.ContainsRune(" \t\r\n", rune(s[1])):
		return len(s) - len(strings.TrimLeft(s[1:], " \t\r\n")), 0
	default:
		return 2, 1
	}
}
