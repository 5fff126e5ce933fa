package db_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/db/dbtest"
	"orderbeat/db/outbox"
)

func TestEventsAreReplayed(t *testing.T) {
	d := dbtest.Open(t)
	day := 24 * time.Hour
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false), dbtest.Order("SO2", false))
	dbtest.Observe(t, d, dbtest.Noon.Add(day), dbtest.Order("SO1", true))
	dbtest.Publish(t, d)
	for name, c := range map[string]struct {
		filter  outbox.EventFilter
		subject string
		want    []string
	}{
		"all": {outbox.EventFilter{}, "", []string{
			"orders orders.michelin.detroit.SO1 michelin.detroit.SO1.1.replay.R1", "orders orders.michelin.detroit.SO2 michelin.detroit.SO2.1.replay.R1",
			"orders orders.michelin.detroit.SO1 michelin.detroit.SO1.2.replay.R1",
		}},
		"an order's":                {outbox.EventFilter{Provider: "michelin", Account: "detroit", OrderID: "SO2"}, "", []string{"orders orders.michelin.detroit.SO2 michelin.detroit.SO2.1.replay.R1"}},
		"from a time on, elsewhere": {outbox.EventFilter{Since: dbtest.Noon.Add(day)}, "mine.again", []string{"reply mine.again michelin.detroit.SO1.2.replay.R1"}},
		"before a time": {outbox.EventFilter{Until: dbtest.Noon.Add(day), Account: "detroit"}, "", []string{
			"orders orders.michelin.detroit.SO1 michelin.detroit.SO1.1.replay.R1", "orders orders.michelin.detroit.SO2 michelin.detroit.SO2.1.replay.R1",
		}},
		"of an unknown account": {outbox.EventFilter{Account: "toledo"}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := d.Replay(t.Context(), c.filter, "R1", c.subject)
			if err != nil || n != len(c.want) {
				t.Fatalf("got %d, %v, want %d", n, err, len(c.want))
			}
			var got []string
			for _, m := range dbtest.Pending(t, d, time.Now()) {
				got = append(got, m.Topic+" "+m.Subject+" "+m.MsgID)
				var body outbox.EventBody
				if err := json.Unmarshal(m.Body, &body); err != nil || len(body.Order) == 0 || m.Headers[outbox.HeaderReplay] != "R1" {
					t.Errorf("got %s with headers %v, %v: want the original event", m.Body, m.Headers, err)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			dbtest.Publish(t, d)
		})
	}
}

// A replay runs in chunks; events added in the meantime are not published twice.
func TestLongReplayPublishesEachEventOnce(t *testing.T) {
	d := dbtest.Open(t)
	for i := range 3 {
		var orders []string
		for j := range 400 {
			orders = append(orders, fmt.Sprintf("SO%d-%d", i, j))
		}
		_, js := dbtest.Start(t, d, 1)
		out := dbtest.Succeeded(js[0], dbtest.Noon)
		for _, id := range orders {
			out.Orders = append(out.Orders, dbtest.Order(id, false))
		}
		dbtest.Commit(t, d, out)
	}
	if n, err := d.Replay(t.Context(), outbox.EventFilter{}, "R1", ""); n != 1200 || err != nil {
		t.Fatalf("got %d, %v, want 1200", n, err)
	}
	if got, err := d.Inspect().Value(t.Context(), "SELECT count(*) || ' ' || count(DISTINCT msg_id) FROM outbox WHERE msg_id LIKE '%.replay.R1'"); got != "1200 1200" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}
