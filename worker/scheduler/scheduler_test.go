package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"

	"orderbeat/db"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
	"orderbeat/worker/scheduler"
	"orderbeat/worker/settings"
)

// bench runs schedules with a database and a synctest clock of its own.
type bench struct {
	t      *testing.T
	path   string
	db     *db.DB
	config scheduler.Config
	*scheduler.Scheduler
	stop func()
	fail atomic.Bool  // the database rejects runs
	lead atomic.Value // of error: what confirming leadership returns
}

type leadError struct{ error }

// bubble opens a bench in a synctest bubble.
func bubble(t *testing.T, run func(b *bench)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, path: path, stop: func() {}}
		b.open()
		run(b)
		b.stop()
		if err := b.db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (b *bench) open() {
	b.t.Helper()
	var err error
	if b.db, err = db.Open(context.Background(), db.Options{Path: b.path}); err != nil {
		b.t.Fatal(err)
	}
}

// start runs schedules until stop.
func (b *bench) start(elsewhere map[string]time.Time, configured ...settings.Schedule) {
	b.t.Helper()
	b.config = scheduler.Config{
		DB: b.db, Schedules: configured, Log: slog.New(slog.DiscardHandler),
		Ticks:        prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ticks"}, []string{"schedule", "outcome"}),
		Confirm:      func(context.Context) error { err, _ := b.lead.Load().(leadError); return err.error },
		PausedItself: func(context.Context, string, *schedules.Pause) {},
		Start: func(ctx context.Context, tick schedules.Tick, r jobs.Request, claim func() error) (schedules.Started, error) {
			if err := claim(); err != nil {
				return schedules.Started{}, err
			}
			if b.fail.Load() {
				return schedules.Started{}, errors.New("disk full")
			}
			run, _, _ := jobs.Plan(r, map[string]jobs.Target{}, time.Now()) // it fails, which is a run too
			return b.db.StartTick(ctx, tick, run, nil)
		},
	}
	b.Scheduler = scheduler.New(b.config)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.Run(ctx, elsewhere)
	}()
	b.stop = func() { cancel(); <-ended; b.stop = func() {} }
}

// ticks lists the ticks of a schedule, as "12:00:10 started: reason".
func (b *bench) ticks(name string) (list []string) {
	b.t.Helper()
	ticks, err := b.db.Ticks(context.Background(), name, time.Time{}, time.Now().Add(100*24*time.Hour))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, tick := range ticks {
		text := tick.DueAt.Format("15:04:05 ") + tick.Outcome
		if tick.Reason != "" {
			text += ": " + tick.Reason
		}
		if (tick.Outcome == "started" || tick.Outcome == "caught_up") != (tick.RunID != "") {
			b.t.Errorf("got %+v, want a run exactly if one was started", tick)
		}
		list = append(list, text)
	}
	return list
}

func (b *bench) want(what, name string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.ticks(name)); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// nextDue checks the next due time according to the database and, while it runs, the scheduler.
func (b *bench) nextDue(what string, s settings.Schedule, want string) {
	b.t.Helper()
	w, err := b.db.Watermark(context.Background(), s.Name)
	if err != nil {
		b.t.Fatal(err)
	}
	stored := "unknown"
	if next, ok := scheduler.NextDue(s.Cron, w, time.Now()); ok {
		stored = next.Format("15:04:05")
	}
	if stored != want {
		b.t.Errorf("%s: the database has %s, want %s", what, stored, want)
	}
	if b.Scheduler == nil {
		return
	}
	if next, ok := b.NextDue(s.Name); !ok || next.Format("15:04:05") != want {
		b.t.Errorf("%s: the scheduler has %s, %v, want %s", what, next, ok, want)
	}
}

func every(d time.Duration) settings.Schedule {
	return settings.Schedule{Name: "s", Cron: cron.Every(d), Provider: "michelin", Kind: "sync", Overlap: "allow", CatchUp: "none"}
}

func spec(t *testing.T, text string) settings.Schedule {
	t.Helper()
	s := every(time.Second)
	parsed, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse("TZ=UTC " + text)
	if err != nil {
		t.Fatal(err)
	}
	s.Cron = parsed
	return s
}

// The clock of a bubble starts at midnight.
func TestEveryCountsFromItsFirstStart(t *testing.T) {
	bubble(t, func(b *bench) {
		s := every(10 * time.Minute)
		b.nextDue("before any worker has it", s, "unknown")
		b.start(nil, s)
		for range 2 { // a worker that is restarted every 4 minutes
			time.Sleep(4 * time.Minute)
			b.nextDue("before its first due time", s, "00:10:00")
			b.stop()
			b.start(nil, s)
		}
		time.Sleep(2*time.Minute + time.Second)
		b.want("after three starts", "s", "00:10:00 started")
		b.stop()
		time.Sleep(3 * time.Minute)
		b.start(nil, s)
		time.Sleep(time.Second)
		b.nextDue("after another start", s, "00:20:00")
	})
}

