package jobs

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads a length of time as people write it in configuration and
// params: what [time.ParseDuration] takes, and whole days, "14d".
func ParseDuration(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	const mostDays = 100_000
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < -mostDays || n > mostDays {
			return 0, fmt.Errorf("%s is not a length of time: write it like \"14d\"", quote(s))
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%s is not a length of time: write it like \"30s\", \"15m\", \"6h\" or \"14d\"", quote(s))
	}
	return d, nil
}

// FormatDuration is a length of time as [ParseDuration] reads it, without zeros at its end:
// "2h", not "2h0m0s".
func FormatDuration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
