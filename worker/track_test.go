package worker_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/jobs"
)

// An order that is open, leaves every window and is shipped 120 days later is seen as shipped;
// one that its provider has deleted is no longer tracked.
func TestLateOrderIsTrackedUntilDelivered(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	today := clients.DateOf(time.Now().UTC())
	ages := map[string]int{"SO1": 120, "SO2": 400, "SO3": 3}
	placed := func(account, id string, shipped int64) clients.Order {
		o := order(account, id, shipped, "")
		o.OrderedOn = today.AddDays(-ages[id])
		return o
	}
	b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		return clients.Answer{Orders: []clients.Order{placed(q.Account.Name, "SO1", 0), placed(q.Account.Name, "SO2", 0), placed(q.Account.Name, "SO3", 0)}}, nil
	})
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"],"wait":true}`)

	asked := make(chan []string, 10)
	b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		asked <- q.OrderIDs
		var a clients.Answer
		if slices.Contains(q.OrderIDs, "SO1") {
			a.Orders = append(a.Orders, placed(q.Account.Name, "SO1", 4))
		}
		return a, nil
	})
	run := b.ask("runs.start", `{"provider":"michelin","kind":"track","wait":true}`).Run
	if got := <-asked; run.State != jobs.Succeeded || run.Jobs.Total != 1 || strings.Join(got, ",") != "SO1" {
		t.Errorf("got %+v, which asked for %v: want one job for SO1 alone", run, got)
	}
	o, _, err := b.db.Order(t.Context(), "michelin", "detroit", "SO1")
	if err != nil || o.Status != clients.StatusShipped || o.Revision != 2 {
		t.Errorf("got %s in revision %d, %v: want it shipped", o.Status, o.Revision, err)
	}
	alert := b.alerts(1)[0]
	if alert.Code != "tracking_stopped" || alert.Account != "detroit" || !strings.Contains(alert.Message, "SO2") {
		t.Errorf("got %+v, want the alert to name SO2", alert)
	}
	if o, _, err := b.db.Order(t.Context(), "michelin", "detroit", "SO2"); err != nil || o.Status != clients.StatusOpen {
		t.Errorf("got %s, %v: want SO2 unchanged", o.Status, err)
	}
	// With a longer max_age it is tracked again, and the alert resolved.
	if run := b.ask("runs.start", `{"provider":"michelin","kind":"track","params":{"max_age":"500d"},"wait":true}`).Run; run.Jobs.Total != 1 {
		t.Errorf("got %+v, want SO2 requested", run)
	}
	if got := <-asked; strings.Join(got, ",") != "SO2" {
		t.Errorf("got %v requested, want SO2", got)
	}
	if alert := b.alerts(2)[1]; alert.Code != "tracking_stopped" || alert.State != alerts.AlertResolved {
		t.Errorf("got %+v, want it resolved", alert)
	}
	// A message starts it as well, and no order is left to track.
	b.publish("orderbeat.runs.michelin.track", `{"older_than":"0d","max_age":"500d","accounts":["detroit"]}`, nil)
	if r := b.result(4); r.Kind != "track" || r.Jobs.Total != 1 {
		t.Errorf("got %+v, want the open orders requested", r)
	}
}
