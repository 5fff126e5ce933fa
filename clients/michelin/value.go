package michelin

import (
	"strconv"
	"strings"
	"time"

	"orderbeat/clients"
)

// maxPieces is more than anybody orders, and little enough for sums.
const maxPieces = 1_000_000_000

// readQuantity reads a whole number of pieces: 2, "2" or "2.0". A blank is NULL.
func readQuantity(s string) (clients.Quantity, bool) {
	if s == "" {
		return clients.Quantity{}, true
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || n > maxPieces || strings.Trim(fraction, "0") != "" {
		return clients.Quantity{}, false
	}
	return clients.Pieces(int64(n)), true
}

// readSigned is readQuantity for what may be less than nothing, as credited pieces are.
func readSigned(s string) (clients.Quantity, bool) {
	rest, negative := strings.CutPrefix(s, "-")
	q, ok := readQuantity(rest)
	if negative {
		q.N = -q.N
	}
	return q, ok
}

// readAmount reads a decimal number. A blank is NULL.
func readAmount(s string) (clients.Amount, bool) {
	a, err := clients.ParseAmount(s)
	return a, err == nil
}

// readDate reads a day: "2026-01-31", "20260131", or either with a time behind it.
// A blank is NULL. Days that mean "no date" are left to [clients.Order.Normalize].
func readDate(s string) (clients.Date, bool) {
	if s == "" {
		return "", true
	}
	day, _, _ := strings.Cut(s, "T")
	day, _, _ = strings.Cut(day, " ")
	if !strings.Contains(day, "-") && len(day) == len("20060102") {
		day = day[:4] + "-" + day[4:6] + "-" + day[6:]
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return "", false
	}
	return clients.Date(day), true
}
