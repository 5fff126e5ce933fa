package jobs_test

import (
	"testing"
	"time"

	"orderbeat/jobs"
)

func TestFormatDurationOmitsTrailingZeros(t *testing.T) {
	for d, want := range map[time.Duration]string{
		2 * time.Hour: "2h", 90 * time.Minute: "1h30m", 15 * time.Minute: "15m", time.Second: "1s", 10 * time.Hour: "10h", 30*time.Hour + 10*time.Minute: "30h10m",
	} {
		if got := jobs.FormatDuration(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
