package jq

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/itchyny/gojq"
)

// functionNames are the functions added to jq, for messages.
var functionNames = []string{`day("%d.%m.%Y")`, "date", "number", "local_day($timezone)", "start_of_day($timezone)", "uuid"}

func functions() []gojq.CompilerOption {
	return []gojq.CompilerOption{
		gojq.WithFunction("day", 1, 1, day),
		gojq.WithFunction(fnDay, 0, 0, dayOf), // see bounded.jq
		gojq.WithFunction("date", 1, 1, dayOf),
		gojq.WithFunction("number", 0, 2, numberOf),
		gojq.WithFunction("local_day", 1, 1, localDay),
		gojq.WithFunction("start_of_day", 1, 1, startOfDay),
		gojq.WithFunction("uuid", 0, 0, func(any, []any) any { return uuid() }),
	}
}

// day reads a date in a format of strftime(3), and writes it "2006-01-02"; a time of day after it is
// dropped. Null and blanks are null.
func day(input any, args []any) any {
	format, ok := args[0].(string)
	if !ok {
		return errors.New("day: the format must be a string")
	}
	if Blank(input) {
		return nil
	}
	text, ok := PlainText(input)
	if !ok {
		return fmt.Errorf("day: a date cannot be read from %s", TypeName(input))
	}
	if NoDay(strings.TrimSpace(text)) {
		return nil
	}
	t, ok := parseStrictly(strings.TrimSpace(text), format)
	if !ok {
		return fmt.Errorf("day: the text is not a date like %q", format)
	}
	return t.Format(time.DateOnly)
}

// localDay returns the day of an instant in a zone: of a text with a time and its zone, of
// "/Date(1769817600000)/", or of a number of seconds, or milliseconds if it is too large for seconds,
// since 1970. 24:00 is the beginning of the next day. Null, blanks and days of zeros are null.
func localDay(input any, args []any) any {
	zone, err := zoneOf(args[0])
	if err != nil {
		return fmt.Errorf("local_day: %w", err)
	}
	if Blank(input) {
		return nil
	}
	if text, ok := input.(string); ok {
		text = strings.TrimSpace(text)
		if NoDay(text) {
			return nil
		}
		t, ok := instant(text)
		if !ok {
			return errors.New(`local_day: the text is not an instant like "2026-01-31T12:00:00Z"`)
		}
		return t.In(zone).Format(time.DateOnly)
	}
	seconds, ok := number(input)
	if !ok {
		return fmt.Errorf("local_day: an instant cannot be read from %s", TypeName(input))
	}
	const lastSecond = 1e11 // in the year 5138
	if math.Abs(seconds) >= lastSecond {
		seconds /= 1000
	}
	if math.Abs(seconds) >= lastSecond {
		return errors.New("local_day: the number is not an instant")
	}
	return time.Unix(int64(math.Floor(seconds)), 0).In(zone).Format(time.DateOnly)
}

// startOfDay is the instant, in RFC 3339, at which a day like "2026-01-31" begins in a zone. Null and
// blanks are null.
func startOfDay(input any, args []any) any {
	zone, err := zoneOf(args[0])
	if err != nil {
		return fmt.Errorf("start_of_day: %w", err)
	}
	if Blank(input) {
		return nil
	}
	text, _ := input.(string)
	t, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return errors.New(`start_of_day: the input is not a day like "2026-01-31"`)
	}
	return t.UTC().Format(time.RFC3339)
}

func zoneOf(argument any) (*time.Location, error) {
	name, _ := argument.(string)
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errors.New("the argument must be the name of a time zone, like $timezone")
	}
	return zone, nil
}

// uuid is a random UUID (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Blank reports whether a value is null or a text of blanks.
func Blank(v any) bool {
	text, ok := v.(string)
	return v == nil || ok && strings.TrimSpace(text) == ""
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int, float64, json.Number:
		return gojq.ToFloat64(n)
	}
	return 0, false
}

// PlainText is a text, or a number as written.
func PlainText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case nil, bool, []any, map[string]any:
		return "", false
	}
	text, err := gojq.Marshal(v) // an int, a float64 or a *big.Int
	return string(text), err == nil
}

// TypeName names the type of a value: "an object".
func TypeName(v any) string {
	switch name := gojq.TypeOf(v); name {
	case "null":
		return name
	case "array", "object":
		return "an " + name
	default:
		return "a " + name
	}
}

// FoldName returns the same text for names that differ only in case, _ and -.
func FoldName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}
