package db_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/orders"
)

// fill stores six orders, SO0 to SO5: SO1, SO3 and SO5 ship a line later, SO4 is cancelled, and SO0 was
// promised long ago.
func fill(t *testing.T, d *db.DB) {
	t.Helper()
	list := batch(0, 6, false)
	for i := range list {
		list[i].OrderID = fmt.Sprintf("SO%d", i)
		list[i].Reference = clients.Text(fmt.Sprintf("PO%d", i/2))
		for j := range list[i].Lines {
			list[i].Lines[j].Schedule[0].DeliveryOn = "2999-01-01"
		}
	}
	list[0].Lines[0].Schedule[0].DeliveryOn = "2020-01-01"
	list[0].Lines[1].Schedule[0].DeliveryOn = "2020-01-01"
	for i := range list[4].Lines {
		list[4].Lines[i].Schedule[0].Amounts = clients.Amounts{Cancelled: clients.Pieces(4)}
	}
	for i := range list {
		list[i].Normalize()
	}
	dbtest.Observe(t, d, dbtest.Noon, list...)
	for i := 1; i < 6; i += 2 {
		shipped := dbtest.Order(fmt.Sprintf("SO%d", i), true)
		shipped.Reference = list[i].Reference
		shipped.Lines[1].Schedule[0].DeliveryOn = "2999-01-01"
		shipped.Normalize()
		dbtest.Observe(t, d, dbtest.Noon.Add(time.Duration(10-i)*time.Minute), shipped)
	}
}

func TestOrdersAreFilteredAndPaged(t *testing.T) {
	d := dbtest.Open(t)
	fill(t, d)
	for name, test := range map[string]struct {
		filter orders.OrderFilter
		want   string
	}{
		"all":                       {orders.OrderFilter{}, "SO0 SO1 SO2 SO3 SO4 SO5"},
		"of an account":             {orders.OrderFilter{Provider: "michelin", Account: "detroit"}, "SO0 SO1 SO2 SO3 SO4 SO5"},
		"of another account":        {orders.OrderFilter{Provider: "michelin", Account: "toledo"}, ""},
		"by status":                 {orders.OrderFilter{Status: clients.StatusPartiallyShipped}, "SO1 SO3 SO5"},
		"by a status that is final": {orders.OrderFilter{Status: clients.StatusCancelled}, "SO4"},
		"by reference":              {orders.OrderFilter{Reference: "PO1"}, "SO2 SO3"},
		"by id":                     {orders.OrderFilter{OrderID: "SO2"}, "SO2"},
		"by id of a provider":       {orders.OrderFilter{Provider: "michelin", OrderID: "SO2"}, "SO2"},
		"open":                      {orders.OrderFilter{Open: true}, "SO0 SO1 SO2 SO3 SO5"},
		"late":                      {orders.OrderFilter{Late: true}, "SO0"},
		"changed since":             {orders.OrderFilter{ChangedSince: dbtest.Noon.Add(6 * time.Minute)}, "SO3 SO1"},
		"changed since, all":        {orders.OrderFilter{ChangedSince: dbtest.Noon}, "SO0 SO2 SO4 SO5 SO3 SO1"},
		"everything together": {orders.OrderFilter{
			Provider: "michelin", Account: "detroit", Status: clients.StatusPartiallyShipped, Reference: "PO1", OrderID: "SO3",
			ChangedSince: dbtest.Noon, Open: true,
		}, "SO3"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{0, 1, 2, 6} {
				test.filter.Limit, test.filter.Cursor = size, ""
				var got []string
				for pages := 0; ; pages++ {
					page, next, err := d.Orders(t.Context(), test.filter)
					if err != nil || pages > 6 {
						t.Fatal(pages, err)
					}
					for _, o := range page {
						got = append(got, o.OrderID)
					}
					if next == "" {
						break
					}
					test.filter.Cursor = next
				}
				if got := strings.Join(got, " "); got != test.want {
					t.Errorf("pages of %d: got %s, want %s", size, got, test.want)
				}
			}
		})
	}
}

