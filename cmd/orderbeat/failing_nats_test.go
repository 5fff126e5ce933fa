package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"net/http"
	"testing"

	"orderbeat/clients/sandbox"
	"orderbeat/jobs"
	"orderbeat/worker/bus/natstest"
)

// TestNATSOutageDelaysWithoutLoss stops NATS during a job, and starts it again.
func TestNATSOutageDelaysWithoutLoss(t *testing.T) {
	t.Parallel()
	options := natstest.Options(t)
	srv := natstest.Start(t, options)

	folder, stand, other := t.TempDir(), newStand(t, sandbox.Options{}), newStand(t, sandbox.Options{})
	config := suppliers(t, folder, stand.section(t, folder, "michelin", "concurrency = 1")+other.section(t, folder, "ticking", "")+`
[[schedules]]
name = "often"
cron = "@every 1s"
provider = "ticking"
kind = "check"
`)
	replace(t, config, "[nats]\n", fmt.Sprintf("[nats]\nurl = %q\n", srv.ClientURL()))
	s := startHere(t, config).supplier(t, stand, "michelin")
	release := s.hold()
	run := s.start(window(0))
	s.eventually("a job is in hand", func() bool { return len(s.calls(healthy)) == 1 })
	natstest.Stop(srv)
	release()

	before := s.count("ticks")
	s.eventually("the job in hand is committed", func() bool { return s.job(run, "detroit").State == jobs.Succeeded })
	if n := len(s.orders("detroit")); n == 0 || n != s.job(run, "detroit").Orders.Created {
		t.Errorf("got %d orders of detroit, want those that the job was told", n)
	}
	if s.count("outbox WHERE topic = 'orders'") == 0 {
		t.Error("the outbox holds no event: who published it?")
	}
	s.eventually("a tick is recorded", func() bool { return s.count("ticks") > before })
	if resp, err := http.Get(s.web + "/readyz"); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %v, %v, want it not ready", resp, err)
	} else {
		resp.Body.Close()
	}
	natstest.Start(t, options)
	s.eventually("the test's own connection is back", s.conn.IsConnected)
	again := s.result(1)
	if again.ID != run.ID || again.State != jobs.Succeeded || again.Jobs.Succeeded != 2 {
		t.Errorf("got %+v, want the run to its end", again)
	}
	if d, n := len(s.calls(healthy)), len(s.calls(struck)); d != 1 || n != 1 {
		t.Errorf("got %d and %d calls, want each account asked once", d, n)
	}
	s.alarms()
	s.toldOnce()
	if n := s.inStream("ORDERBEAT_RESULTS", "results"); n != 1 {
		t.Errorf("got %d results, want 1", n)
	}
	s.eventually("the ticks of that time have their runs", func() bool {
		return s.count("runs WHERE provider = 'ticking' AND state = 'succeeded'") > before
	})
	s.stop() // before its server ends
}
