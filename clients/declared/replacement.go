package declared

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"orderbeat/clients"
)

// style is how a replacement is made.
type style int

const (
	allChanges style = iota
	wordsStay        // those of up to three letters
)

// replacement is what stands in a value's place.
func (d *disguise) replacement(value string, how style) string {
	if known, ok := d.known[value]; ok {
		return known
	}
	const patience = 100 // some shapes have room for a few values only
	made := ""
	for range patience {
		d.n++
		switch {
		case isEmail.MatchString(value):
			made = fmt.Sprintf("person%d@example.com", d.n)
		case isUUID.MatchString(value):
			made = fmt.Sprintf("00000000-0000-4000-8000-%012d", d.n)
		default:
			made = shaped(value, d.n, how)
		}
		if _, taken := d.known[made]; !taken && !d.used[made] && made != value {
			break
		}
	}
	d.known[value], d.used[made] = made, true
	return made
}

// shaped is the nth text that looks like a value: digits where it has digits, letters
// where it has letters, and all else as it is.
func shaped(value string, n int, how style) string {
	shape := []rune(value)
	var digits, letters []int
	for i := 0; i < len(shape); i++ {
		begin := i
		for i < len(shape) && unicode.IsLetter(shape[i]) {
			i++
		}
		const short = 3
		if how == allChanges || i-begin > short {
			for at := begin; at < i; at++ {
				letters = append(letters, at)
			}
		}
		if i < len(shape) && unicode.IsDigit(shape[i]) {
			digits = append(digits, i)
		}
	}
	for _, i := range slices.Backward(digits) {
		before := shape[i]
		shape[i] = rune('0' + n%10)
		if i == digits[0] && before != '0' && n%10 == 0 {
			shape[i] = '1' // a number keeps its length
		}
		n /= 10
	}
	for _, i := range slices.Backward(letters) {
		letter := 'x'
		if n > 0 {
			letter = rune('a' + n%26)
		}
		shape[i] = like(shape[i], letter)
		n /= 26
	}
	return string(shape)
}

// like is a letter, upper case where another is.
func like(r, letter rune) rune {
	if unicode.IsUpper(r) {
		return unicode.ToUpper(letter)
	}
	return letter
}

// births are the layouts of days of birth, which stay days.
var births = []string{time.DateOnly, "20060102", "02.01.2006", "01/02/2006", time.RFC3339}

// born replaces a day of birth, and reports whether it was one.
func (d *disguise) born(name, text string) bool {
	if !strings.Contains(foldName(name), "birth") && foldName(name) != "dob" {
		return false
	}
	for _, layout := range births {
		if _, err := time.Parse(layout, text); err == nil {
			d.n++
			d.known[text] = time.Unix(0, 0).UTC().AddDate(0, 0, d.n%365).Format(layout)
			return true
		}
	}
	return false
}

// momentNames are the names of members with days and times.
var momentNames = regexp.MustCompile(`(?i:date|time|stamp|day)|_at$|_on$|[a-z](?:At|On)$`)

// isMoment reports whether digits are a day or a time: 20260131, with a time of day behind
// it, or where the member's name says so in any other way, seconds since 1970 included.
func isMoment(digits, name string) bool {
	for _, layout := range []string{"20060102", "20060102150405", "200601021504"} {
		if t, err := time.Parse(layout, digits); err == nil && t.Year() >= 1990 && t.Year() < 2100 {
			return true
		}
	}
	const longest = 14
	return momentNames.MatchString(name) && len(digits) <= longest
}

// saysNothing reports whether a text stands for none, or was taken out already.
func saysNothing(text string) bool {
	switch foldName(strings.TrimSpace(text)) {
	case "", "null", "none", "n/a", "na", "nil", "unknown", "true", "false", strings.ToLower(hidden):
		return true
	}
	if slices.Contains(clients.Statuses, clients.Status(strings.ToLower(text))) {
		return true // a remark that says no more is nobody's, and would be found everywhere
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}
