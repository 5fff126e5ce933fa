package cli

import (
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// ParseSince reads a length of time before now, or a day, which begins in UTC.
func ParseSince(flag, s string, now time.Time) (time.Time, error) {
	if day, err := clients.ParseDate(s); err == nil {
		return day.Time(), nil
	}
	if ago, err := jobs.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, Misuse(`--%s: %q is neither a duration such as "24h" or "14d" nor a date such as "2026-01-31"`, flag, s)
}

// ParsePeriod writes two bounds of a time, where they are given, as the worker reads them.
func ParsePeriod(since, until *string, now time.Time) error {
	for _, bound := range []struct {
		name string
		text *string
	}{{"since", since}, {"until", until}} {
		if *bound.text == "" {
			continue
		}
		t, err := ParseSince(bound.name, *bound.text, now)
		if err != nil {
			return err
		}
		*bound.text = t.UTC().Format(time.RFC3339)
	}
	return nil
}

// Minute is how tables show a time: UTC, to the minute; "-" for none.
func Minute(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// Second is minute to the second.
func Second(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateTime)
}

// DayRange are the days that a run asks for, as they are given.
type DayRange struct{ From, To, Lookback string }

// Params are those of a window.
func (o DayRange) Params() (map[string]string, error) {
	given := map[string]string{}
	for _, end := range []struct{ name, day string }{{"from", o.From}, {"to", o.To}} {
		if end.day == "" {
			continue
		}
		if _, err := clients.ParseDate(end.day); err != nil {
			return nil, Misuse("--%s: %v", end.name, err)
		}
		given[end.name] = end.day
	}
	if o.To != "" && o.From == "" {
		return nil, Misuse("--to needs --from")
	}
	if o.Lookback != "" {
		if _, err := jobs.ParseDuration(o.Lookback); err != nil {
			return nil, Misuse("--lookback: %v", err)
		}
		given["lookback"] = o.Lookback
	}
	return given, nil
}
