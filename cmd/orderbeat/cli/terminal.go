package cli

import (
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"

	"orderbeat/clients/plain"
)

// terminal is a writer that replaces control characters other than line feeds and tabs: text
// from providers, the database or NATS must not control the terminal.
type terminal struct {
	w       io.Writer
	plain   io.Writer // writes to w
	wide    bool      // tables are not shortened
	colours bool      // states are coloured
}

// Wide makes tables on a writer of [NewTerminal] as wide as their contents.
func Wide(w io.Writer) {
	if t, ok := w.(*terminal); ok {
		t.wide = true
	}
}

// coloured makes a writer of [NewTerminal] colour states if it is a terminal that shows colours
// (https://no-color.org).
func coloured(w io.Writer, getenv func(string) string) io.Writer {
	if t, ok := w.(*terminal); ok {
		t.colours = IsTerminal(w) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	}
	return w
}

// NewTerminal returns a writer that replaces characters that control a terminal.
func NewTerminal(w io.Writer) io.Writer { return &terminal{w: w, plain: plain.NewWriter(w)} }

// Write implements [io.Writer].
func (t *terminal) Write(p []byte) (int, error) { return t.plain.Write(p) }

// EscapeJSON replaces control characters in a JSON text by equivalent \u escapes.
func EscapeJSON(text []byte) []byte {
	const hex = "0123456789abcdef"
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if !plain.IsControl(r) || r == '\n' || r == '\t' {
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
