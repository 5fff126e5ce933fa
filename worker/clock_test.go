package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/db/schedules"
	"orderbeat/jobs"
	"orderbeat/worker"
)

// The clock was two hours ahead, so that coming due times are recorded already.
func TestDueTimesRunAgainAfterABackwardClockChange(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first := startIn(t, folder, nil)
	now := time.Now()
	for n := range 30 {
		tick := schedules.Tick{Schedule: "often", DueAt: now.Add(time.Duration(n) * time.Second), Outcome: "started"}
		if _, err := first.db.RecordTicks(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	b := startIn(t, folder, func(c *worker.Config) {
		c.Schedules = []worker.Schedule{{Name: "often", Cron: cron.Every(time.Second), Provider: "michelin", Kind: "sync", Overlap: "allow", CatchUp: "none"}}
	})
	if r := b.result(1); r.State != jobs.Succeeded || r.Trigger != "schedule:often" {
		t.Errorf("got %+v, want the schedule's run", r)
	}
	last, ok, err := b.db.LastTick(t.Context(), "often")
	if err != nil || !ok || last.Outcome != "started" || !strings.HasPrefix(last.Reason, "the clock was set back: ") {
		t.Errorf("got %+v, %v, want it to say why", last, err)
	}
}
