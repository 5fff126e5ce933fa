package cli

import (
	"io"
	"os"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// isControl reports whether a character could control a terminal or disguise text on it: a
// control character (C0, DEL, C1), a line separator, a bidirectional control, a tag or a
// byte order mark. Line feeds and tabs are among them.
func isControl(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\ufeff', r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return unicode.Is(unicode.Bidi_Control, r)
}

// terminal is a writer that replaces control characters other than line feeds and tabs: text
// from providers, the database or NATS must not control the terminal.
type terminal struct {
	w       io.Writer
	partial []byte // an incomplete UTF-8 character at the end of the last write
}

// NewTerminal returns a writer that replaces characters that control a terminal.
func NewTerminal(w io.Writer) io.Writer { return &terminal{w: w} }

// Write implements [io.Writer].
func (t *terminal) Write(p []byte) (int, error) {
	text := append(t.partial, p...)
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 && !utf8.FullRune(text) {
			break
		}
		if isControl(r) && r != '\n' && r != '\t' {
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

// EscapeJSON replaces control characters in a JSON text by equivalent \u escapes.
func EscapeJSON(text []byte) []byte {
	const hex = "0123456789abcdef"
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if !isControl(r) || r == '\n' || r == '\t' {
			out, text = append(out, text[:n]...), text[n:]
			continue
		}
		text = text[n:]
		units := []rune{r}
		if r > 0xffff {
			units = []rune{0xd800 + (r-0x10000)>>10, 0xdc00 + (r-0x10000)&0x3ff}
		}
		for _, u := range units {
			out = append(out, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
		}
	}
	return out
}

// EscapedLines returns a writer for a JSON log that escapes control characters
// ([EscapeJSON]).
func EscapedLines(w io.Writer) io.Writer { return jsonLines{w} }

type jsonLines struct{ w io.Writer }

// Write implements [io.Writer]; the handler writes whole lines.
func (l jsonLines) Write(p []byte) (int, error) {
	if _, err := l.w.Write(EscapeJSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	if t, ok := w.(*terminal); ok {
		w = t.w
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) //nolint:gosec // a descriptor fits into an int
}
