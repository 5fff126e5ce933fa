package michelin

import (
	"strconv"
	"strings"
	"time"

	"orderbeat/clients"
)

// maxPieces is more than any order has, and small enough to add up without overflow.
const maxPieces = 1_000_000_000

// readPieces reads a number of pieces, which must not be negative; why says what is wrong with it. A
// blank is NULL.
func readPieces(s string) (q clients.Quantity, why string) {
	q, why = readSigned(s)
	if q.N < 0 {
		return clients.Quantity{}, "is negative"
	}
	return q, why
}

// readSigned reads a whole number of pieces: 2, "2.0", 20e-1, "1,200", "-4" or "4-". A blank
// is NULL.
func readSigned(s string) (q clients.Quantity, why string) {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil && n <= maxPieces { // the usual case
		return clients.Pieces(int64(n)), ""
	}
	const notWhole = "is not a whole number of pieces"
	a, why := readAmount(s)
	if a == "" {
		if why != "" {
			why = notWhole
		}
		return clients.Quantity{}, why
	}
	whole, decimals, _ := strings.Cut(string(a), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	switch {
	case err != nil || strings.Trim(decimals, "0") != "":
		return clients.Quantity{}, notWhole
	case n > maxPieces || n < -maxPieces:
		return clients.Quantity{}, "is more than 1000000000 pieces"
	}
	return clients.Pieces(n), ""
}

// readAmount reads a decimal number. A blank is NULL.
func readAmount(s string) (a clients.Amount, why string) {
	plain, ok := clients.PlainNumber(s, clients.DecimalEither)
	a, err := clients.ParseAmount(plain)
	if !ok || err != nil {
		return "", "is not a number"
	}
	return a, ""
}

// readDate reads a day: "2026-01-31", "20260131", "2026/01/31", or any of them followed by a zone or
// a time, which does not change the day. A blank is NULL, and so is a day of zeros or nines only,
// which means "no date". [clients.Order.Normalize] handles other such days.
func readDate(s string) (d clients.Date, why string) {
	if t, err := time.Parse(time.DateOnly, s); err == nil && t.Year() > 0 { // the usual case
		return clients.Date(s), ""
	}
	day, behind := s, ""
	if at := strings.IndexAny(s, "Tt \t"); at >= 0 {
		day, behind = s[:at], s[at+1:]
	}
	day = withoutZone(day)
	if isPlaceholder(day) {
		return "", ""
	}
	day = strings.ReplaceAll(strings.ReplaceAll(day, "/", "-"), ".", "-")
	if digits(day) && (len(day) == len("20060102") || len(day) == len("20060102150405")) {
		day = day[:4] + "-" + day[4:6] + "-" + day[6:8]
	}
	t, err := time.Parse("2006-1-2", day)
	if err != nil {
		return "", "is not a date"
	}
	if strings.HasPrefix(behind, "24:00") {
		t = t.AddDate(0, 0, 1)
	}
	return clients.DateOf(t), ""
}

// withoutZone removes the zone that XML Schema allows after a date: "Z", "+01:00".
func withoutZone(day string) string {
	at := strings.IndexAny(day, "Zz+")
	if at < 0 && strings.Count(day, "-") == 3 {
		at = strings.LastIndexByte(day, '-')
	}
	if at < 0 || strings.Trim(day[at+1:], "0123456789:") != "" {
		return day
	}
	return day[:at]
}

// isPlaceholder reports whether a date is written with zeros only, or with nines only.
func isPlaceholder(day string) bool {
	number := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-/.", r) {
			return -1
		}
		return r
	}, day)
	return number != "" && (strings.Trim(number, "0") == "" || len(number) >= 6 && strings.Trim(number, "9") == "")
}
