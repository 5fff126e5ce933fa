// Package plain makes external text safe to display: on a terminal, in a page, in a spreadsheet.
//
// It defines which characters are dangerous; it does not know what is displayed. Start reading at
// [IsControl].
package plain

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsControl reports whether a character could control a terminal or disguise text: a control
// character (C0, DEL, C1), a line separator, a bidirectional control, a tag or a byte order mark.
// Line feeds and tabs are among them.
func IsControl(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\ufeff', r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return unicode.Is(unicode.Bidi_Control, r)
}

// Line replaces control characters with blanks, so that the text is one line.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// Short returns s on one line of at most most characters. Unprintable characters become blanks.
func Short(s string, most int) string {
	clean := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s))
	return strings.TrimSpace(string(clean[:min(len(clean), most)]))
}

// Cell returns text for a cell of a CSV file. Spreadsheets treat a cell that begins with one of these
// characters as a formula; an apostrophe before it prevents that.
func Cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// writer replaces control characters other than line feeds and tabs.
type writer struct {
	w       io.Writer
	partial []byte // an incomplete UTF-8 character at the end of the last write
}

// NewWriter returns a writer that replaces control characters other than line feeds and tabs.
func NewWriter(w io.Writer) io.Writer { return &writer{w: w} }

// Write implements [io.Writer].
func (t *writer) Write(p []byte) (int, error) {
	text := append(t.partial, p...)
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 && !utf8.FullRune(text) {
			break
		}
		if IsControl(r) && r != '\n' && r != '\t' {
			r = ' '
		}
		out, text = utf8.AppendRune(out, r), text[n:]
	}
	t.partial = append([]byte(nil), text...)
	if _, err := t.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}
