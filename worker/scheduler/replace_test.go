package scheduler_test

import (
	"context"
	"testing"
	"time"

	"orderbeat/worker/settings"
)

func TestReplacedSchedules(t *testing.T) {
	named := func(s settings.Schedule, name string) settings.Schedule { s.Name = name; return s }
	bubble(t, func(b *bench) {
		same, gone := named(every(10*time.Second), "same"), named(every(10*time.Second), "gone")
		changed, faster := named(every(10*time.Second), "changed"), named(every(40*time.Second), "faster")
		hourly := named(spec(t, "* * * * *"), "hourly")
		b.start(nil, same, gone, changed, faster, hourly)
		time.Sleep(25 * time.Second)
		for range 3 { // the first changes nothing
			b.Replace(context.Background(), []settings.Schedule{same, gone, changed, faster, hourly}, func() {})
		}
		changed.Params, faster, hourly = []byte(`{"lookback":"3d"}`), named(every(10*time.Second), "faster"), named(spec(t, "0 * * * *"), "hourly")
		added := named(every(10*time.Second), "added")
		added.AtStart = true
		swapped := false
		b.Replace(context.Background(), []settings.Schedule{added, same, changed, faster, hourly}, func() { swapped = true })
		if !swapped {
			t.Error("the settings were not replaced")
		}
		time.Sleep(22 * time.Second)
		b.want("an unchanged one keeps its times", "same", "00:00:10 started", "00:00:20 started", "00:00:30 started", "00:00:40 started")
		b.want("a removed one ends", "gone", "00:00:10 started", "00:00:20 started")
		b.want("other params keep the times", "changed", "00:00:10 started", "00:00:20 started", "00:00:30 started", "00:00:40 started")
		b.want("a shorter interval misses nothing", "faster", "00:00:26 started", "00:00:36 started", "00:00:46 started")
		b.want("a new one begins as at a start", "added", "00:00:25 started: at start", "00:00:35 started", "00:00:45 started")
		b.want("another cron spec misses nothing", "hourly")
	})
}

// A due time that waits for its jitter is not missed when the schedule changes.
func TestReplacedScheduleWithJitter(t *testing.T) {
	bubble(t, func(b *bench) {
		s := every(time.Minute)
		s.Jitter = 50 * time.Second
		b.start(nil, s)
		time.Sleep(60*time.Second + time.Millisecond)
		s.Params = []byte(`{}`)
		b.Replace(context.Background(), []settings.Schedule{s}, func() {})
		b.want("it is started", "s", "00:01:00 started")
	})
}

func TestReplacedBeforeTheStart(t *testing.T) {
	bubble(t, func(b *bench) {
		b.start(nil)
		b.stop()
		b.Replace(context.Background(), []settings.Schedule{every(time.Second)}, func() {})
		if _, known := b.NextDue("s"); known {
			t.Error("a schedule runs that was not started")
		}
	})
}
