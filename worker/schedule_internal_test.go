package worker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"
)

// The engine asks for the next due time at 12:04:30, when it has run that of 12:01.
func TestDueTimesThatTheEngineNeverRanAreKnown(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	var overslept []time.Time
	everyMinute, err := cron.ParseStandard("* * * * *")
	if err != nil {
		t.Fatal(err)
	}
	p := &planned{Schedule: everyMinute, from: noon, reckoning: newReckoning(), overslept: func(due []time.Time) { overslept = append(overslept, due...) }}
	minute := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	told := []time.Time{p.Next(noon), p.Next(minute(4).Add(30 * time.Second)), p.Next(minute(5)), p.Next(minute(6))}
	if diff := cmp.Diff([]time.Time{minute(1), minute(5), minute(6), minute(7)}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]time.Time{minute(2), minute(3), minute(4)}, overslept); diff != "" {
		t.Errorf("overslept (-want +got):\n%s", diff)
	}
	for _, want := range told {
		if got := p.take(); !got.Equal(want) {
			t.Errorf("took %s, want %s", got, want)
		}
	}
}
