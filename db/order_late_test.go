package db_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
)

// promised is an order with one fully scheduled line per date.
func promised(id string, dates ...clients.Date) clients.Order {
	o := clients.Order{Provider: "michelin", Account: "detroit", OrderID: id, Reference: clients.Text("PO-" + id)}
	for _, date := range dates {
		o.Lines = append(o.Lines, clients.Line{
			ArticleID: "A1", Ordered: clients.Pieces(2),
			Schedule: []clients.ScheduleLine{{DeliveryOn: date, Ordered: clients.Pieces(2), Amounts: clients.Amounts{Scheduled: clients.Pieces(2)}}},
		})
	}
	o.Normalize()
	return o
}

// reported commits orders at noon.
func reported(t *testing.T, d *db.DB, after time.Duration, orders ...clients.Order) {
	t.Helper()
	_, js := dbtest.Start(t, d, 1)
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon.Add(after), orders...))
}

// lateIDs returns the ids of the late events in the outbox.
func lateIDs(t *testing.T, d *db.DB) (ids []string) {
	t.Helper()
	for _, m := range dbtest.Pending(t, d, dbtest.Noon.AddDate(1, 0, 0)) {
		if m.Type == outbox.TypeOrderLate {
			ids = append(ids, strings.TrimPrefix(m.MsgID, "michelin.detroit."))
		}
	}
	slices.Sort(ids)
	return ids
}

func today(t *testing.T, d *db.DB, date clients.Date) int {
	t.Helper()
	n, err := d.AccountDate(t.Context(), "michelin", "detroit", "America/Detroit", date)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOrderIsLateOncePerPromise(t *testing.T) {
	d := dbtest.Open(t)
	reported(t, d, 0, promised("SO1", "2026-11-24", "2026-12-01"), promised("SO2", "2026-11-25"), promised("SO3", ""))
	if n := today(t, d, "2026-11-24"); n != 0 {
		t.Errorf("%d orders are late on the day that they are promised for", n)
	}
	if n := today(t, d, "2026-11-25"); n != 1 {
		t.Errorf("%d orders are late a day after the promise, want SO1", n)
	}
	if n := today(t, d, "2026-11-26"); n != 1 {
		t.Errorf("%d more orders are late a day later, want SO2", n)
	}
	if n := today(t, d, "2026-11-27"); n != 0 {
		t.Errorf("%d orders are late again for the same promise", n)
	}
	// SO2 becomes late for another promise, a new order becomes late, and SO1 ends.
	ended := promised("SO1", "2026-11-24", "2026-12-01")
	ended.Status = clients.StatusCancelled
	ended.Normalize()
	reported(t, d, time.Hour, ended, promised("SO2", "2026-11-26"), promised("SO4", "2026-11-26"))
	reported(t, d, 2*time.Hour, promised("SO2", "2026-11-25"), promised("SO4", "2026-12-24"))
	want := []string{"SO1.late.2026-11-24", "SO2.late.2026-11-25", "SO2.late.2026-11-26", "SO4.late.2026-11-26"}
	if diff := cmp.Diff(want, lateIDs(t, d)); diff != "" {
		t.Errorf("late events (-want +got):\n%s", diff)
	}
	dbtest.CheckConsistent(t, d)
}

func TestLateViewsFollowTheAccountsDate(t *testing.T) {
	d := dbtest.Open(t)
	reported(t, d, 0, promised("SO1", "2026-11-24", "2026-11-26"), promised("SO2", "2026-11-26"))
	for date, want := range map[clients.Date]string{
		"2026-11-24": "/",
		"2026-11-25": "SO1 1/SO1 1 1",
		"2026-11-27": "SO1 3,SO2 1/SO1 1 3,SO1 2 1,SO2 1 1",
	} {
		today(t, d, date)
		got, err := d.Inspect().Value(t.Context(), `SELECT coalesce((SELECT group_concat(order_id || ' ' || days_late) FROM late_orders), '') || '/' ||
			coalesce((SELECT group_concat(x) FROM (SELECT order_id || ' ' || line_id || ' ' || days_late AS x FROM late_lines ORDER BY order_id, line_id)), '')`)
		if err != nil || got != want {
			t.Errorf("on %s: got %q, %v, want %q", date, got, err, want)
		}
		late, _, err := d.Orders(t.Context(), orders.OrderFilter{Late: true})
		if err != nil || len(late) != strings.Count(strings.Split(want, "/")[0], "SO") {
			t.Errorf("on %s: got %d late orders, %v, want those of %q", date, len(late), err, want)
		}
	}
}

func TestLateEventIsPublic(t *testing.T) {
	d := dbtest.Open(t)
	reported(t, d, 0, promised("SO1", "2026-11-24"))
	today(t, d, "2026-11-27")
	for _, m := range dbtest.Pending(t, d, dbtest.Noon.AddDate(1, 0, 0)) {
		if m.Type == outbox.TypeOrderLate {
			dbtest.Golden(t, "order-late.txt", m.Subject+"\n"+m.MsgID+"\n"+m.CESubject+"\n"+dbtest.Indented(t, m.Body))
			return
		}
	}
	t.Error("no late event in the outbox")
}