func TestNextDue(t *testing.T) {
	bubble(t, func(b *bench) {
		s := every(time.Minute)
		b.start(nil, s)
		time.Sleep(90 * time.Second)
		for range 3 { // it is the same each time
			b.nextDue("while it runs", s, "00:02:00")
			time.Sleep(10*time.Second - time.Millisecond)
		}
		if err := b.db.PauseSchedule(context.Background(), "s", "", time.Now()); err != nil {
			t.Fatal(err)
		}
		b.nextDue("while it is paused", s, "00:02:00")
		time.Sleep(time.Minute)
		b.want("a paused due time is skipped", "s", "00:01:00 started", "00:02:00 skipped: paused")
		b.stop()
		b.Scheduler = nil
		time.Sleep(10 * time.Minute)
		b.nextDue("while no worker runs", s, "00:13:00")
		b.nextDue("of a spec, while no worker runs", spec(t, "30 6 * * *"), "06:30:00")
	})
}

func TestFollowerKnowsTheLeadersTicks(t *testing.T) {
	bubble(t, func(b *bench) {
		s := every(10 * time.Minute)
		s.CatchUp = "all"
		time.Sleep(26 * time.Minute)
		from := time.Now().Add(-23 * time.Minute) // the last tick elsewhere was at 00:03
		b.start(map[string]time.Time{"s": from}, s)
		time.Sleep(time.Second)
		b.want("unrecorded due times are caught up", "s", "00:13:00 caught_up: not running", "00:23:00 caught_up: not running")
		b.nextDue("next", s, "00:33:00")
	})
}

// The database has the progress of the previous leader before the first tick here.
func TestNextDueAfterATakeOver(t *testing.T) {
	bubble(t, func(b *bench) {
		s := every(10 * time.Minute)
		time.Sleep(26 * time.Minute)
		b.start(map[string]time.Time{"s": time.Now().Add(-time.Minute)}, s)
		time.Sleep(time.Second)
		b.nextDue("after the take over", s, "00:35:00")
	})
}

func TestCatchUp(t *testing.T) {
	for name, test := range map[string]struct {
		catchUp string
		atStart bool
		want    []string
	}{
		"none": {"none", false, []string{"00:02:00 missed: not running", "00:03:00 missed: not running"}},
		"last": {"last", false, []string{"00:02:00 missed: not running", "00:03:00 caught_up: not running"}},
		"all":  {"all", false, []string{"00:02:00 caught_up: not running", "00:03:00 caught_up: not running"}},
		"at start": {"all", true, []string{
			"00:02:00 missed: not running", "00:03:00 missed: not running", "00:03:30 started: at start",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(b *bench) {
				s := spec(t, "* * * * *")
				s.CatchUp = test.catchUp
				b.start(nil, s)
				time.Sleep(90 * time.Second)
				b.stop()
				time.Sleep(2 * time.Minute)
				s.AtStart = test.atStart
				b.start(nil, s)
				time.Sleep(31 * time.Second)
				b.stop()
				b.want("all is recorded", "s", append(append([]string{"00:01:00 started"}, test.want...), "00:04:00 started")...)
			})
		})
	}
}

// At most 100 are caught up, and at most 1,000 recorded.
func TestCatchUpIsBounded(t *testing.T) {
	bubble(t, func(b *bench) {
		s := every(time.Minute)
		s.CatchUp = "all"
		b.start(nil, s)
		b.stop()
		time.Sleep(3 * 24 * time.Hour)
		b.start(nil, s)
		time.Sleep(time.Second)
		b.stop()
		got := strings.Join(b.ticks("s"), "\n")
		if missed, caught := strings.Count(got, "missed"), strings.Count(got, "caught_up"); missed != 900 || caught != 100 {
			t.Errorf("got %d missed and %d caught up, want 900 and 100", missed, caught)
		}
	})
}

func TestDueTimesWaitForTheDatabase(t *testing.T) {
	const why = ": database unavailable"
	for catchUp, passed := range map[string][]string{
		"last": {"00:00:20 missed" + why, "00:00:30 missed" + why, "00:00:40 started"}, // the last one stands for them
		"all":  {"00:00:20 caught_up" + why, "00:00:30 caught_up" + why, "00:00:40 started"},
	} {
		t.Run(catchUp, func(t *testing.T) {
			bubble(t, func(b *bench) {
				s := every(10 * time.Second)
				s.CatchUp = catchUp
				b.start(nil, s)
				time.Sleep(15 * time.Second)
				b.fail.Store(true)
				time.Sleep(28 * time.Second)
				b.fail.Store(false)
				time.Sleep(14 * time.Second)
				b.want("when it takes them", "s", append(append([]string{"00:00:10 started"}, passed...), "00:00:50 started")...)
			})
		})
	}
}

// A worker that is no longer the leader starts nothing.
func TestFollowerStartsNothing(t *testing.T) {
	bubble(t, func(b *bench) {
		b.start(nil, every(10*time.Second))
		time.Sleep(15 * time.Second)
		b.lead.Store(leadError{scheduler.ErrNotLeader})
		time.Sleep(30 * time.Second)
		b.stop()
		b.want("it led once", "s", "00:00:10 started")
	})
}

