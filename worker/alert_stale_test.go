package worker_test

import (
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/worker"
)

// An account without jobs is stale fresh_for after the worker has started. The alert survives
// restarts, until a job succeeds or the account is no longer configured.
func TestStaleAccountRaisesAnAlert(t *testing.T) {
	t.Parallel()
	const freshFor = 500 * time.Millisecond
	fresh := func(d time.Duration) func(c *worker.Config) {
		return func(c *worker.Config) { c.Providers[0].FreshFor = d }
	}
	folder, began := t.TempDir(), time.Now()
	b := startIn(t, folder, fresh(freshFor))
	for _, m := range b.messages("ORDERBEAT_ALERTS", "orderbeat.alerts.michelin.stale", 2) {
		var a alerts.Alert
		b.decode(m.Data(), &a)
		if a.Code != "stale" || a.State != alerts.AlertRaised || a.Account == "" || a.Since.Before(began.Add(freshFor).Truncate(time.Millisecond)) ||
			!strings.Contains(a.Message, "every 500ms (fresh_for); no job has run") || !strings.Contains(a.Hint, "orderbeat sync michelin --account "+a.Account) {
			t.Errorf("got %+v, want an alert, no earlier than %s", a, began.Add(freshFor))
		}
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}

	// The alert survives the restart, and is resolved by a success.
	again := startIn(t, folder, fresh(time.Hour))
	again.settled()
	if n := again.count("ORDERBEAT_ALERTS"); n != 2 {
		t.Errorf("got %d messages about alerts, want no new ones", n)
	}
	again.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"],"wait":true}`)
	if err := again.stop(); err != nil { // so that the next process checks at once
		t.Fatal(err)
	}
	third := startIn(t, folder, fresh(time.Hour))
	if a := third.alerts(3)[2]; a.Account != "detroit" || a.State != alerts.AlertResolved {
		t.Errorf("got %+v, want the alert of the synced account resolved", a)
	}
	if err := third.stop(); err != nil {
		t.Fatal(err)
	}

	last := startIn(t, folder, func(c *worker.Config) {
		fresh(time.Hour)(c)
		c.Providers[0].Accounts = []clients.Account{{Name: "detroit"}}
	})
	if a := last.alerts(4)[3]; a.Account != "st. paul" || a.State != alerts.AlertResolved {
		t.Errorf("got %+v, want what is not configured any more resolved", a)
	}
	last.settled()
	if n := last.count("ORDERBEAT_ALERTS"); n != 4 {
		t.Errorf("got %d messages about alerts, want each raised and resolved once", n)
	}
}
