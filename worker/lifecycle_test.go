package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/robfig/cron/v3"

	"orderbeat/clients"
	"orderbeat/db/runs"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
	"orderbeat/worker"
	"orderbeat/worker/bus"
	"orderbeat/worker/bus/natstest"
)

func TestShutdownFinishesJobsInFlight(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	asked, answer := make(chan struct{}), make(chan struct{})
	b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		close(asked)
		<-answer
		return clients.Answer{Orders: []clients.Order{order(q.Account.Name, "SO1", 0, "")}}, nil
	})
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- b.stop() }()
	time.AfterFunc(100*time.Millisecond, func() { close(answer) })
	if err := <-stopped; err != nil {
		t.Fatalf("stop: %v", err)
	}
	again := startIn(t, folderOf(b), nil)
	if r := again.result(1); r.State != jobs.Succeeded {
		t.Errorf("got %s, want the job in flight finished and its result published before the stop", r.State)
	}
	if again.supplier.calls() != 0 {
		t.Error("the job was asked again after the stop")
	}
}

func TestShutdownTimeoutIsNotAFailedAttempt(t *testing.T) {
	t.Parallel() // waits until the job is redelivered
	b := start(t, func(c *worker.Config) { c.Drain = 50 * time.Millisecond })
	asked := make(chan struct{})
	b.supplier.answers(func(ctx context.Context, _ clients.Query) (clients.Answer, error) {
		close(asked)
		<-ctx.Done()
		return clients.Answer{}, ctx.Err()
	})
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	<-asked
	if err := b.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	again := startIn(t, folderOf(b), nil)
	if r := again.result(1); r.State != jobs.Succeeded || len(r.Errors) != 0 {
		t.Errorf("got %+v, want the job done after the restart, without an error", r)
	}
}

// folderOf is the folder of a stopped bench.
func folderOf(b *bench) string {
	store := b.config.NATS.Store
	return store[:len(store)-len("/nats")]
}

func TestNATSOutageLosesNothing(t *testing.T) {
	t.Parallel() // waits for reconnections
	startServer := depot(t)
	srv := startServer()
	b := start(t, func(c *worker.Config) { c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"} })
	asked, answer := make(chan struct{}), make(chan struct{})
	b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		close(asked)
		<-answer
		return clients.Answer{Orders: []clients.Order{order(q.Account.Name, "SO1", 0, "")}}, nil
	})
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	<-asked
	natstest.Stop(srv)
	close(answer)
	b.eventually("the order is stored while NATS is away", func() bool {
		_, found, err := b.db.Order(t.Context(), "michelin", "detroit", "SO1")
		return err == nil && found
	})
	srv = startServer()
	defer srv.Shutdown()
	b.eventually("the test's own connection is back", b.conn.IsConnected)
	b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", 1)
	if r := b.result(1); r.State != jobs.Succeeded {
		t.Errorf("got %s, want succeeded", r.State)
	}
}

// depot is an external NATS server: the returned function starts it, repeatedly with the same
// address and files.
func depot(tb testing.TB) func() *server.Server {
	tb.Helper()
	options := natstest.Options(tb)
	return func() *server.Server { return natstest.Start(tb, options) }
}

func TestDeletedConsumerIsRecreated(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	if err := b.js.DeleteConsumer(t.Context(), "ORDERBEAT_RUNS", "planner"); err != nil {
		t.Fatal(err)
	}
	b.publish("orderbeat.runs.michelin.sync", ``, nil)
	if r := b.result(1); r.State != jobs.Succeeded {
		t.Errorf("got %s, want succeeded", r.State)
	}
}

func TestScheduleStartsRunsAndSkipsBusyAccounts(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	b := start(t, func(c *worker.Config) {
		c.Schedules = []worker.Schedule{{
			Name: "often", Cron: cron.Every(time.Second), AtStart: true,
			Provider: "michelin", Kind: "sync", Params: []byte(`{"lookback":"2d"}`), Overlap: "skip", CatchUp: "last",
		}}
		s, _ := c.Providers[0].Provider.(*supplier)
		s.answers(func(ctx context.Context, q clients.Query) (clients.Answer, error) {
			if q.Account.Name == "detroit" {
				select {
				case <-answer:
				case <-ctx.Done():
				}
			}
			return clients.Answer{}, nil
		})
	})
	// detroit hangs in the first run; st. paul continues in later ones.
	b.eventually("runs without detroit end", func() bool {
		runs, err := b.db.Runs(t.Context(), runs.RunFilter{Limit: 10})
		ended := 0
		for _, r := range runs {
			if r.State == jobs.Succeeded && r.Trigger == "schedule:often" && r.Jobs.Total == 1 {
				ended++
			}
		}
		return err == nil && ended >= 1
	})
	close(answer)
	b.eventually("a run of both accounts ends", func() bool {
		runs, err := b.db.Runs(t.Context(), runs.RunFilter{State: jobs.Succeeded, Limit: 10})
		return err == nil && len(runs) > 0 && runs[0].Jobs.Total == 2
	})
	tick, found, err := b.db.LastTick(t.Context(), "often")
	if err != nil || !found || tick.Outcome != "started" {
		t.Errorf("got last tick %+v, %v, want one that started a run", tick, err)
	}
}