// While the leader is unknown, due times that have just come are started. Late ones wait: this
// process may have been suspended while another one started them.
func TestLateDueTimesWaitForTheLeader(t *testing.T) {
	bubble(t, func(b *bench) {
		s := every(10 * time.Second)
		s.CatchUp = "all"
		b.start(nil, s)
		b.lead.Store(leadError{errors.New("no answer")})
		time.Sleep(15 * time.Second)
		b.want("in time", "s", "00:00:10 started")
		b.stop()
		time.Sleep(30 * time.Second)
		b.start(nil, s)
		b.lead.Store(leadError{errors.New("no answer")})
		time.Sleep(3 * time.Second)
		b.want("late", "s", "00:00:10 started")
		b.lead.Store(leadError{scheduler.ErrNotLeader})
		time.Sleep(30 * time.Second)
		b.stop()
		b.want("another one leads", "s", "00:00:10 started")
	})
}

// A due time that the database rejects until shutdown is missed at the next start.
func TestUnrecordedDueTimeIsMissedAfterARestart(t *testing.T) {
	bubble(t, func(b *bench) {
		s := every(10 * time.Second)
		b.start(nil, s)
		b.fail.Store(true)
		time.Sleep(12 * time.Second)
		b.stop()
		b.want("it could not be recorded", "s")
		b.fail.Store(false)
		time.Sleep(3 * time.Second)
		b.start(nil, s)
		time.Sleep(time.Second)
		b.want("the next start finds it", "s", "00:00:10 missed: not running")
	})
}

func TestSchedulesDoNotWaitForEachOther(t *testing.T) {
	bubble(t, func(b *bench) {
		heavy, light := every(10*time.Second), every(10*time.Second)
		light.Name = "light"
		b.start(nil, heavy, light)
		planning := make(chan struct{})
		b.stop()
		start := b.config.Start
		config := b.config
		config.Start = func(ctx context.Context, tick schedules.Tick, r jobs.Request, claim func() error) (schedules.Started, error) {
			if tick.Schedule == "s" {
				<-planning
			}
			return start(ctx, tick, r, claim)
		}
		s := scheduler.New(config)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Run(ctx, nil) }()
		time.Sleep(35 * time.Second)
		b.want("the heavy one is being planned", "s")
		b.want("the light one keeps its times", "light", "00:00:10 started", "00:00:20 started", "00:00:30 started")
		close(planning)
		cancel()
		<-ended
	})
}

func TestJitterDelaysWithinItsBound(t *testing.T) {
	bubble(t, func(b *bench) {
		s := every(time.Minute)
		s.Jitter = 10 * time.Second
		b.start(nil, s)
		for n := range 20 {
			time.Sleep(time.Minute - time.Duration(n/19)*time.Second)
		}
		time.Sleep(11 * time.Second)
		ticks := b.ticks("s")
		if len(ticks) != 20 {
			t.Errorf("got %d ticks, want 20", len(ticks))
		}
		for i, tick := range ticks {
			if want := fmt.Sprintf("00:%02d:00 started", i+1); tick != want {
				t.Errorf("got %s, want %s", tick, want)
			}
		}
	})
}

// A jitter longer than the interval delays due times, and loses none.
func TestJitterMayBeLongerThanTheInterval(t *testing.T) {
	bubble(t, func(b *bench) {
		s := every(time.Second)
		s.Jitter = 5 * time.Second
		b.start(nil, s)
		time.Sleep(time.Minute)
		b.stop()
		for i, tick := range b.ticks("s") {
			if want := fmt.Sprintf("00:%02d:%02d started", (i+1)/60, (i+1)%60); tick != want {
				t.Errorf("got %s, want %s", tick, want)
			}
		}
	})
}

// The alert of a provider is about all its schedules, and survives a restart.
func TestAlertIsResolvedWhenEveryScheduleHasRun(t *testing.T) {
	bubble(t, func(b *bench) {
		slow, quick := every(time.Hour), every(time.Minute)
		quick.Name = "quick"
		raised := func() bool {
			t.Helper()
			alerts, err := b.db.Alerts(context.Background(), true)
			if err != nil {
				t.Fatal(err)
			}
			return len(alerts) == 1
		}
		b.start(nil, slow, quick)
		b.stop()
		time.Sleep(2*time.Hour + time.Second)
		b.start(nil, slow, quick)
		time.Sleep(30 * time.Second)
		if !raised() {
			t.Error("no alert although due times were missed")
		}
		time.Sleep(2 * time.Minute)
		b.stop()
		b.start(nil, slow, quick)
		time.Sleep(2 * time.Minute)
		if !raised() {
			t.Error("the alert ended before the hourly schedule ran")
		}
		time.Sleep(time.Hour)
		if raised() {
			t.Error("the alert is raised although every schedule ran")
		}
	})
}
