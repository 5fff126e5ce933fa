package outbox

import "strings"

// Token encodes data as one token of a subject or event id. A byte that is not an ASCII letter, digit,
// "-" or "_" becomes "%" and two upper-case hexadecimal digits. "" becomes "_", because a subject
// cannot have empty tokens.
func Token(s string) string {
	if s == "" {
		return "_"
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return r > 127 || !plain(byte(r)) }) {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
