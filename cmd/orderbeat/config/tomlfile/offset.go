package tomlfile

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// writtenAt is where byte n, counted from 0, of a text's meaning is written: its place
// in raw, the text as it stands in a document with its quotes. What an escape sequence
// means is written where that begins; what comes after all is the closing quote.
func writtenAt(raw []byte, n int) int {
	quotes := 1
	if len(raw) >= 6 && raw[1] == raw[0] { // six quotes are the least of a text of several lines
		quotes = 3
	}
	basic, i, end := raw[0] == '"', quotes, len(raw)-quotes
	if quotes == 3 && raw[i] == '\r' {
		i++
	}
	if quotes == 3 && raw[i] == '\n' { // the first newline is no part of the text
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

// escape is how many bytes the escape sequence takes that s begins with, and how many
// it means. At the end of a line it means nothing, and takes all blanks that follow.
func escape(s string) (wide, means int) {
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[1]]
	switch {
	case digits > 0:
		code, err := strconv.ParseUint(s[2:2+digits], 16, 32)
		if err != nil {
			return 2, 1 // which the parser would not have taken
		}
		return 2 + digits, utf8.RuneLen(rune(code))
	case strings.ContainsRune(" \t\r\n", rune(s[1])):
		return len(s) - len(strings.TrimLeft(s[1:], " \t\r\n")), 0
	default:
		return 2, 1
	}
}
