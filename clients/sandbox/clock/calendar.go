package clock

import (
	"time"
	_ "time/tzdata" // the calendar must not depend on installed zone files
)

// Date is a day, counted from 1 January 1970.
type Date int64

// DaySeconds is the length of a day.
const DaySeconds = 24 * 60 * 60

// DateOf returns t's day in t's own zone.
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

// String is the date as "2006-01-02".
func (d Date) String() string {
	return time.Unix(int64(d)*DaySeconds, 0).UTC().Format(time.DateOnly)
}

// Zone returns the time zone of a provider's customers.
func Zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // zone files are embedded
	}
	return z
}

// FloorDiv divides rounding down, also below zero.
func FloorDiv(a, b int64) int64 { return (a - FloorMod(a, b)) / b }

// FloorMod is the remainder of [FloorDiv].
func FloorMod(a, b int64) int64 { return ((a % b) + b) % b }
