package worker_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker"
)

// panicking is a provider that panics in every method while it is set to.
type panicking struct {
	*supplier
	panics atomic.Bool
	traits clients.Traits
}

func (r *panicking) rage() {
	if r.panics.Load() {
		panic("oops")
	}
}

func (r *panicking) Traits() clients.Traits      { r.rage(); return r.traits }
func (r *panicking) Credentials() []*auth.Source { r.rage(); return nil }
func (r *panicking) Stats() clients.Stats        { r.rage(); return clients.Stats{} }

// beside adds a panicking provider to the healthy one.
func beside(r *panicking) func(c *worker.Config) {
	return func(c *worker.Config) {
		r.supplier = &supplier{answer: lists(0, "SO1")}
		other := c.Providers[0]
		other.Provider, other.Name = r, "panicking"
		c.Providers = append(c.Providers, other)
		c.Web.Listen = "127.0.0.1:0"
	}
}

func TestPanickingProviderDoesNotStopOthers(t *testing.T) {
	t.Parallel()
	r := &panicking{}
	r.panics.Store(true)
	b := start(t, beside(r))
	b.publish("orderbeat.runs.panicking.sync", ``, nil)
	if got := b.result(1); got.State != jobs.Failed || got.Errors[0].Code != clients.CodeInternal || !strings.HasPrefix(got.Errors[0].Message, "panic: oops") {
		t.Errorf("got %+v, want a failed run with the panic", got)
	}
	if _, page := b.get("/metrics"); !strings.Contains(page, "orderbeat_leader") {
		t.Error("the metrics are gone")
	}
	b.publish("orderbeat.runs.michelin.sync", ``, nil)
	if got := b.result(2); got.State != jobs.Succeeded {
		t.Errorf("got %+v, want the other provider synced", got)
	}
	b.settled()
}

func TestPanicFailsOnlyItsJob(t *testing.T) {
	t.Parallel()
	r := &panicking{traits: clients.Traits{MaxWindowDays: 90, MaxReferences: -1}}
	b := start(t, beside(r))
	b.publish("orderbeat.runs.panicking.fetch", `{"order_ids":["SO1"]}`, nil)
	if got := b.result(1); got.State != jobs.Failed || got.Jobs.Total != 0 {
		t.Errorf("got %+v, want a failed run", got)
	}
	r.panics.Store(true)
	b.publish("orderbeat.runs.panicking.sync", ``, nil)
	if got := b.result(2); got.State != jobs.Failed || got.Jobs.Failed != 2 || got.Errors[0].Code != clients.CodeInternal {
		t.Errorf("got %+v, want failed jobs", got)
	}
	if _, page := b.get("/metrics"); !strings.Contains(page, "orderbeat_leader") {
		t.Error("the metrics are gone")
	}
	r.panics.Store(false)
	b.publish("orderbeat.runs.panicking.sync", ``, nil) // it returns orders of another provider
	if got := b.result(3); got.State != jobs.Failed || got.Errors[0].Code != clients.CodeInternal || !strings.Contains(got.Errors[0].Message, "cannot be stored") {
		t.Errorf("got %+v, want failed jobs, whose outcome cannot be stored", got)
	}
	r.answers(func(context.Context, clients.Query) (clients.Answer, error) { return clients.Answer{}, nil })
	b.publish("orderbeat.runs.panicking.sync", ``, nil)
	if got := b.result(4); got.State != jobs.Succeeded {
		t.Errorf("got %+v, want it asked again", got)
	}
	b.settled()
}

func TestLiveRequestFailsIfItsOutcomeCannotBeStored(t *testing.T) {
	t.Parallel()
	b := start(t, beside(&panicking{traits: clients.Traits{MaxWindowDays: 90, MaxReferences: 10}})) // it returns orders of another provider
	g := b.ask("orders.get", `{"provider":"panicking","account":"detroit","order_id":"SO1","max_age":"0s"}`)
	list, err := b.db.Jobs(t.Context(), runs.JobFilter{Provider: "panicking", Limit: 2})
	if g.Error.Code != "internal" || err != nil || len(list) != 1 || list[0].State != jobs.Failed || !strings.Contains(list[0].Error, "cannot be stored") {
		t.Errorf("got %+v, %+v, %v, want one failed job", g.Error, list, err)
	}
}

// TestAlertsOfARemovedAccountAreResolved restarts a worker without an account whose despatch
// advices were rejected.
func TestAlertsOfARemovedAccountAreResolved(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := startIn(t, folder, nil)
	for _, kind := range []string{"", "despatch", "invoice", "check"} {
		if _, err := b.db.Raise(t.Context(), alerts.Alert{Provider: "michelin", Account: "st. paul", Code: clients.CodeForbidden, Kind: kind}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b = startIn(t, folder, func(c *worker.Config) { c.Providers[0].Accounts = c.Providers[0].Accounts[:1] })
	b.eventually("they are resolved", func() bool {
		raised, err := b.db.Alerts(t.Context(), true)
		return err == nil && len(raised) == 0
	})
}
