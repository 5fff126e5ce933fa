package scheduler_test

import (
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/worker/scheduler"
)

func TestDueTimeIsNextAfterTheTimeBefore(t *testing.T) {
	t.Parallel()
	weekly, err := cron.ParseStandard("30 6 * * 1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []cron.Schedule{cron.Every(2 * time.Second), cron.Every(time.Hour), weekly} {
		due := c.Next(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
		if next := c.Next(scheduler.Before(c, due)); !next.Equal(due) {
			t.Errorf("%v: got %s, want %s", c, next, due)
		}
	}
}
