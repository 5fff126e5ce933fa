package worker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/runs"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
	"orderbeat/worker"
	"orderbeat/worker/bus"
	"orderbeat/worker/bus/natstest"
)

const saysFollows = "another worker leads: following it"

// everySecond is a schedule on a NATS server that catches up on everything missed.
func everySecond(url string) func(*worker.Config) {
	return func(c *worker.Config) {
		c.NATS = bus.Config{URL: url, Prefix: "orderbeat"}
		c.Schedules = []worker.Schedule{{
			Name: "often", Cron: cron.Every(time.Second), Provider: "michelin", Kind: "sync", Accounts: []string{"detroit"},
			Overlap: "allow", CatchUp: "all",
		}}
	}
}

// ticks are the ticks of a bench's database.
func (b *bench) ticks() []schedules.Tick {
	b.t.Helper()
	list, err := b.db.Ticks(b.t.Context(), "often", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func TestFollowerTakesOver(t *testing.T) {
	t.Parallel()
	srv := depot(t)()
	first := startIn(t, t.TempDir(), everySecond(srv.ClientURL()))
	second := launch(t, t.TempDir(), everySecond(srv.ClientURL()))
	second.eventually("the second one follows", func() bool { return second.logged.count(saysFollows) == 1 })

	first.eventually("a few runs end", func() bool { return first.supplier.calls() >= 2 })
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	second.waitRunning()
	if took := time.Since(stopped); took > 5*time.Second {
		t.Errorf("it took over after %s although the lease was released", took)
	}
	second.eventually("it calls the provider", func() bool { return second.supplier.calls() >= 2 })
	if second.logged.count(saysFollows) != 1 {
		t.Error("it logged more than once that it follows")
	}
	list := second.ticks()
	if len(list) == 0 {
		t.Fatal("nothing was due")
	}
	before, found, err := func() (schedules.Tick, bool, error) {
		again, err := db.OpenReadOnly(t.Context(), first.config.Place+"/orderbeat.db")
		if err != nil {
			return schedules.Tick{}, false, err
		}
		defer again.Close()
		return again.LastTick(t.Context(), "often")
	}()
	if err != nil || !found {
		t.Fatal(found, err)
	}
	for i, tick := range list {
		if want := before.DueAt.Add(time.Duration(i+1) * time.Second); !tick.DueAt.Equal(want) {
			t.Errorf("got due time %s, want %s: each is accounted for, once", tick.DueAt, want)
		}
	}
}

func TestWorkerStopsWhenTheLeaseIsLost(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	asked := make(chan struct{})
	b.supplier.answers(func(ctx context.Context, _ clients.Query) (clients.Answer, error) {
		close(asked)
		<-ctx.Done()
		return clients.Answer{}, ctx.Err()
	})
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	<-asked
	kv, err := b.js.KeyValue(t.Context(), "ORDERBEAT_WORKER")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "store", []byte(`{"id":"another","process":"another","place":"elsewhere:/data"}`)); err != nil {
		t.Fatal(err)
	}
	err = <-b.ended
	b.ended <- nil
	if err == nil || !strings.Contains(err.Error(), "another worker is the leader now, at elsewhere:/data") {
		t.Errorf("got %v, want the current leader in it", err)
	}
	job, err := b.db.Jobs(t.Context(), runs.JobFilter{Limit: 1})
	if err != nil || len(job) != 1 || job[0].State.Ended() {
		t.Errorf("got %+v, %v, want the job still to be done", job, err)
	}
}

func TestLeaseSurvivesANATSOutage(t *testing.T) {
	t.Parallel() // the outage is longer than the lease
	startServer := depot(t)
	srv := startServer()
	b := startIn(t, t.TempDir(), everySecond(srv.ClientURL()))
	other := launch(t, t.TempDir(), everySecond(srv.ClientURL()))
	other.eventually("the other one follows", func() bool { return other.logged.count(saysFollows) == 1 })
	natstest.Stop(srv)
	before := len(b.ticks())
	b.eventually("due times are recorded", func() bool { return len(b.ticks()) >= before+14 })
	startServer()
	b.eventually("the test's own connection is back", b.conn.IsConnected)
	b.settled()
	before = len(b.ticks())
	b.eventually("it continues", func() bool { return len(b.ticks()) >= before+5 })
	if other.logged.count("taking over") != 0 || b.logged.count("stopping") != 0 {
		t.Error("the other one took over")
	}
	for _, tick := range b.ticks() {
		if tick.Outcome != "started" {
			t.Errorf("got %+v, want it started", tick)
		}
	}
}

func TestDeletedLeaseIsRecreated(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	for _, lose := range []func() error{
		func() error { return b.js.DeleteKeyValue(t.Context(), "ORDERBEAT_WORKER") },
		func() error {
			kv, err := b.js.KeyValue(t.Context(), "ORDERBEAT_WORKER")
			if err != nil {
				return err
			}
			return kv.Delete(t.Context(), "store")
		},
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		b.eventually("the lease is there", func() bool {
			kv, err := b.js.KeyValue(t.Context(), "ORDERBEAT_WORKER")
			if err != nil {
				return false
			}
			_, err = kv.Get(t.Context(), "store")
			return err == nil
		})
	}
	b.publish("orderbeat.runs.michelin.sync", ``, nil)
	if r := b.result(1); r.State != jobs.Succeeded {
		t.Errorf("got %s, want succeeded", r.State)
	}
}
