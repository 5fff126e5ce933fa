package jq

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/gojq"
	"github.com/itchyny/timefmt-go"

	"orderbeat/clients"
)

// The jq functions that read dates and numbers in the spellings that providers use. An ambiguous value
// is an error that names the function to use instead.

// dayOf is the jq function date: it reads a date in any unambiguous spelling, and writes it
// "2006-01-02". A time of day after it is dropped, so that 24:00 belongs to the day before. Null,
// blanks, days of zeros and the sentinels in its argument are null.
func dayOf(input any, args []any) any {
	none, err := sentinels("date", args)
	if err != nil {
		return err
	}
	if Blank(input) {
		return nil
	}
	text, ok := PlainText(input)
	if text = strings.TrimSpace(text); !ok {
		return fmt.Errorf("date: a date cannot be read from %s", TypeName(input))
	}
	if NoDay(text) || none[strings.ToLower(text)] {
		return nil
	}
	day, ok := readDay(text)
	if !ok {
		return errors.New(`date: the text is not a date that can be read without its format; use day("%d/%m/%Y")`)
	}
	if none[day] {
		return nil
	}
	return day
}

// sentinels reads the argument of date and number: a list of values that mean "no value".
func sentinels(name string, args []any) (map[string]bool, error) {
	none := map[string]bool{}
	if len(args) == 0 {
		return none, nil
	}
	list, ok := args[0].([]any)
	if !ok {
		return nil, fmt.Errorf("%s: the argument must be a list of values that mean \"no value\"", name)
	}
	for _, v := range list {
		text, _ := PlainText(v)
		none[strings.ToLower(strings.TrimSpace(text))] = true
	}
	return none, nil
}

// layouts are unambiguous spellings: years have four digits (except in RFC 850), months are names or between year and
// day. With points the day comes first.
var layouts = []string{
	"2006/1/2", "2006.1.2", "2.1.2006",
	"2 Jan 2006", "2-Jan-2006", "2/Jan/2006", "2 January 2006", "2. January 2006",
	"Jan 2, 2006", "Jan 2 2006", "January 2, 2006", "January 2 2006",
	"Mon, 2 Jan 2006", "Monday, 2-Jan-06", "Mon Jan _2 15:04:05 2006", "Mon Jan _2 15:04:05 MST 2006",
}

// behindDay finds a time of day after a date, with or without a zone.
var behindDay = regexp.MustCompile(`(?i)[T, ]+\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([AP]M)?\s*(Z|[A-Z]{3,4}|[+-]\d{2}:?(\d{2})?)?$`)

func readDay(text string) (string, bool) {
	if day, ok := ISODay(text); ok {
		return day, true
	}
	if t, ok := epoch(text); ok {
		return t.Format(time.DateOnly), true
	}
	for _, candidate := range []string{text, behindDay.ReplaceAllString(text, "")} {
		for _, layout := range layouts {
			if t, err := time.Parse(layout, candidate); err == nil {
				return t.Format(time.DateOnly), true
			}
		}
	}
	return "", false
}

// ISODay is the day of a date in the spelling of ISO 8601, XML Schema and databases: "2026-01-31" or
// "20260131", followed by anything that begins a time or a zone.
func ISODay(text string) (string, bool) {
	day, rest := text, ""
	if len(text) >= len("2006-01-02") && text[4] == '-' {
		day, rest = text[:10], text[10:]
	} else if len(text) >= len("20060102") {
		day, rest = text[:8], text[8:]
	}
	if rest != "" && !strings.ContainsAny(rest[:1], "Tt Zz+-") {
		return "", false
	}
	if len(day) == len("20060102") {
		day = day[:4] + "-" + day[4:6] + "-" + day[6:]
	}
	_, err := time.Parse(time.DateOnly, day)
	return day, err == nil
}

var (
	// jsonDate is an instant in the spelling of ASP.NET, "/Date(1769817600000+0100)/": milliseconds, and
	// the zone to show them in.
	jsonDate = regexp.MustCompile(`^\\?/Date\((-?\d{1,15})(?:([+-])(\d{2}):?(\d{2}))?\)\\?/$`)
	seconds  = regexp.MustCompile(`^-?\d{1,15}(\.\d+)?$`)
	// isoInstant is RFC 3339 and its variants: a blank instead of T, no seconds, a comma, and zones
	// without a colon, without minutes or named UTC.
	isoInstant = regexp.MustCompile(`(?i)^(\d{4}-?\d{2}-?\d{2})[T ](\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?\s*(?:(Z|UTC|GMT)|([+-])(\d{2}):?(\d{2})?)$`)
)

// epoch reads an instant since 1970, in UTC or in the given zone: in seconds, or in milliseconds if
// it is too large.
func epoch(text string) (time.Time, bool) {
	if m := jsonDate.FindStringSubmatch(text); m != nil {
		ms, _ := strconv.ParseInt(m[1], 10, 64) // at most 15 digits
		return time.UnixMilli(ms).In(offset(m[2], m[3], m[4])), true
	}
	if !seconds.MatchString(text) {
		return time.Time{}, false
	}
	const least, lastSecond = 1e8, 1e11 // in the years 1973 and 5138; smaller numbers count something else
	n, err := strconv.ParseFloat(text, 64)
	if math.Abs(n) >= lastSecond {
		n /= 1000
	}
	return time.Unix(int64(math.Floor(n)), 0).UTC(), err == nil && (n == 0 || math.Abs(n) >= least)
}

