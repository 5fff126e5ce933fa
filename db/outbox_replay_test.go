package db_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/db"
)

func TestEventsAreReplayed(t *testing.T) {
	d := open(t)
	day := 24 * time.Hour
	observe(t, d, noon, order("SO1", false), order("SO2", false))
	observe(t, d, noon.Add(day), order("SO1", true))
	publish(t, d)
	for name, c := range map[string]struct {
		filter  db.EventFilter
		subject string
		want    []string
	}{
		"all": {db.EventFilter{}, "", []string{
			"orders orders.michelin.detroit.SO1 michelin.detroit.SO1.1.replay.R1", "orders orders.michelin.detroit.SO2 michelin.detroit.SO2.1.replay.R1",
			"orders orders.michelin.detroit.SO1 michelin.detroit.SO1.2.replay.R1",
		}},
		"an order's":                {db.EventFilter{Provider: "michelin", Account: "detroit", OrderID: "SO2"}, "", []string{"orders orders.michelin.detroit.SO2 michelin.detroit.SO2.1.replay.R1"}},
		"from a time on, elsewhere": {db.EventFilter{Since: noon.Add(day)}, "mine.again", []string{"reply mine.again michelin.detroit.SO1.2.replay.R1"}},
		"before a time": {db.EventFilter{Until: noon.Add(day), Account: "detroit"}, "", []string{
			"orders orders.michelin.detroit.SO1 michelin.detroit.SO1.1.replay.R1", "orders orders.michelin.detroit.SO2 michelin.detroit.SO2.1.replay.R1",
		}},
		"of an unknown account": {db.EventFilter{Account: "toledo"}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := d.Replay(t.Context(), c.filter, "R1", c.subject)
			if err != nil || n != len(c.want) {
				t.Fatalf("got %d, %v, want %d", n, err, len(c.want))
			}
			var got []string
			for _, m := range pending(t, d, time.Now()) {
				got = append(got, m.Topic+" "+m.Subject+" "+m.MsgID)
				var body db.EventBody
				if err := json.Unmarshal(m.Body, &body); err != nil || len(body.Order) == 0 || m.Headers[db.HeaderReplay] != "R1" {
					t.Errorf("got %s with headers %v, %v: want the original event", m.Body, m.Headers, err)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			publish(t, d)
		})
	}
}

// A replay runs in chunks; events added in the meantime are not published twice.
func TestLongReplayPublishesEachEventOnce(t *testing.T) {
	d := open(t)
	for i := range 3 {
		var orders []string
		for j := range 400 {
			orders = append(orders, fmt.Sprintf("SO%d-%d", i, j))
		}
		_, js := start(t, d, 1)
		out := succeeded(js[0], noon)
		for _, id := range orders {
			out.Orders = append(out.Orders, order(id, false))
		}
		commit(t, d, out)
	}
	if n, err := d.Replay(t.Context(), db.EventFilter{}, "R1", ""); n != 1200 || err != nil {
		t.Fatalf("got %d, %v, want 1200", n, err)
	}
	if got, err := d.Value(t.Context(), "SELECT count(*) || ' ' || count(DISTINCT msg_id) FROM outbox WHERE msg_id LIKE '%.replay.R1'"); got != "1200 1200" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}
