package cronspec_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/cmd/orderbeat/config/cronspec"
)

// due lists the first n due times after Friday, 2026-11-20 12:00 UTC.
func due(t *testing.T, spec string, n int) (list []string) {
	t.Helper()
	s, err := cronspec.Parse(spec, time.UTC, "once")
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for range n {
		at = s.Next(at)
		list = append(list, at.Format("Mon 01-02 15:04"))
	}
	return list
}

func TestRangesMayWrapAround(t *testing.T) {
	for _, test := range []struct {
		spec string
		want []string
	}{
		{"0 6 * * 7", []string{"Sun 11-22 06:00", "Sun 11-29 06:00"}},
		{"0 6 * * 0", []string{"Sun 11-22 06:00", "Sun 11-29 06:00"}},
		{"0 6 * * FRI-SUN", []string{"Sat 11-21 06:00", "Sun 11-22 06:00", "Fri 11-27 06:00"}},
		{"0 6 * * sat-mon", []string{"Sat 11-21 06:00", "Sun 11-22 06:00", "Mon 11-23 06:00", "Sat 11-28 06:00"}},
		{"0 6 * * 5-7", []string{"Sat 11-21 06:00", "Sun 11-22 06:00", "Fri 11-27 06:00"}},
		{"0 6 * * 1-7", []string{"Sat 11-21 06:00", "Sun 11-22 06:00", "Mon 11-23 06:00"}},
		{"0 6 * * 0-7", []string{"Sat 11-21 06:00", "Sun 11-22 06:00", "Mon 11-23 06:00"}},
		{"0 6 * * 5-1/2", []string{"Sun 11-22 06:00", "Fri 11-27 06:00", "Sun 11-29 06:00"}},
		{"0 6 * * 7-2", []string{"Sun 11-22 06:00", "Mon 11-23 06:00", "Tue 11-24 06:00", "Sun 11-29 06:00"}},
		{"0 22-2 * * *", []string{"Fri 11-20 22:00", "Fri 11-20 23:00", "Sat 11-21 00:00", "Sat 11-21 01:00", "Sat 11-21 02:00", "Sat 11-21 22:00"}},
		{"0 0 1 NOV-FEB *", []string{"Tue 12-01 00:00", "Fri 01-01 00:00", "Mon 02-01 00:00", "Mon 11-01 00:00"}},
		{"55-5/5 * * * *", []string{"Fri 11-20 12:05", "Fri 11-20 12:55", "Fri 11-20 13:00", "Fri 11-20 13:05"}},
		{"50/5 13 * * *", []string{"Fri 11-20 13:50", "Fri 11-20 13:55", "Sat 11-21 13:50"}},
		{"@every 1d", []string{"Sat 11-21 12:00", "Sun 11-22 12:00"}},
		{"@every  90m", []string{"Fri 11-20 13:30", "Fri 11-20 15:00"}},
		{"@weekly", []string{"Sun 11-22 00:00"}},
	} {
		if diff := cmp.Diff(test.want, due(t, test.spec, len(test.want))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.spec, diff)
		}
	}
}

func TestErrorsNameFieldValueAndAllowedValues(t *testing.T) {
	for spec, want := range map[string]string{
		"60 * * * *":          `"60 * * * *": minute "60": "60" must be a number from 0 to 59`,
		"* 24 * * *":          `hour "24": "24" must be a number from 0 to 23`,
		"* 1,25 * * *":        `hour "1,25": "25" must be a number from 0 to 23`,
		"* * 0 * *":           `day of month "0": "0" must be a number from 1 to 31`,
		"* * 1-32 * *":        `day of month "1-32": "32" must be a number from 1 to 31`,
		"* * * 13 *":          `month "13": "13" must be a number from 1 to 12, or a name from JAN to DEC`,
		"* * * FEBRUARY *":    `month "FEBRUARY": "FEBRUARY" must be a number from 1 to 12, or a name from JAN to DEC`,
		"* * * * 8":           `weekday "8": "8" must be a number from 0 to 7 (0 and 7 are Sunday), or a name from SUN to SAT`,
		"* * * * MON-FRIDAY":  `weekday "MON-FRIDAY": "FRIDAY" must be`,
		"*/0 * * * *":         `minute "*/0": the step "0" must be a number from 1 to 60`,
		"*/61 * * * *":        `minute "*/61": the step "61" must be a number from 1 to 60`,
		"* */25 * * *":        `hour "*/25": the step "25" must be a number from 1 to 24`,
		"*/x * * * *":         `the step "x" must be a number from 1 to 60`,
		"*/5/5 * * * *":       `the step "5/5" must be a number from 1 to 60`,
		"5- * * * *":          `minute "5-": "" must be a number from 0 to 59`,
		"1-2-3 * * * *":       `minute "1-2-3": "2-3" must be a number from 0 to 59`,
		"-5 * * * *":          `minute "-5": "" must be a number from 0 to 59`,
		"+5 * * * *":          `minute "+5": "+5" must be a number from 0 to 59`,
		"1,,2 * * * *":        `minute "1,,2": "" must be a number from 0 to 59`,
		"*-5 * * * *":         `minute "*-5": "*" must be a number from 0 to 59`,
		"0 6 L * *":           `day of month "L": "L" must be a number from 1 to 31`,
		"* * * *":             `want 5 fields, got 4`,
		"0 * * * * *":         `want 5 fields, got 6`,
		"":                    `want 5 fields, got 0`,
		"@reboot":             `"@reboot": want one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, or "@every"`,
		"@every":              `from 1s to 366d`,
		"@every 0s":           `from 1s to 366d`,
		"@every -5m":          `from 1s to 366d`,
		"@every 1.5s":         `from 1s to 366d`,
		"@every 367d":         `from 1s to 366d`,
		"@everyday":           `"@everyday": want one of`,
		"0 0 30 FEB *":        `is never due: no month has such a day`,
		"TZ=UTC * * * * *":    `the zone goes into the key timezone`,
		"CRON_TZ=X * * * * *": `the zone goes into the key timezone`,
	} {
		s, err := cronspec.Parse(spec, time.UTC, "once")
		if err == nil || !strings.Contains(err.Error(), want) || s != nil {
			t.Errorf("%s: got %v, %v, want %q", spec, s, err, want)
		}
	}
}