func TestCursorOfAnotherListIsRejected(t *testing.T) {
	d := dbtest.Open(t)
	fill(t, d)
	_, cursor, err := d.Orders(t.Context(), orders.OrderFilter{Limit: 1})
	if err != nil || cursor == "" {
		t.Fatal(cursor, err)
	}
	for name, f := range map[string]orders.OrderFilter{
		"of another order": {Cursor: cursor, ChangedSince: dbtest.Noon}, "no base64": {Cursor: "?"}, "no list": {Cursor: "e30"}, "too short": {Cursor: "W10"},
	} {
		if _, _, err := d.Orders(t.Context(), f); !errors.Is(err, orders.ErrCursor) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestStoredOrderIsFlatJSON(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
	o, _, err := d.Order(t.Context(), "michelin", "detroit", "SO1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"order_id": "SO1", "revision": 1.0, "first_seen_at": "2026-11-20T12:00:00Z", "status": "scheduled"} {
		if fields[name] != want {
			t.Errorf("%s: got %v, want %v in %s", name, fields[name], want, text)
		}
	}
	if _, ok, err := d.Order(t.Context(), "michelin", "detroit", "none"); ok || err != nil {
		t.Errorf("an order that is not there: got %v, %v", ok, err)
	}
}

func TestHistoryEqualsThePublishedEvents(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
	dbtest.Observe(t, d, dbtest.Noon.Add(time.Hour), dbtest.Order("SO1", true))
	events, err := d.History(t.Context(), "michelin", "detroit", "SO1", 0, 10)
	if err != nil || len(events) != 2 {
		t.Fatal(events, err)
	}
	var bodies []json.RawMessage
	for _, m := range dbtest.Pending(t, d, dbtest.Noon) {
		if m.Topic == "orders" {
			bodies = append(bodies, m.Body)
		}
	}
	for i, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		head := fmt.Sprintf(`{"event_id":%q,"type":%q,`, e.EventID, e.Type)
		if want := head + strings.TrimPrefix(string(bodies[i]), "{"); string(text) != want {
			t.Errorf("event %d:\n%s", i, cmp.Diff(want, string(text)))
		}
	}
}

// TestViews runs a typical query on every view.
func TestViews(t *testing.T) {
	d := dbtest.Open(t)
	fill(t, d)
	_, js := dbtest.Start(t, d, 2)
	dbtest.Commit(t, d, dbtest.Failed(js[0], "dead", dbtest.Noon))
	for query, want := range map[string]string{
		"SELECT group_concat(order_id, ' ') FROM open_orders":                                          "SO0 SO1 SO2 SO3 SO5",
		"SELECT group_concat(order_id || (days_late > 2000), ' ') FROM late_orders":                    "SO01",
		"SELECT group_concat(state || ' ' || error_code || ' ' || attempts) FROM failed_jobs":          "dead unavailable 1",
		"SELECT count(*) FROM recent_changes WHERE path IS NULL":                                       "6",
		`SELECT before || ' ' || after FROM recent_changes WHERE order_id = 'SO1' AND path = 'status'`: `"scheduled" "partially_shipped"`,
	} {
		if got, err := d.Inspect().Value(t.Context(), query); got != want || err != nil {
			t.Errorf("%s\ngot %s, want %s, %v", query, got, want, err)
		}
	}
}

// Times recorded while the clock was ahead must not prevent later changes from being stored.
func TestChangesAreStoredAfterABackwardClockChange(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 2)
	ahead, now := time.Now().Add(2*time.Hour), time.Now()
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], ahead, dbtest.Order("SO1", false)))
	if c := dbtest.Commit(t, d, dbtest.Succeeded(js[1], now, dbtest.Order("SO1", true))); c.Tally.Changed != 1 {
		t.Errorf("got %+v, want the change seen", c.Tally)
	}
	history, err := d.History(t.Context(), "michelin", js[0].Account, "SO1", 0, 10)
	if err != nil || len(history) != 2 || history[1].Revision != 2 {
		t.Errorf("got %+v, %v, want two revisions", history, err)
	}
}

// The view has every change, and a query with a limit reads only the newest rows.
func TestRecentChangesAreNotCut(t *testing.T) {
	d := dbtest.Open(t)
	const n = 1100
	orders := make([]clients.Order, n)
	for i := range orders {
		orders[i] = dbtest.Order(fmt.Sprintf("SO%05d", i), false)
	}
	dbtest.Observe(t, d, dbtest.Noon, orders...)
	dbtest.Observe(t, d, dbtest.Noon.Add(time.Hour), dbtest.Order("SO00000", true))
	for query, want := range map[string]string{
		"SELECT count(DISTINCT order_id || revision) FROM recent_changes": "1101",
		"SELECT order_id || ' ' || revision FROM recent_changes LIMIT 1":  "SO00000 2",
	} {
		if got, err := d.Inspect().Value(t.Context(), query); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", query, got, err, want)
		}
	}
}
