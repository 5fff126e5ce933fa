package sandbox

import (
	"time"
	_ "time/tzdata" // the calendar must be the same where no zone files are installed
)

// date is a day of the calendar, counted from 1 January 1970.
type date int64

const dayOfSeconds = 24 * 60 * 60

// dateOf is t's day in t's own zone.
func dateOf(t time.Time) date {
	year, month, day := t.Date()
	return date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / dayOfSeconds)
}

// parseDate reads "2006-01-02".
func parseDate(s string) (date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, err
	}
	return dateOf(t), nil
}

// String is the date as the wire has it, "2006-01-02".
func (d date) String() string {
	return time.Unix(int64(d)*dayOfSeconds, 0).UTC().Format(time.DateOnly)
}

// zone is where a provider's customers live.
func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // they are embedded
	}
	return z
}

// floorDiv divides rounding down, also below zero; floorMod is what it leaves.
func floorDiv(a, b int64) int64 { return (a - floorMod(a, b)) / b }
func floorMod(a, b int64) int64 { return ((a % b) + b) % b }
