package plain

import "strings"

// Indent indents JSON. Unlike [json.Indent] it accepts truncated JSON, such as a long response
// that was recorded only in part.
func Indent(text string) string {
	var b strings.Builder
	depth, quoted := 0, false
	newline := func() { b.WriteString("\n" + strings.Repeat("  ", max(0, depth))) }
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '\\' && i+1 < len(text):
			b.WriteByte(c)
			i++
			c = text[i]
		case c == '"':
			quoted = !quoted
		case quoted:
		case strings.IndexByte(" \t\r\n", c) >= 0:
			continue
		case c == '{' || c == '[':
			rest := strings.TrimLeft(text[i+1:], " \t\r\n")
			if rest != "" && rest[0] == c+2 { // the matching } or ]
				b.WriteString(text[i:i+1] + rest[:1])
				i = len(text) - len(rest)
				continue
			}
			b.WriteByte(c)
			depth++
			newline()
			continue
		case c == '}' || c == ']':
			depth--
			newline()
		case c == ',':
			b.WriteByte(c)
			newline()
			continue
		case c == ':':
			b.WriteString(": ")
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
