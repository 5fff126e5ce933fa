package main

import (
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// parseSince reads a length of time before now, or a day, which begins in UTC.
func parseSince(flag, s string, now time.Time) (time.Time, error) {
	if day, err := clients.ParseDate(s); err == nil {
		return day.Time(), nil
	}
	if ago, err := jobs.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, misuse(`--%s: %q is neither a duration such as "24h" or "14d" nor a date such as "2026-01-31"`, flag, s)
}

// sinceAndUntil writes two bounds of a time, where they are given, as the worker reads them.
func sinceAndUntil(since, until *string, now time.Time) error {
	for _, bound := range []struct {
		name string
		text *string
	}{{"since", since}, {"until", until}} {
		if *bound.text == "" {
			continue
		}
		t, err := parseSince(bound.name, *bound.text, now)
		if err != nil {
			return err
		}
		*bound.text = t.UTC().Format(time.RFC3339)
	}
	return nil
}

// minute is how tables show a time: UTC, to the minute; "-" for none.
func minute(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// second is minute to the second.
func second(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateTime)
}

// dayRange are the days that a run asks for, as they are given.
type dayRange struct{ from, to, lookback string }

// params are those of a window.
func (o dayRange) params() (map[string]string, error) {
	given := map[string]string{}
	for _, end := range []struct{ name, day string }{{"from", o.from}, {"to", o.to}} {
		if end.day == "" {
			continue
		}
		if _, err := clients.ParseDate(end.day); err != nil {
			return nil, misuse("--%s: %v", end.name, err)
		}
		given[end.name] = end.day
	}
	if o.to != "" && o.from == "" {
		return nil, misuse("--to needs --from")
	}
	if o.lookback != "" {
		if _, err := jobs.ParseDuration(o.lookback); err != nil {
			return nil, misuse("--lookback: %v", err)
		}
		given["lookback"] = o.lookback
	}
	return given, nil
}
