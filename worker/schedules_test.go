package worker_test

import (
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/jobs"
	"orderbeat/worker"
)

// scheduled runs a worker with a schedule that is due each second.
func scheduled(t *testing.T) *bench {
	t.Helper()
	return start(t, func(c *worker.Config) {
		c.Schedules = []worker.Schedule{{
			Name: "often", Spec: "@every 1s", Zone: "UTC", Cron: cron.Every(time.Second), Provider: "michelin", Kind: "sync",
			Accounts: []string{"detroit"}, Overlap: "skip", CatchUp: "none",
		}}
	})
}

func TestAPausedScheduleStartsNothing(t *testing.T) {
	t.Parallel()
	b := scheduled(t)
	var reply struct {
		Schedule struct {
			Name  string
			Pause *struct{ Note string }
		}
	}
	b.decode(b.request("schedules.pause", `{"name":"often","note":"maintenance"}`, nil).Data, &reply)
	if reply.Schedule.Pause == nil || reply.Schedule.Pause.Note != "maintenance" {
		t.Fatalf("got %+v, want it paused", reply)
	}
	paused := time.Now()
	var skipped int
	b.eventually("due times are skipped", func() bool {
		ticks, err := b.db.Ticks(t.Context(), "often", paused, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		skipped = 0
		for _, tick := range ticks {
			if tick.Outcome == "skipped" && tick.Reason == "paused: maintenance" && tick.RunID == "" {
				skipped++
			}
		}
		return skipped >= 2
	})
	// Somebody starts it all the same.
	if g := b.ask("schedules.trigger", `{"name":"often"}`); g.Run.Trigger != "schedule:often" || g.Run.Jobs.Total != 1 {
		t.Errorf("got %+v, want a run of its account", g.Run)
	}
	b.decode(b.request("schedules.resume", `{"name":"often"}`, nil).Data, &struct{}{})
	resumed := time.Now()
	b.eventually("due times start runs again", func() bool {
		ticks, err := b.db.Ticks(t.Context(), "often", resumed, time.Now().Add(time.Minute))
		return err == nil && len(ticks) > 0 && ticks[len(ticks)-1].Outcome == "started" && ticks[len(ticks)-1].RunID != ""
	})
	var list struct {
		Schedules []struct {
			Name     string
			Cron     string
			NextDue  time.Time                 `json:"next_due_at"`
			LastTick *struct{ Outcome string } `json:"last_tick"`
			Pause    *struct{}
		}
	}
	b.decode(b.request("schedules.list", `{}`, nil).Data, &list)
	if len(list.Schedules) != 1 || list.Schedules[0].Cron != "@every 1s" || list.Schedules[0].LastTick == nil || list.Schedules[0].Pause != nil || time.Until(list.Schedules[0].NextDue) > 2*time.Second {
		t.Errorf("got %+v", list)
	}
	for _, endpoint := range []string{"schedules.pause", "schedules.resume", "schedules.trigger"} {
		if g := b.ask(endpoint, `{"name":"never"}`); g.Error.Code != "not_found" || g.Error.Hint != "configured: often" {
			t.Errorf("%s: got %+v, want not_found", endpoint, g.Error)
		}
	}
}

// A run that is triggered leaves out the accounts that still work at an earlier one.
func TestATriggerKeepsToTheOverlap(t *testing.T) {
	t.Parallel()
	b := scheduled(t)
	asked, _ := b.held()
	<-asked
	if g := b.ask("schedules.trigger", `{"name":"often"}`); g.Run.Jobs.Total != 0 || g.Run.State != jobs.Succeeded {
		t.Errorf("got %+v, want a run that has nothing to ask", g.Run)
	}
}
