package main // an inside test: a main package cannot be imported

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/sandbox"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// TestTrackingFindsLateShipments follows an order of the sandbox that leaves every sync window
// and is shipped 123 days after it was placed, and then orders that the provider no longer
// lists. Sandbox days are real days here, counted from long ago.
func TestTrackingFindsLateShipments(t *testing.T) {
	t.Parallel()
	const late = "SO10014899" // of toledo: ordered on 7 March 2025, the last of it despatched on 8 July
	var now atomic.Int64      // the sandbox's time, in Unix nanoseconds
	at := func(day string) {
		noon, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		now.Store(noon.Add(12 * time.Hour).UnixNano())
	}
	at("2025-03-19")
	folder := t.TempDir()
	stand := newStand(t, sandbox.Options{Day: 24 * time.Hour, Now: func() time.Time { return time.Unix(0, now.Load()) }})
	s := startHere(t, suppliers(t, folder, stand.section(t, folder, "michelin", ""))).supplier(t, stand, "michelin")
	results := 0
	ask := func(kind, params string) jobs.Run {
		t.Helper()
		results++
		s.publish("orderbeat.runs.michelin."+kind, `{"accounts":["toledo"],`+params+`}`)
		run := s.result(results)
		if run.State != jobs.Succeeded || len(run.Errors) != 0 {
			t.Errorf("%s: got %+v, want it to succeed", kind, run)
		}
		return run
	}
	order := func() outbox.EventBody {
		t.Helper()
		events := s.told("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.toledo."+late, s.count("order_events WHERE order_id = '"+late+"'"))
		var told []outbox.EventBody
		for _, msg := range events {
			var e outbox.EventBody
			s.decode(msg.Data(), &e)
			told = append(told, e)
		}
		s.inStep(told)
		return told[len(told)-1]
	}
	const patient = `"max_age":"36500d"` // it is tracked years after it was placed

	// A sync with a lookback of 14 days on that day.
	if run := ask("sync", `"from":"2025-03-05","to":"2025-03-19"`); run.Orders.Created == 0 {
		t.Fatalf("got %+v, want the orders of that time", run)
	}
	if e := order(); !slices.Contains([]clients.Status{clients.StatusOpen, clients.StatusBackordered}, e.Status) || e.Revision != 1 {
		t.Fatalf("got %s in revision %d, want it open", e.Status, e.Revision)
	}

	// 110 days later no window reaches it, and it is still open.
	at("2025-07-07")
	seen := func() string {
		return s.column("SELECT last_seen_at FROM orders WHERE order_id = '" + late + "'")[0]
	}
	before := seen()
	ask("sync", `"from":"2025-06-23","to":"2025-07-07"`)
	if seen() != before {
		t.Error("a window of 14 days reaches it: there is nothing to track")
	}
	calls := len(s.calls(struck))
	if run := ask("track", patient); run.Jobs.Total != 1 || run.Orders.Seen == 0 || seen() == before {
		t.Errorf("got %+v, want it asked for by number", run)
	}
	open := order()
	if open.Status == clients.StatusShipped || len(s.calls(struck)) != calls+1 {
		t.Errorf("got %s after %d calls, want it still open, and one question for all", open.Status, len(s.calls(struck))-calls)
	}

	at("2025-07-09")
	ask("track", patient)
	shipped := order()
	if shipped.Status != clients.StatusShipped || string(shipped.PreviousStatus) != string(open.Status) || shipped.Revision != open.Revision+1 ||
		!strings.Contains(string(shipped.Changes), "despatches") {
		t.Errorf("got %+v, want it told that it is shipped, and how", shipped)
	}
	var last clients.Date
	for _, line := range s.order(shipped).Lines {
		for _, d := range line.Despatches {
			last = max(last, d.DespatchedOn)
		}
	}
	if last != "2025-07-08" || s.order(shipped).OrderedOn != "2025-03-07" {
		t.Errorf("got it ordered on %s and despatched on %s", s.order(shipped).OrderedOn, last)
	}
	ask("track", patient)
	if e := order(); e.Revision != shipped.Revision {
		t.Errorf("got revision %d, want nothing told of what does not change", e.Revision)
	}

	// The provider no longer knows the open orders.
	at("2026-05-01")
	events := s.count("order_events")
	left := s.column("SELECT order_id FROM open_orders WHERE provider = $provider ORDER BY order_id")
	if run := ask("track", patient); len(left) == 0 || run.Orders.Seen != 0 || s.count("order_events") != events {
		t.Errorf("got %+v, want %d orders asked for, and nothing heard", run, len(left))
	}
	s.alarms()
	ask("track", patient) // nothing is published twice
	vanished := s.column("SELECT order_id FROM open_orders WHERE provider = $provider AND not_found_since IS NOT NULL ORDER BY order_id")
	told := 0
	for _, id := range left {
		subject := "orderbeat.orders.michelin.toledo." + id
		msgs := s.told("ORDERBEAT_ORDERS", subject, s.count("order_events WHERE order_id = '"+id+"'")+1)
		for _, msg := range msgs {
			if msg.Headers().Get("ce-type") == outbox.TypeOrderVanished {
				told++
			}
		}
	}
	if !slices.Equal(vanished, left) || told != len(left) {
		t.Errorf("got %v not found and %d vanished events, want one for each of %v", vanished, told, left)
	}
	if n := s.messages("ORDERBEAT_ORDERS"); n != events+s.count("late_notices")+len(left) {
		t.Errorf("got %d messages, want %d events and one for each of %d orders", n, events, len(left))
	}
	ask("track", `"max_age":"30d"`)
	s.alarms("tracking_stopped toledo raised")
	alert := s.column("SELECT message || ' ' || hint FROM alerts WHERE provider = $provider")[0]
	if !strings.Contains(alert, left[0]) || !strings.Contains(alert, "Contact the provider") {
		t.Errorf("got %s, want the orders named, and what to do", alert)
	}
	if kept := s.column("SELECT order_id FROM open_orders WHERE provider = $provider ORDER BY order_id"); !slices.Equal(kept, left) || s.count("order_events") != events {
		t.Errorf("got %v open, want them kept: %v", kept, left)
	}
	ask("track", patient)
	s.alarms("tracking_stopped toledo resolved")
}
