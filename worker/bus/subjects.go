package bus

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxSubject is the maximum length of a subject, in bytes. A server closes the connection permanently if a protocol
// line, which may contain two subjects, exceeds 4096 bytes.
const MaxSubject = 1024

// Subjects names streams and subjects: all start with the prefix.
type Subjects struct{ Prefix string }

// Stream returns the name of a topic's stream.
func (s Subjects) Stream(topic string) string {
	return strings.ToUpper(s.Prefix + "_" + topic)
}

// Of adds the prefix to a subject.
func (s Subjects) Of(subject string) string { return s.Prefix + "." + subject }

// Tokens returns a subject's tokens after the prefix.
func (s Subjects) Tokens(subject string) []string {
	return strings.Split(strings.TrimPrefix(subject, s.Prefix+"."), ".")
}

// IsCallerSubject reports whether Orderbeat may publish to a subject that a caller has named: one subject
// without wildcards that is reserved neither by NATS nor by Orderbeat.
func (s Subjects) IsCallerSubject(subject string) bool {
	if len(subject) > MaxSubject || !utf8.ValidString(subject) || strings.HasPrefix(subject, "$") || strings.HasPrefix(subject, s.Of("")) {
		return false
	}
	if strings.ContainsFunc(subject, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '*' || r == '>' }) {
		return false
	}
	return !slices.Contains(strings.Split(subject, "."), "")
}

// CallerSubjectHint returns a hint about the subjects that a caller may name.
func (s Subjects) CallerSubjectHint() string {
	return fmt.Sprintf("Name one subject of your own of at most %d bytes, without wildcards, that does not begin with %q or \"$\".", MaxSubject, s.Of(""))
}

// OneLine converts text to a header value: one line of at most 300 characters.
func OneLine(text string) string {
	line := []rune(text)
	if len(line) > 300 {
		line = line[:300]
	}
	for i, r := range line {
		if r < ' ' {
			line[i] = ' '
		}
	}
	return string(line)
}

// Semver returns a program version in the form that the micro protocol accepts, or "0.0.0".
func Semver(version string) string {
	v := strings.TrimPrefix(version, "v")
	if !semver.MatchString(v) {
		return "0.0.0"
	}
	return v
}

var semver = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// isSubset reports whether all subjects that match filter also match of. A subject
// without wildcards is a filter that matches only itself.
func isSubset(filter, of string) bool {
	tokens, want := strings.Split(filter, "."), strings.Split(of, ".")
	for i, w := range want {
		switch {
		case i == len(tokens):
			return false
		case w == ">":
			return true
		case tokens[i] == ">", w != "*" && w != tokens[i]:
			return false
		}
	}
	return len(tokens) == len(want)
}
