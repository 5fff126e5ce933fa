package worker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/clients"
	"orderbeat/db/runs"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
	"orderbeat/worker"
)

// TestLiveRunsPrecedeABackfill has a backfill of many windows hang: it leaves slots for other
// runs, and none of them waits.
func TestLiveRunsPrecedeABackfill(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	b := start(t, nil)
	b.supplier.answers(func(ctx context.Context, q clients.Query) (clients.Answer, error) {
		if q.From < "2025-01-01" {
			select {
			case <-answer:
			case <-ctx.Done():
			}
		}
		return clients.Answer{}, nil
	})
	b.ask("runs.start", `{"provider":"michelin","kind":"backfill","params":{"from":"2015-01-01","to":"2024-12-31"}}`)
	b.eventually("one job of each account is in flight", func() bool { return b.supplier.calls() == 2 })
	for n := range 5 {
		b.publish("orderbeat.runs.michelin.sync", `{"lookback":"2d"}`, nil)
		if r := b.result(n + 1); r.Kind != "sync" || r.State != jobs.Succeeded {
			t.Errorf("got %+v, want the live run to end first", r)
		}
	}
	b.publish("orderbeat.runs.michelin.sync", `{"from":"2014-01-01","to":"2014-12-31","priority":"low"}`, nil)
	close(answer)
	first, second := b.result(6), b.result(7)
	if first.Kind != "backfill" || first.Jobs.Succeeded != 82 || second.Priority != jobs.Low || second.Jobs.Succeeded != 10 {
		t.Errorf("got %+v and %+v, want the backfill, then the run that was requested after it", first, second)
	}
	b.settled()
}

// TestQueuedTickRunsAfterTheAccountIsIdle covers overlap = "queue_one".
func TestQueuedTickRunsAfterTheAccountIsIdle(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	b := start(t, func(c *worker.Config) {
		c.Schedules = []worker.Schedule{{
			Name: "often", Cron: cron.Every(time.Second), AtStart: true,
			Provider: "michelin", Kind: "sync", Params: []byte(`{"lookback":"2d"}`), Overlap: "queue_one", CatchUp: "last",
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
	ticks := func() []schedules.Tick {
		list, err := b.db.Ticks(t.Context(), "often", time.Now().Add(-time.Hour), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(list, func(a, b schedules.Tick) int { return a.DueAt.Compare(b.DueAt) })
		return list
	}
	has := func(reason string) func() bool { // on a busy machine st. paul may be running as well
		return func() bool {
			return slices.ContainsFunc(ticks(), func(t schedules.Tick) bool { return t.Outcome == "started" && strings.Contains(t.Reason, reason) })
		}
	}
	b.eventually("detroit waits for the earlier run", has("[detroit"))
	b.eventually("detroit is skipped while a run waits", has("skipped [detroit]: already waiting for an earlier run"))
	asked := func(account string) (n int) {
		b.supplier.mu.Lock()
		defer b.supplier.mu.Unlock()
		for _, q := range b.supplier.asked {
			if q.Account.Name == account {
				n++
			}
		}
		return n
	}
	if n := asked("detroit"); n != 1 || asked("st. paul") < 2 {
		t.Errorf("got %d calls for detroit and %d for st. paul, want the first to wait and the second to continue", n, asked("st. paul"))
	}
	open := func() (states string) {
		list, err := b.db.Jobs(t.Context(), runs.JobFilter{Account: "detroit"})
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range list {
			states += fmt.Sprint(j.State, j.Dispatch, " ")
		}
		return states
	}
	if got := open(); got != "queuedblocked running " {
		t.Errorf("got detroit's jobs %s, want one in flight and one queued", got)
	}
	close(answer)
	b.eventually("detroit is synced once more, and continues", func() bool { return asked("detroit") >= 3 })
}
