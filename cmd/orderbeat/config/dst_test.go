package config_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/cmd/orderbeat/config"
)

// schedule loads one schedule.
func schedule(t *testing.T, spec, zone, dst string) config.Schedule {
	t.Helper()
	return load(t, least+fmt.Sprintf("[[schedules]]\nname = \"s\"\ncron = %q\ntimezone = %q\ndst = %q\nprovider = \"michelin\"\nkind = \"sync\"\n",
		spec, zone, dst)).Schedules[0]
}

func TestDueTimesAroundClockChanges(t *testing.T) {
	for _, test := range []struct {
		name, spec, zone, dst, after string
		want                         []string
	}{
		// New York: at 2026-03-08 02:00 to 03:00, at 2026-11-01 02:00 back to 01:00.
		{
			"a skipped time runs after the gap", "30 2 * * *", "America/New_York", "once", "2026-03-07T12:00:00Z",
			[]string{"2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"},
		},
		{
			"a skipped time does not run when strict", "30 2 * * *", "America/New_York", "strict", "2026-03-07T12:00:00Z",
			[]string{"2026-03-09T02:30:00-04:00", "2026-03-10T02:30:00-04:00"},
		},
		{
			"a repeated time runs once", "30 1 * * *", "America/New_York", "once", "2026-10-31T12:00:00Z",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"},
		},
		{
			"a repeated time runs twice when strict", "30 1 * * *", "America/New_York", "strict", "2026-10-31T12:00:00Z",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", "2026-11-02T01:30:00-05:00"},
		},
		{
			"skipped times coincide with what is due after the gap", "*/30 * * * *", "America/New_York", "once", "2026-03-08T06:29:00Z",
			[]string{"2026-03-08T01:30:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-08T03:30:00-04:00"},
		},
		{
			"a spec with a step keeps real time in the repeated hour", "*/30 * * * *", "America/New_York", "once", "2026-11-01T05:00:00Z",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T01:30:00-05:00", "2026-11-01T02:00:00-05:00"},
		},
		{
			"asked within the repeated hour", "*/30 * * * *", "America/New_York", "once", "2026-11-01T06:10:00Z",
			[]string{"2026-11-01T01:30:00-05:00", "2026-11-01T02:00:00-05:00"},
		},
		{
			"every hour keeps real time", "@hourly", "America/New_York", "once", "2026-11-01T04:30:00Z",
			[]string{"2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T02:00:00-05:00"},
		},
		{
			"a minute of every hour keeps real time in spring", "30 * * * *", "America/New_York", "once", "2026-03-08T06:00:00Z",
			[]string{"2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00"},
		},
		{
			"every minute of a fixed hour keeps real time", "*/30 1 * * *", "America/New_York", "once", "2026-11-01T04:59:00Z",
			[]string{"2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T01:30:00-05:00", "2026-11-02T01:00:00-05:00"},
		},
		{
			"a range with a step keeps real time", "0-59/20 * * * *", "Europe/Berlin", "once", "2026-10-25T00:30:00Z",
			[]string{"2026-10-25T02:40:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:20:00+01:00"},
		},
		{
			"a list of fixed times runs once", "0,30 1,2 * * *", "America/New_York", "once", "2026-11-01T04:59:00Z",
			[]string{"2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-01T02:00:00-05:00", "2026-11-01T02:30:00-05:00"},
		},
		{
			"steps of hours where half an hour is repeated", "0 */2 * * *", "Australia/Lord_Howe", "once", "2026-04-04T14:40:00Z",
			[]string{"2026-04-05T02:00:00+10:30", "2026-04-05T04:00:00+10:30"},
		},
		{
			"steps where half an hour is skipped", "*/15 * * * *", "Australia/Lord_Howe", "once", "2026-10-03T15:10:00Z",
			[]string{"2026-10-04T01:45:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T02:45:00+11:00"},
		},
		{
			"the end of the gap itself", "0 3 * * *", "America/New_York", "once", "2026-03-07T12:00:00Z",
			[]string{"2026-03-08T03:00:00-04:00", "2026-03-09T03:00:00-04:00"},
		},
		{
			"the beginning of the gap itself", "0 2 * * *", "America/New_York", "once", "2026-03-07T12:00:00Z",
			[]string{"2026-03-08T03:00:00-04:00", "2026-03-09T02:00:00-04:00"},
		},
		{
			"the end of the repeated hour", "0 2 * * *", "America/New_York", "once", "2026-10-31T12:00:00Z",
			[]string{"2026-11-01T02:00:00-05:00", "2026-11-02T02:00:00-05:00"},
		},
		// Berlin: at 2026-03-29 02:00 to 03:00, at 2026-10-25 03:00 back to 02:00.
		{
			"Berlin skips", "15 2 * * 0", "Europe/Berlin", "once", "2026-03-23T00:00:00Z",
			[]string{"2026-03-29T03:00:00+02:00", "2026-04-05T02:15:00+02:00"},
		},
		{
			"Berlin repeats", "15 2 * * *", "Europe/Berlin", "once", "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T02:15:00+02:00", "2026-10-26T02:15:00+01:00"},
		},
		// Lord Howe: half an hour; at 2026-10-04 02:00 to 02:30, at 2026-04-05 02:00 back to 01:30.
		{
			"Lord Howe skips", "15 2 * * *", "Australia/Lord_Howe", "once", "2026-10-03T00:00:00Z",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"},
		},
		{
			"Lord Howe repeats", "45 1 * * *", "Australia/Lord_Howe", "once", "2026-04-04T00:00:00Z",
			[]string{"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"},
		},
		{
			"Berlin skips when strict", "15 2 * * *", "Europe/Berlin", "strict", "2026-03-28T12:00:00Z",
			[]string{"2026-03-30T02:15:00+02:00", "2026-03-31T02:15:00+02:00"},
		},
		{
			"Berlin repeats when strict", "15 2 * * *", "Europe/Berlin", "strict", "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T02:15:00+02:00", "2026-10-25T02:15:00+01:00", "2026-10-26T02:15:00+01:00"},
		},
		{
			"Lord Howe skips when strict", "15 2 * * *", "Australia/Lord_Howe", "strict", "2026-10-03T00:00:00Z",
			[]string{"2026-10-05T02:15:00+11:00", "2026-10-06T02:15:00+11:00"},
		},
		{
			"Lord Howe repeats when strict", "45 1 * * *", "Australia/Lord_Howe", "strict", "2026-04-04T00:00:00Z",
			[]string{"2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30", "2026-04-06T01:45:00+10:30"},
		},
		{
			"UTC never changes when strict either", "30 2 * * *", "UTC", "strict", "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T02:30:00Z", "2026-10-26T02:30:00Z"},
		},
		{
			"UTC never changes", "30 2 * * *", "UTC", "once", "2026-03-07T12:00:00Z",
			[]string{"2026-03-08T02:30:00Z", "2026-03-09T02:30:00Z"},
		},
		{
			"descriptors are local times too", "@daily", "America/New_York", "once", "2026-10-31T12:00:00Z",
			[]string{"2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"},
		},
		{
			"@every knows no zone", "@every 30m", "America/New_York", "once", "2026-11-01T05:10:00Z",
			[]string{"2026-11-01T01:40:00-04:00", "2026-11-01T01:10:00-05:00", "2026-11-01T01:40:00-05:00"},
		},
		{
			"a day that comes once in four years", "0 0 29 2 *", "America/New_York", "once", "2026-01-01T00:00:00Z",
			[]string{"2028-02-29T00:00:00-05:00"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			after, err := time.Parse(time.RFC3339, test.after)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, due := range schedule(t, test.spec, test.zone, test.dst).Due(after, len(test.want)) {
				got = append(got, due.Format(time.RFC3339))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("due (-want +got):\n%s", diff)
			}
		})
	}
}

// Clock changes must neither stop nor accelerate a schedule that is due every few minutes.
func TestStepsKeepTheirDistanceAllYear(t *testing.T) {
	for _, zone := range []string{"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"} {
		s := schedule(t, "*/15 * * * *", zone, "once")
		last := s.Cron.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		for end := last.AddDate(1, 0, 0); last.Before(end); {
			next := s.Cron.Next(last)
			if gap := next.Sub(last); gap != 15*time.Minute {
				t.Fatalf("%s: after %s comes %s, %s later", zone, last, next, gap)
			}
			last = next
		}
	}
}

func TestDueTimesAlwaysAdvance(t *testing.T) {
	for _, zone := range []string{"America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"} {
		for _, spec := range []string{"*/7 * * * *", "0,7,14,45 1,2,3,4 * * *"} {
			s := schedule(t, spec, zone, "once")
			at := time.Date(2011, 12, 1, 0, 0, 0, 0, time.UTC)
			for end := at.AddDate(1, 0, 0); at.Before(end); {
				next := s.Cron.Next(at)
				if !next.After(at) {
					t.Fatalf("%s: after %s comes %s", zone, at, next)
				}
				at = next
			}
		}
	}
}
