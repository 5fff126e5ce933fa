package clients

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Text is a string whose "" means no value: null in JSON, NULL in SQL.
type Text string

// MarshalJSON writes null for "".
func (t Text) MarshalJSON() ([]byte, error) { return appendNullable(nil, t), nil }

// Value is NULL for "".
func (t Text) Value() (driver.Value, error) { return nullable(string(t)), nil }

// Scan reads a string or NULL.
func (t *Text) Scan(src any) error { return scanNullable((*string)(t), src) }

// Date is a calendar day without a zone, written "2006-01-02", so that text order is time order. ""
// means no date: null in JSON, NULL in SQL.
type Date string

// DateOf returns t's day in t's own zone.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// ParseDate checks that s is a day written "2006-01-02".
func ParseDate(s string) (Date, error) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", fmt.Errorf("%.40q is not a date: write year-month-day, like \"2026-01-31\"", s)
	}
	return Date(s), nil
}

// Time is midnight UTC of d, the zero time when d is not a date.
func (d Date) Time() time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

// AddDays returns the day n days after d.
func (d Date) AddDays(n int) Date { return DateOf(d.Time().AddDate(0, 0, n)) }

// MarshalJSON writes null for "".
func (d Date) MarshalJSON() ([]byte, error) { return appendNullable(nil, d), nil }

// Value is NULL for "".
func (d Date) Value() (driver.Value, error) { return nullable(string(d)), nil }

// Scan reads a string or NULL.
func (d *Date) Scan(src any) error { return scanNullable((*string)(d), src) }

// Quantity is a number of pieces or, if Known is false, unknown: null in JSON, NULL in SQL. Unknown
// is not zero.
type Quantity struct {
	N     int64
	Known bool
}

// Pieces is a known quantity.
func Pieces(n int64) Quantity { return Quantity{N: n, Known: true} }

// Plus adds known quantities: the sum is unknown only if both are.
func (q Quantity) Plus(r Quantity) Quantity {
	return Quantity{N: q.N + r.N, Known: q.Known || r.Known}
}

// Some reports whether the quantity is known and more than zero.
func (q Quantity) Some() bool { return q.Known && q.N > 0 }

// String is the number, or "-".
func (q Quantity) String() string {
	if !q.Known {
		return "-"
	}
	return strconv.FormatInt(q.N, 10)
}

// MarshalJSON writes the number or null.
func (q Quantity) MarshalJSON() ([]byte, error) {
	if !q.Known {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, q.N, 10), nil
}

// UnmarshalJSON reads a whole number or null.
func (q *Quantity) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*q = Quantity{}
		return nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return fmt.Errorf("quantity %.40q is not a whole number", b)
	}
	*q = Pieces(n)
	return nil
}

// Value is the number or NULL.
func (q Quantity) Value() (driver.Value, error) {
	if !q.Known {
		return nil, nil //nolint:nilnil // NULL is the value
	}
	return q.N, nil
}

// Scan reads a number or NULL.
func (q *Quantity) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*q = Quantity{}
	case int64:
		*q = Pieces(v)
	default:
		return fmt.Errorf("cannot scan a quantity from %T", src)
	}
	return nil
}

func nullable(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

func scanNullable(into *string, src any) error {
	switch v := src.(type) {
	case nil:
		*into = ""
	case string:
		*into = v
	case []byte:
		*into = string(v)
	default:
		return fmt.Errorf("cannot scan a text from %T", src)
	}
	return nil
}

// Amount is an amount of money as decimal text with at least two decimals, "652.80" or "-16.32",
// without binary rounding. "" means no amount: null in JSON, NULL in SQL.
type Amount string

// The maximum number of digits before and after the point: more than money needs.
const maxWhole, maxDecimals = 15, 6

// ParseAmount reads a decimal number, "652.8", "-1e3" or "+7", into its canonical form, rounded to
// six decimals: further ones are artefacts of binary fractions. It returns "" for a blank text.
func ParseAmount(s string) (Amount, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", nil
	}
	wrong := fmt.Errorf("%.40q is not an amount: write it like \"652.80\"", s)
	// SetString also accepts fractions and other bases, which are not amounts; a large exponent would
	// take long.
	exponent := s[strings.LastIndexAny(s, "eE")+1:]
	if strings.Trim(s, "0123456789+-.eE") != "" || len(s) > 2*maxWhole+maxDecimals || len(s) > len(exponent) && len(exponent) > len("+15") {
		return "", wrong
	}
	value, ok := new(big.Rat).SetString(s)
	if !ok {
		return "", wrong
	}
	whole, decimals, _ := strings.Cut(value.FloatString(maxDecimals), ".")
	if len(strings.TrimPrefix(whole, "-")) > maxWhole {
		return "", wrong
	}
	decimals = decimals[:2] + strings.TrimRight(decimals[2:], "0")
	return Amount(whole + "." + decimals), nil
}

