package clock

import (
	"time"
	_ "time/tzdata" // the calendar must be the same where no zone files are installed
)

// Date is a day of the calendar, counted from 1 January 1970.
type Date int64

// DaySeconds is how long a day of the calendar is.
const DaySeconds = 24 * 60 * 60

// DateOf is t's day in t's own zone.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / DaySeconds)
}

// ParseDate reads "2006-01-02".
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, err
	}
	return DateOf(t), nil
}

// String is the date as the wire has it, "2006-01-02".
func (d Date) String() string {
	return time.Unix(int64(d)*DaySeconds, 0).UTC().Format(time.DateOnly)
}

// Zone is where a provider's customers live.
func Zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // they are embedded
	}
	return z
}

// FloorDiv divides rounding down, also below zero.
func FloorDiv(a, b int64) int64 { return (a - FloorMod(a, b)) / b }

// FloorMod is what [FloorDiv] leaves.
func FloorMod(a, b int64) int64 { return ((a % b) + b) % b }
