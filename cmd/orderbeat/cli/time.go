package cli

import (
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// ParseSince parses a duration before now, or a date (midnight UTC).
func ParseSince(flag, s string, now time.Time) (time.Time, error) {
	if day, err := clients.ParseDate(s); err == nil {
		return day.Time(), nil
	}
	if ago, err := jobs.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, Misuse(`--%s: %q is neither a duration such as "24h" or "14d" nor a date such as "2026-01-31"`, flag, s)
}

// ParsePeriod replaces two bounds, each if it is set, by the times that the worker expects.
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

// Minute formats a time for tables: UTC, to the minute; "-" if zero.
func Minute(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// Second is [Minute] to the second.
func Second(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateTime)
}

// DayRange is a date range as given by flags.
type DayRange struct{ From, To, Lookback string }

// Params returns the parameters of a run over the date range.
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