// MarshalJSON writes the text or null.
func (a Amount) MarshalJSON() ([]byte, error) { return appendNullable(nil, a), nil }

// Value is NULL for "".
func (a Amount) Value() (driver.Value, error) { return nullable(string(a)), nil }

func editTexts(edit func(string) string, all ...*Text) {
	for _, t := range all {
		*t = Text(edit(string(*t)))
	}
}

func editAll(edit func(string) string, list []string) {
	for i := range list {
		list[i] = edit(list[i])
	}
}

// Decimal is the decimal separator of a number, '.' or ','. DecimalEither reads a single comma as
// the decimal separator unless groups of three digits follow it, as in North America.
type Decimal byte

// The decimal separators.
const (
	DecimalEither Decimal = 0
	DecimalPoint  Decimal = '.'
	DecimalComma  Decimal = ','
)

var typographic = strings.NewReplacer("\u2212", "-", "\u2019", "'")

// PlainNumber removes what people and ERP systems add to a number: thousands separators, a trailing
// sign, and brackets for a minus. If both separators occur, or one of them repeats, the reading is
// unambiguous whatever the decimal separator is. ok is false if s cannot be a number; otherwise the
// result may still fail to parse.
func PlainNumber(s string, decimal Decimal) (plain string, ok bool) {
	s = strings.TrimSpace(typographic.Replace(s))
	if strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")") {
		s = s[1:len(s)-1] + "-"
	}
	sign := ""
	if last := len(s) - 1; last > 0 && strings.ContainsAny(s[last:], "+-") {
		sign, s = s[last:], strings.TrimSpace(s[:last])
	}
	if s != "" && strings.ContainsAny(s[:1], "+-") {
		if sign != "" {
			return "", false
		}
		sign, s = s[:1], strings.TrimSpace(s[1:])
	}
	separated := strings.ContainsFunc(s, func(r rune) bool { return r == ',' || r == '\'' || unicode.IsSpace(r) })
	if !separated && (!strings.Contains(s, ".") || decimal != DecimalComma && strings.Count(s, ".") == 1) {
		return sign + s, true
	}
	if decimal == DecimalEither && strings.ContainsAny(s, "eE") {
		return "", false
	}
	whole, decimals := cutDecimals(s, decimal)
	if groups := groupsOf(whole); groups != nil {
		whole = strings.Join(groups, "")
	} else if whole == "" || strings.Trim(whole, "0123456789") != "" {
		return "", false
	}
	return sign + whole + decimals, true
}

// cutDecimals splits a number at its decimal separator; the decimals begin with a point.
func cutDecimals(s string, decimal Decimal) (whole, decimals string) {
	commas, points := strings.Count(s, ","), strings.Count(s, ".")
	at := -1
	switch {
	case commas > 0 && points > 0: // the last one
		at = strings.LastIndexAny(s, ",.")
	case points == 1 && decimal != DecimalComma, commas == 1 && decimal == DecimalComma, commas == 1 && decimal == DecimalEither && groupsOf(s) == nil:
		at = strings.IndexAny(s, ",.")
	}
	if at < 0 {
		return s, ""
	}
	return s[:at], "." + s[at+1:]
}

// groupsOf returns the groups of digits between thousands separators; nil if there are none.
// "0,500" has none: no number of thousands begins with a zero.
func groupsOf(s string) []string {
	separator := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if separator < 1 || s[0] == '0' {
		return nil
	}
	groups := strings.Split(s, string([]rune(s[separator:])[:1]))
	wrong := func(g string) bool { return len(g) != 3 || strings.Trim(g, "0123456789") != "" }
	if len(groups[0]) > 3 || slices.ContainsFunc(groups[1:], wrong) {
		return nil
	}
	return groups
}