// instant reads an instant: a time with its zone.
func instant(text string) (time.Time, bool) {
	if t, ok := epoch(text); ok && len(strings.TrimLeft(text, "-")) > len("20060102") {
		return t, true
	}
	m := isoInstant.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, false
	}
	day, ok := ISODay(m[1])
	date, err := time.Parse(time.DateOnly, day)
	hour, minute, second := atoi(m[2]), atoi(m[3]), atoi(m[4])
	const endOfDay, leapSecond = 24, 60
	if !ok || err != nil || hour > endOfDay || hour == endOfDay && minute+second > 0 || minute >= 60 || second > leapSecond {
		return time.Time{}, false
	}
	zone := time.UTC
	if m[6] == "" {
		zone = offset(m[7], m[8], m[9])
	}
	return time.Date(date.Year(), date.Month(), date.Day(), hour, minute, min(second, leapSecond-1), 0, zone), true
}

func offset(sign, hours, minutes string) *time.Location {
	east := atoi(hours)*3600 + atoi(minutes)*60
	if sign == "-" {
		east = -east
	}
	return time.FixedZone("", east)
}

// atoi reads digits that a regular expression matched; none is 0.
func atoi(digits string) int { n, _ := strconv.Atoi(digits); return n }

// composed are formats of strftime that abbreviate others.
var composed = strings.NewReplacer("%%", "%%", "%F", "%Y-%m-%d", "%D", "%m/%d/%y", "%x", "%m/%d/%y", "%v", "%e-%b-%Y", "%c", "%a %b %e %H:%M:%S %Y", "%+", "%a %b %e %H:%M:%S %Z %Y")

// countingDays are the directives whose values may exceed their month or year, which [timefmt.Parse]
// carries over.
var countingDays = regexp.MustCompile(`%[dejVUW]`)

// parseStrictly is [timefmt.Parse], and fails for days and weeks that do not exist.
func parseStrictly(text, format string) (time.Time, bool) {
	t, err := timefmt.Parse(text, format)
	if err != nil {
		return t, false
	}
	format = composed.Replace(format)
	for _, at := range countingDays.FindAllStringIndex(format, -1) {
		if strings.HasSuffix(strings.ReplaceAll(format[:at[0]], "%%", ""), "%") {
			continue // the end of a %%
		}
		begin, end := parsed(text, format[:at[0]]), parsed(text, format[:at[1]])
		if begin < 0 || end < begin {
			continue
		}
		if atoi(strings.TrimSpace(text[begin:end])) != atoi(strings.TrimSpace(timefmt.Format(t, format[at[0]:at[1]]))) {
			return t, false
		}
	}
	return t, true
}

// parsed returns the length of the beginning of text that format matches, -1 if unknown.
func parsed(text, format string) int {
	if format == "" {
		return 0
	}
	for n := len(text); n >= 0; n-- {
		if _, err := timefmt.Parse(text[:n], format); err == nil {
			return n
		}
	}
	return -1
}

// numberOf is the jq function number: it reads a number as people and programs write it. Its
// arguments are a list of values that mean "no value", and the decimal separator, "." or ",". Null,
// blanks and sentinels are null.
func numberOf(input any, args []any) any {
	none, err := sentinels("number", args)
	if err != nil {
		return err
	}
	decimal := "."
	if len(args) > 1 {
		if decimal, _ = args[1].(string); decimal != "." && decimal != "," {
			return errors.New(`number: the second argument must be "." or ","`)
		}
	}
	if Blank(input) {
		return nil
	}
	text, ok := PlainText(input)
	if text = strings.TrimSpace(text); !ok {
		return fmt.Errorf("number: a number cannot be read from %s", TypeName(input))
	}
	if none[strings.ToLower(text)] {
		return nil
	}
	if _, isText := input.(string); !isText {
		decimal = "."
	}
	n, ok := readNumber(text, decimal)
	if !ok {
		return fmt.Errorf(`number: the text is not a number with the decimal separator %q; number([]; ",") and number([]; ".") say which it is`, decimal)
	}
	if written, _ := gojq.Marshal(n); none[string(written)] {
		return nil
	}
	return n
}

// PlainNumber is a number without thousands separators.
var PlainNumber = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$`)

// readNumber reads a number, a whole one as an int.
func readNumber(text, decimal string) (any, bool) {
	text, ok := clients.PlainNumber(text, clients.Decimal(decimal[0]))
	n, err := strconv.ParseFloat(text, 64)
	if !ok || !PlainNumber.MatchString(text) || err != nil {
		return nil, false
	}
	const exact = 1 << 53
	if n == math.Trunc(n) && math.Abs(n) < exact {
		return int(n), true
	}
	return n, true
}

// NoDay reports whether a text is a day of zeros: "0000-00-00", "00000000", "00.00.0000", or one of
// these with a time, as databases write it.
func NoDay(text string) bool {
	day, _, _ := strings.Cut(text, "T")
	day, _, _ = strings.Cut(day, " ")
	return strings.Count(day, "0") > 0 && strings.Trim(day, "0-./") == ""
}
