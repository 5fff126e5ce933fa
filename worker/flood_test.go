package worker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"orderbeat/clients"
	"orderbeat/db/schedules"
	"orderbeat/worker"
)

// A schedule is on time while requests wait to be planned, and each tick "started" has its run.
func TestTicksDoNotWaitForRequests(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) {
		c.Schedules = []worker.Schedule{often}
		c.Schedules[0].Overlap = "allow"
		c.Providers[0].Provider.(*supplier).answers(func(context.Context, clients.Query) (clients.Answer, error) { return clients.Answer{}, nil })
	})
	begun := time.Now()
	const requests = 3000
	for n := range requests {
		body := fmt.Sprintf(`{"accounts":["st. paul"],"from":"2026-01-01","to":"2026-%02d-%02d"}`, 2+n%10, 1+n/10%28)
		if _, err := b.js.PublishMsgAsync(&nats.Msg{Subject: "orderbeat.runs.michelin.sync", Data: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	var ticks []schedules.Tick
	b.eventually("five due times pass", func() (enough bool) {
		var err error
		if ticks, err = b.db.Ticks(t.Context(), "often", begun, time.Now()); err != nil {
			t.Fatal(err)
		}
		return len(ticks) >= 5
	})
	for _, tick := range ticks {
		run, found, err := b.db.Run(t.Context(), tick.RunID)
		if tick.Outcome != "started" || !found || err != nil || run.Key != tick.Key() {
			t.Errorf("got %+v with the run %+v, %v, want it started and its run there", tick, run, err)
		}
	}
}