func TestTickWithoutIdleAccountsIsSkipped(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	b := start(t, func(c *worker.Config) {
		c.Schedules = []worker.Schedule{{
			Name: "often", Cron: cron.Every(time.Second), AtStart: true,
			Provider: "michelin", Kind: "sync", Accounts: []string{"detroit"}, Overlap: "skip", CatchUp: "last",
		}}
		s, _ := c.Providers[0].Provider.(*supplier)
		s.answers(func(ctx context.Context, _ clients.Query) (clients.Answer, error) {
			select {
			case <-answer:
			case <-ctx.Done():
			}
			return clients.Answer{}, nil
		})
	})
	b.eventually("a tick is skipped", func() bool {
		tick, found, err := b.db.LastTick(t.Context(), "often")
		return err == nil && found && tick.Outcome == "skipped" && tick.Reason != "" && tick.RunID == ""
	})
	close(answer)
	b.eventually("a later one starts a run again", func() bool {
		tick, _, err := b.db.LastTick(t.Context(), "often")
		return err == nil && tick.Outcome == "started" && tick.RunID != ""
	})
}

func TestMissedTicksAreCaughtUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		catchUp      string
		atStart      bool
		want         string // of the three due times, and of the start
		runs, alerts int
	}{
		"none":              {"none", false, "missed missed missed ", 0, 1},
		"last":              {"last", false, "missed missed caught_up ", 1, 0},
		"all":               {"all", false, "caught_up caught_up caught_up ", 3, 0},
		"all, and at start": {"all", true, "missed missed missed started ", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			hourly := func(c *worker.Config) {
				c.Schedules = []worker.Schedule{{
					Name: "hourly", Cron: cron.Every(time.Hour), Provider: "michelin", Kind: "sync", Overlap: "allow", CatchUp: test.catchUp,
				}}
			}
			b := startIn(t, folder, hourly)
			last := schedules.Tick{Schedule: "hourly", DueAt: time.Now().Add(-3*time.Hour - time.Minute), Outcome: "started"}
			if _, err := b.db.RecordTicks(t.Context(), last); err != nil {
				t.Fatal(err)
			}
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
			again := startIn(t, folder, func(c *worker.Config) {
				hourly(c)
				c.Schedules[0].AtStart = test.atStart
			})
			outcomes := func() (all string) {
				ticks, err := again.db.Ticks(t.Context(), "hourly", last.DueAt.Add(time.Second), time.Now())
				if err != nil {
					t.Fatal(err)
				}
				for _, tick := range ticks {
					all += tick.Outcome + " "
				}
				return all
			}
			again.eventually("every due time is accounted for", func() bool { return len(outcomes()) >= len(test.want) })
			if got := outcomes(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for n := range test.runs {
				if r := again.result(n + 1); r.Trigger != "schedule:hourly" {
					t.Errorf("got a run of %s, want the schedule's", r.Trigger)
				}
			}
			again.alerts(test.alerts)
			again.settled()
			if runs, alerts := again.count("ORDERBEAT_RESULTS"), again.count("ORDERBEAT_ALERTS"); runs != test.runs || alerts != test.alerts {
				t.Errorf("got %d runs and %d alerts, want %d and %d", runs, alerts, test.runs, test.alerts)
			}
		})
	}
}

func TestLongJobIsNotRedelivered(t *testing.T) {
	t.Parallel() // takes longer than the ack wait
	b := start(t, nil)
	b.supplier.answers(func(context.Context, clients.Query) (clients.Answer, error) {
		time.Sleep(10 * time.Second)
		return clients.Answer{}, nil
	})
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	b.eventually("the job ends", func() bool {
		runs, err := b.db.Runs(t.Context(), runs.RunFilter{State: jobs.Succeeded})
		return err == nil && len(runs) == 1
	})
	if b.supplier.calls() != 1 {
		t.Errorf("got %d calls, want one", b.supplier.calls())
	}
}

func TestSecondWorkerOnTheSameFolderIsRejected(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	config := b.config
	config.NATS.Listen = ""
	err := worker.Run(t.Context(), config)
	if err == nil {
		t.Fatal("a second server runs on the same files")
	}
	t.Log(err)
}
