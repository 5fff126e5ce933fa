package clients

import (
	"slices"
	"strings"
	"unicode"
)

// Decimal is the character in front of the decimals of a number, '.' or ','. DecimalEither
// reads a lone comma as one unless groups of three digits follow, as in North America.
type Decimal byte

// The decimal separators.
const (
	DecimalEither Decimal = 0
	DecimalPoint  Decimal = '.'
	DecimalComma  Decimal = ','
)

var typographic = strings.NewReplacer("\u2212", "-", "\u2019", "'")

// PlainNumber writes a number without what people and ERP systems add: separators of
// thousands, which stand before groups of three digits, a sign behind it, and an accountant's
// brackets for a minus. Where both separators occur, or one of them repeats, there is one
// reading, whatever the decimal separator is. False is what can be no number; whether the
// text is one is left to a parser.
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

// cutDecimals cuts a number at its decimal separator, for which the decimals have a point.
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

// groupsOf are the groups of three digits that one kind of separator makes; nil when there are
// none. "0,500" has none: no number of thousands begins with a zero.
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
