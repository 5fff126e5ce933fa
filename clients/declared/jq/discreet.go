package jq

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// The errors of jq quote values, which are the provider's data. Only their fixed words, the function,
// and the types of the values are kept; and a text that the program itself contains. An error of
// unknown form is dropped completely.
const jqType = `(null|boolean|number|string|array|object)\b`

var (
	// What follows the type is dropped.
	jqTyped = regexp.MustCompile(`(?s)^(expected an? [a-z ]+ but got|expected "start" and "end" for slicing but got|cannot iterate over|` +
		`invalid path against|invalid path on iterating against|cannot plus|cannot negate|@[a-z0-9]+ cannot format an array including): ` + jqType)
	jqOperator = regexp.MustCompile(`(?s)^cannot ([a-z]+):? ` + jqType + `.* (and|by:) ` + jqType)
	// Errors of functions name the type of the input, or quote the input only.
	jqFunction = regexp.MustCompile(`(?s)^(@?[a-z_][a-z0-9_]*)(?:\(.*?\))? cannot be applied to(?:: ` + jqType + `| (.))`)
	// What follows the colon is dropped.
	jqWords = regexp.MustCompile(`(?s)^(array index should not be negative|array index too large|repeat string result too large|` +
		`flatten depth should not be negative|format not defined|label not defined): `)
	// Errors of our functions quote nothing.
	jqWhole = regexp.MustCompile(`^(date: the text is not a date that can be read without its format; use day\("%d/%m/%Y"\)|` +
		`number: the text is not a number with the decimal separator "[.,]"; number\(\[\]; ","\) and number\(\[\]; "\."\) say which it is|` +
		`local_day: the text is not an instant like "2026-01-31T12:00:00Z"|local_day: the number is not an instant|start_of_day: the input is not a day like "2026-01-31"|` +
		`(?:date|day|local_day|number): an? [a-z]+ cannot be read from (?:null|an? [a-z]+)|length mismatch|expected an array of 8 numbers|number of seconds is out of range|number is out of range|input\(s\)/0 is not allowed)$`)
	// These quote a text that may be in the program, and are not of gojq's own types.
	jqQuoted = regexp.MustCompile(`(?s)^(unsupported regular expression flag:|invalid regular expression|day: the text is not a date like) "`)
)

// discreet returns the error of an evaluation without quotations of the input.
func (p *Program) discreet(err error) error {
	if halt, ok := errors.AsType[*gojq.HaltError](err); ok {
		return fmt.Errorf("the program halts with %d", halt.ExitCode())
	}
	if e, ok := errors.AsType[gojq.ValueError](err); ok {
		if text, ok := e.Value().(string); ok && p.contains(strconv.Quote(text)) {
			return errors.New("error: " + text)
		}
		return fmt.Errorf("error was called with %s", TypeName(e.Value()))
	}
	if jqQuoted.MatchString(err.Error()) || isJQ(err) {
		return errors.New(p.discreetText(err.Error()))
	}
	return err // one of ours, without quotations
}

// discreetCaught is the same for a caught error or value.
func (p *Program) discreetCaught(caught any) string {
	text, ok := caught.(string)
	switch {
	case !ok:
		return "error was called with " + TypeName(caught)
	case p.contains(strconv.Quote(text)):
		return "error: " + text
	}
	return p.discreetText(text)
}

// discreetText returns the text of one of jq's errors without quotations of the input.
func (p *Program) discreetText(text string) string {
	if m := jqQuoted.FindStringSubmatch(text); m != nil {
		if quoted, err := strconv.QuotedPrefix(text[len(m[0])-1:]); err == nil && p.contains(quoted) {
			return m[1] + " " + quoted
		}
		return strings.TrimSuffix(m[1], ":")
	}
	if m := jqTyped.FindStringSubmatch(text); m != nil {
		return m[1] + ": " + m[2]
	}
	if m := jqOperator.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("cannot %s %s %s %s", m[1], m[2], strings.TrimSuffix(m[3], ":"), m[4])
	}
	if m := jqFunction.FindStringSubmatch(text); m != nil {
		if m[2] != "" {
			return m[1] + " cannot be applied to: " + m[2]
		}
		return m[1] + " cannot be applied to this " + quotedType(m[3][0])
	}
	for _, words := range []*regexp.Regexp{jqWords, jqWhole} {
		if m := words.FindStringSubmatch(text); m != nil {
			return m[1]
		}
	}
	return "the program fails"
}

func (p *Program) contains(text string) bool { return strings.Contains(p.Text, text) }

func isJQ(err error) bool {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == reflect.TypeFor[gojq.HaltError]().PkgPath()
}

// quotedType is the type of a value by the first byte of its JSON.
func quotedType(first byte) string {
	switch first {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}
