package worker_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
	"orderbeat/worker"
)

// often is a schedule that is due every second.
var often = worker.Schedule{
	Name: "often", Spec: "@every 1s", Zone: "UTC", Cron: cron.Every(time.Second), Provider: "michelin", Kind: "sync",
	Accounts: []string{"detroit"}, Overlap: "skip", CatchUp: "none",
}

// scheduled runs a worker with that schedule.
func scheduled(t *testing.T) *bench {
	t.Helper()
	return start(t, func(c *worker.Config) { c.Schedules = []worker.Schedule{often} })
}

func TestPausedScheduleStartsNothing(t *testing.T) {
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
	// It is triggered while it is paused.
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

// A triggered run leaves out the accounts that still have jobs of an earlier one.
func TestTriggerHonoursTheOverlapPolicy(t *testing.T) {
	t.Parallel()
	b := scheduled(t)
	asked, _ := b.held()
	<-asked
	if g := b.ask("schedules.trigger", `{"name":"often"}`); g.Run.Jobs.Total != 0 || g.Run.State != jobs.Succeeded {
		t.Errorf("got %+v, want a run that has nothing to ask", g.Run)
	}
}

// While the database rejects writes, due times wait; none is lost.
func TestEveryDueTimeIsRecorded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := startIn(t, folder, func(c *worker.Config) {
		listening(c)
		c.Schedules = []worker.Schedule{often}
	})
	recorded := func() []schedules.Tick {
		ticks, err := b.db.Ticks(t.Context(), "often", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return ticks
	}
	b.eventually("there is a tick", func() bool { return len(recorded()) > 0 })
	file, err := sql.Open("sqlite3", filepath.Join(folder, "orderbeat.db")+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	exec := func(statement string) {
		if _, err := file.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TRIGGER full BEFORE INSERT ON ticks BEGIN SELECT raise(ABORT, 'database or disk is full'); END")
	before := len(recorded())
	time.Sleep(3 * time.Second) // two due times at least
	if n := len(recorded()); n != before {
		t.Fatalf("got %d ticks, want no more than the %d before", n, before)
	}
	exec("DROP TRIGGER full")
	well := time.Now().Truncate(time.Second)
	count := map[string]int{}
	b.eventually("every due time is recorded", func() bool {
		ticks := recorded()
		clear(count)
		for i, tick := range ticks {
			if count[tick.Outcome]++; i > 0 && tick.DueAt.Sub(ticks[i-1].DueAt) != time.Second {
				return false
			}
			if tick.Outcome == "missed" && (tick.Reason != "database unavailable" || tick.RunID != "") {
				t.Fatalf("got %+v, want it missed because of the database", tick)
			}
		}
		return ticks[len(ticks)-1].DueAt.After(well)
	})
	if count["missed"] < 2 || count["started"] == 0 {
		t.Errorf("got %v, want those missed that came too late, and the others started", count)
	}
	_, body := b.get("/metrics")
	for _, want := range []string{
		fmt.Sprintf(`orderbeat_ticks_total{outcome="missed",schedule="often"} %d`, count["missed"]),
		`orderbeat_ticks_total{outcome="caught_up",schedule="often"} 0`,
		`orderbeat_account_last_success_timestamp_seconds{account="detroit",provider="michelin"} 1.`,
		`orderbeat_account_last_success_timestamp_seconds{account="st. paul",provider="michelin"} 0`,
	} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("/metrics does not have %s", want)
		}
	}
}

func TestMissedDueTimesRaiseAnAlert(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	at := func(every time.Duration, catchUp string) func(*worker.Config) {
		return func(c *worker.Config) {
			rare := often
			rare.Cron, rare.CatchUp = cron.Every(every), catchUp
			c.Schedules = []worker.Schedule{rare}
		}
	}
	b := startIn(t, folder, at(time.Hour, "none"))
	recorded := schedules.Tick{Schedule: "often", DueAt: time.Now().Add(-3*time.Hour - time.Minute), Outcome: "started"}
	if _, err := b.db.RecordTicks(t.Context(), recorded); err != nil {
		t.Fatal(err)
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b = startIn(t, folder, at(time.Hour, "none"))
	raised := b.alerts(1)[0]
	if raised.Code != "missed_schedule" || raised.State != alerts.AlertRaised || raised.Provider != "michelin" || !strings.HasPrefix(raised.Message, "schedule often: 3 due times were missed") {
		t.Errorf("got %+v, want that three due times were missed", raised)
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	// It is raised once, and survives a restart.
	b = startIn(t, folder, at(time.Second, "last"))
	if resolved := b.alerts(2)[1]; resolved.Code != "missed_schedule" || resolved.State != alerts.AlertResolved || resolved.Message != raised.Message {
		t.Errorf("got %+v, want it resolved", resolved)
	}
}

func TestFailingScheduleIsPaused(t *testing.T) {
	t.Parallel()
	var mended atomic.Bool
	b := start(t, func(c *worker.Config) {
		failing := often
		failing.PauseAfter = 2
		c.Schedules = []worker.Schedule{failing}
		c.Providers[0].Provider.(*supplier).answers(func(context.Context, clients.Query) (clients.Answer, error) {
			if mended.Load() {
				return clients.Answer{}, nil
			}
			return clients.Answer{}, &clients.Error{Code: clients.CodeForbidden, Message: "no"}
		})
	})
	states := func() (all string) {
		ticks, err := b.db.Ticks(t.Context(), "often", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for _, tick := range ticks {
			all += tick.Outcome + " " + tick.Reason + "\n"
		}
		return all
	}
	const failed, paused = "started \n", "skipped paused: 2 failed runs in a row\n"
	b.eventually("it is paused after two failed runs", func() bool { return strings.HasSuffix(states(), paused+paused) })
	began := strings.Count(states(), failed)
	if began < 2 {
		t.Errorf("got %d runs, want 2:\n%s", began, states())
	}
	raised := b.alerts(2) // the account's comes first
	if a := raised[1]; a.Code != "missed_schedule" || a.State != alerts.AlertRaised || a.Message != "schedule often: paused after 2 failed runs in a row" {
		t.Errorf("got %+v, want that it is paused", a)
	}
	// The count of failed runs starts again.
	mended.Store(true)
	b.decode(b.request("schedules.resume", `{"name":"often"}`, nil).Data, &struct{}{})
	b.eventually("it starts runs again", func() bool { return strings.Count(states(), failed) >= began+3 })
	resolved := b.alerts(4)
	if !slices.ContainsFunc(resolved, func(a alerts.Alert) bool { return a.Code == "missed_schedule" && a.State == alerts.AlertResolved }) {
		t.Errorf("got %+v, want that it is resolved", resolved)
	}
}
