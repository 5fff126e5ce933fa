package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/auth/secret"
	"orderbeat/jobs"
	"orderbeat/worker"
	"orderbeat/worker/bus"
	"orderbeat/worker/tokens"
	"orderbeat/worker/web"
)

func TestDocumentedPermissionsOfAFetcherAreSufficient(t *testing.T) {
	t.Parallel()
	srv := documented(t)
	large := &noise{orders: 300, size: 3500}
	login := func(user string) func(*worker.Config) {
		return func(c *worker.Config) {
			c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat", User: user, Password: secret.New("right")}
			c.TokenBucket = tokens.New(tokens.Config{NATS: c.NATS, Log: c.Log})
			c.Role, c.Intervals = worker.RoleStore, quick
			c.Providers = slices.Clone(c.Providers)
			c.Providers[0].Provider = large
		}
	}
	caller := as(t, srv, "caller")
	for _, user := range []string{"worker", "bound"} {
		large.name = user // the second store has a database of its own
		b := outside(t, srv.ClientURL(), login(user))
		b.page("/readyz?leader", 503, "no process of the fleet")
		logged := &logged{}
		fetch := b.config
		fetch.ID = ""
		login("fetch")(&fetch)
		fetch.Providers = b.config.Providers
		fetch.Web, fetch.Log = web.Config{Listen: freeAddress(t)}, slog.New(watcher{Handler: b.config.Log.Handler().(watcher).Handler, running: make(chan map[string]string, 1), logged: logged})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- worker.Fetch(ctx, fetch) }()
		b.page("/readyz?leader", 200, "ok")
		for _, kind := range []string{`"order_id":"` + user + `-1","max_age":"0s"`, `"order_id":"` + user + `-2"`} { // live, by way of an object, and stored
			msg, err := caller.Request("orderbeat.api.orders.get", []byte(`{"provider":"michelin","account":"detroit",`+kind+`}`), 30*time.Second)
			if err != nil || msg.Header.Get("Nats-Service-Error") != "" {
				t.Errorf("%s: got %+v, %v", user, msg, err)
			}
		}
		js, err := jetstream.New(caller)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), "orderbeat.runs.michelin.fetch", []byte(`{"accounts":["detroit"],"order_ids":["N-3"]}`)); err != nil {
			t.Fatal(err)
		}
		b.eventually("the job is done", func() bool { return len(b.jobsOf(jobs.Succeeded)) == 2 })
		b.web = "http://" + fetch.Web.Listen
		b.page("/readyz", 200, "ok: fetcher")
		if err := renew(t, fetch.TokenBucket); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		cancel()
		if err := errors.Join(<-ended, b.stop()); err != nil {
			t.Error(err)
		}
		if b.logged.count("NATS reports an error")+logged.count("NATS reports an error") != 0 {
			t.Errorf("%s: a permission is missing", user)
		}
	}
}

// TestFetcherWithoutPermissionForOutcomesIsReported runs a fetcher that may take jobs and not return them.
func TestFetcherWithoutPermissionForOutcomesIsReported(t *testing.T) {
	t.Parallel()
	srv := documented(t, `"orderbeat.outcomes.>"`)
	login := func(user string) func(*worker.Config) {
		return func(c *worker.Config) {
			c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat", User: user, Password: secret.New("right")}
			c.Role, c.Intervals = worker.RoleStore, quick
		}
	}
	b := outside(t, srv.ClientURL(), login("worker"))
	fetch := b.config
	fetch.ID = ""
	login("fetch")(&fetch)
	fetch.Web, fetch.Log = web.Config{Listen: freeAddress(t)}, slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Fetch(ctx, fetch) }()
	js, err := jetstream.New(as(t, srv, "caller"))
	if err != nil {
		t.Fatal(err)
	}
	b.page("/readyz?leader", 200, "ok")
	if _, err := js.Publish(t.Context(), "orderbeat.runs.michelin.fetch", []byte(`{"accounts":["detroit"],"order_ids":["SO1"]}`)); err != nil {
		t.Fatal(err)
	}
	b.web = "http://" + fetch.Web.Listen
	b.page("/readyz", 503, `outcomes: permissions violation: Permissions Violation for Publish to "orderbeat.outcomes.michelin.detroit"`)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
