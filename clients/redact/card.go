package redact

import (
	"slices"

	"orderbeat/auth/mask"
)

// The lengths of card numbers, in digits: 19 is the longest that ISO/IEC 7812-1 allows, and fewer than
// 15 digits are too often another kind of number.
const (
	shortestCard = 15
	longestCard  = 19
)

// cardEnd returns the end of the card number that begins at s[i], where a run of digits begins, and 0
// if there is none. It is one run, or groups of four (or six, as on American Express cards) separated
// by a blank or hyphen.
func cardEnd(s []byte, i int) int {
	for first, n, j := i, 0, i; ; j++ { // n digits so far, the last group from first
		if j < len(s) && isDigit(s[j]) {
			n++
			continue
		}
		if n > longestCard {
			return 0
		}
		if n >= shortestCard && luhn(s[i:j]) {
			return j
		}
		group := j - first
		if j+1 >= len(s) || s[j] != ' ' && s[j] != '-' || !isDigit(s[j+1]) || group != 4 && group != 6 {
			return 0
		}
		first = j + 1
	}
}

// luhn checks the check digit that card numbers end with (ISO/IEC 7812-1, annex B).
func luhn(s []byte) bool {
	sum, double := 0, false
	for _, c := range slices.Backward(s) {
		if !isDigit(c) {
			continue
		}
		d := int(c - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return sum%10 == 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func withoutCards(s []byte) []byte {
	w := walk{doc: s}
	for i := 0; i < len(s); {
		if !isDigit(s[i]) {
			i++
			continue
		}
		end := cardEnd(s, i)
		if end > 0 {
			w.cut(i, end, mask.Redacted)
		}
		for i = max(i, end); i < len(s) && isDigit(s[i]); i++ {
		}
	}
	return w.shown()
}
