package worker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker"
	"orderbeat/worker/bus"
	"orderbeat/worker/bus/natstest"
)

// hold makes the provider wait until release is called.
func (b *bench) hold() (release func()) {
	gate := make(chan struct{})
	b.supplier.answers(func(ctx context.Context, _ clients.Query) (clients.Answer, error) {
		select {
		case <-gate:
			return clients.Answer{}, nil
		case <-ctx.Done():
			return clients.Answer{}, ctx.Err()
		}
	})
	return func() { close(gate) }
}

// published waits until n calls are in flight and the outbox is empty.
func (b *bench) published(n int) {
	b.t.Helper()
	b.eventually("some jobs are running, and the others queued", func() bool {
		pending, err := b.db.Pending(b.t.Context(), time.Now(), 1)
		return err == nil && len(pending) == 0 && b.supplier.calls() == n
	})
}

// doneOnce waits until the only run has succeeded, and checks that each job was performed once.
func (b *bench) doneOnce(before int) {
	b.t.Helper()
	var run jobs.Run
	b.eventuallyWithin(time.Minute, "the run ends", func() bool {
		runs, err := b.db.Runs(b.t.Context(), runs.RunFilter{State: jobs.Succeeded})
		if err == nil && len(runs) == 1 {
			run = runs[0]
		}
		return run.Jobs.Succeeded > 0
	})
	if n := b.supplier.calls() + before; n != run.Jobs.Total {
		b.t.Errorf("got %d calls for %d jobs, want one for each", n, run.Jobs.Total)
	}
	b.settled()
}

const manyJobs = `{"provider":"michelin","kind":"sync","params":{"from":"2020-01-01","to":"2021-12-31"}}`

func TestJobsContinueAfterARestart(t *testing.T) {
	t.Parallel()
	srv := depot(t)()
	folder := t.TempDir()
	outside := func(c *worker.Config) {
		c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"}
		c.Drain = time.Second
	}
	b := startIn(t, folder, outside)
	b.hold()
	b.ask("runs.start", manyJobs)
	b.published(4)
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b = startIn(t, folder, outside)
	b.doneOnce(0)
}

func TestLongQueueRaisesAnAlert(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) { c.QueueAlert, c.Providers[0].Concurrency = time.Second, 1 })
	release := b.hold()
	b.publish("orderbeat.runs.michelin.sync", ``, nil)
	b.published(1)
	raised := func() (found []alerts.Alert) {
		list, err := b.db.Alerts(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			if a.Code == "queue_delayed" {
				found = append(found, a)
			}
		}
		return found
	}
	b.eventuallyWithin(time.Minute, "the alert is raised", func() bool { return len(raised()) == 1 })
	if a := raised()[0]; a.Provider != "michelin" || a.Account != "" || a.Hint == "" {
		t.Errorf("got %+v, want one about the provider", a)
	}
	release()
	b.eventuallyWithin(time.Minute, "the alert is resolved", func() bool { return len(raised()) == 0 })
	b.settled()
	if n := b.count("ORDERBEAT_ALERTS"); n != 2 {
		t.Errorf("got %d messages about alerts, want it raised and resolved once", n)
	}
}

// TestReceivingResumesAfterReconnect restarts the server while fetch requests are pending.
func TestReceivingResumesAfterReconnect(t *testing.T) {
	t.Parallel()
	startServer := depot(t)
	srv := startServer()
	b := start(t, func(c *worker.Config) { c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"} })
	quick := 0
	for i := range 3 {
		natstest.Stop(srv)
		srv = startServer()
		b.eventually("the test's own connection is back", func() bool { return b.conn.Stats().Reconnects > uint64(i) && b.conn.IsConnected() })
		back := time.Now()
		b.publish("orderbeat.runs.michelin.sync", fmt.Sprintf(`{"from":"2026-01-0%d","to":"2026-01-09"}`, i+1), nil)
		b.eventually("the run ends", func() bool {
			runs, err := b.db.Runs(t.Context(), runs.RunFilter{State: jobs.Succeeded})
			return err == nil && len(runs) == i+1
		})
		if time.Since(back) < 8*time.Second {
			quick++
		}
		t.Logf("the run ended %s after NATS was back", time.Since(back))
	}
	// The library would notice a lost request after 10 s, each time.
	if quick == 0 {
		t.Error("each run took 8 s or longer")
	}
}
