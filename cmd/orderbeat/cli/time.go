package cli

import (
	"time"

	"github.com/spf13/cobra"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// zone is the time zone of printed times and of dates in flags.
func (a *App) zone() *time.Location {
	if a.Zone == nil {
		return time.UTC
	}
	return a.Zone
}

// Head returns the heading of a column with times: "CHANGED (UTC)".
func (a *App) Head(title string) string {
	if a.Zone == nil {
		return title + " (UTC)"
	}
	return title + " (LOCAL)"
}

// Minute formats a time for tables, to the minute; "-" if zero.
func (a *App) Minute(t time.Time) string { return a.format(t, "2006-01-02 15:04") }

// Second is [App.Minute] to the second.
func (a *App) Second(t time.Time) string { return a.format(t, time.DateTime) }

// Moment is [App.Second] with the time zone, for sentences.
func (a *App) Moment(t time.Time) string { return a.format(t, time.DateTime+" MST") }

func (a *App) format(t time.Time, layout string) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(a.zone()).Format(layout)
}

// ParseSince parses a duration before now, or a date (midnight); "" is the zero time.
func (a *App) ParseSince(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if day, err := clients.ParseDate(s); err == nil {
		t := day.Time()
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, a.zone()), nil
	}
	if ago, err := jobs.ParseDuration(s); err == nil && ago >= 0 {
		return time.Now().Add(-ago), nil
	}
	return time.Time{}, Misuse(`--%s: %q is neither a duration such as "24h" or "14d" nor a date such as "2026-01-31"`, flag, s)
}

// ParsePeriod converts the bounds that are set to the format that the worker expects.
func (a *App) ParsePeriod(since, until *string) error {
	for _, bound := range []struct {
		name string
		text *string
	}{{"since", since}, {"until", until}} {
		t, err := a.ParseSince(bound.name, *bound.text)
		if err != nil {
			return err
		}
		if !t.IsZero() {
			*bound.text = t.UTC().Format(time.RFC3339)
		}
	}
	return nil
}

// DayRange is a date range as given by flags.
type DayRange struct{ From, To, Lookback string }

// Flags adds the flags --from, --to and --lookback.
func (o *DayRange) Flags(c *cobra.Command, lookback string) {
	c.Flags().StringVar(&o.From, "from", "", "first day of the range, such as 2026-01-31")
	c.Flags().StringVar(&o.To, "to", "", "last day of the range (default today)")
	c.Flags().StringVar(&o.Lookback, "lookback", "", lookback)
	c.MarkFlagsMutuallyExclusive("from", "lookback")
	c.MarkFlagsMutuallyExclusive("to", "lookback")
}

// Params returns the parameters of a run over the date range.
func (o DayRange) Params() (map[string]any, error) {
	given := map[string]any{}
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
