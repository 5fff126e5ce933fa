package worker_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/worker"
	"orderbeat/worker/bus"
	"orderbeat/worker/bus/natstest"
	"orderbeat/worker/web"
)

// readyz waits until /readyz has this status and a page that contains part.
func (b *bench) readyz(status int, part string) {
	b.t.Helper()
	b.page("/readyz", status, part)
}

func (b *bench) page(path string, status int, part string) {
	b.t.Helper()
	got := ""
	deadline := time.Now().Add(60 * time.Second)
	for {
		resp, body := b.get(path)
		if got = fmt.Sprint(resp.StatusCode, " ", body); resp.StatusCode == status && strings.Contains(body, part) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: got %s, want %d with %q", path, got, status, part)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// outside is a worker on an external NATS server, with a web listener; it may not become ready.
func outside(t *testing.T, url string, change func(*worker.Config)) *bench {
	t.Helper()
	b := launch(t, t.TempDir(), func(c *worker.Config) {
		c.NATS = bus.Config{URL: url, Prefix: "orderbeat", User: "ops", Password: secret.New("right")}
		c.Web = web.Config{Listen: freeAddress(t)}
		if change != nil {
			change(c)
		}
	})
	b.web = "http://" + b.config.Web.Listen
	b.eventually("the web listener is there", func() bool {
		resp, err := http.Get(b.web + "/livez")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	return b
}

// manage connects to an external server.
func manage(t *testing.T, srv *server.Server) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// freeAddress is an address without a listener.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	return fmt.Sprintf("127.0.0.1:%d", natstest.FreePort(tb))
}

func runsStream(change func(*jetstream.StreamConfig)) jetstream.StreamConfig {
	c := jetstream.StreamConfig{Name: "ORDERBEAT_RUNS", Subjects: []string{"orderbeat.runs.>"}, Retention: jetstream.WorkQueuePolicy, AllowAtomicPublish: true}
	if change != nil {
		change(&c)
	}
	return c
}

func TestReadyzFailsWhileNoRequestCanBeReceived(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before func(t *testing.T, js jetstream.JetStream) // the worker starts
		want   string
	}{
		"another's overlapping consumer": {func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			stream, err := js.CreateStream(t.Context(), runsStream(nil))
			if err == nil {
				_, err = stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "x", AckPolicy: jetstream.AckExplicitPolicy})
			}
			if err != nil {
				t.Fatal(err)
			}
		}, "consumer planner: "},
		"a push consumer of that name": {func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			stream, err := js.CreateStream(t.Context(), runsStream(nil))
			if err == nil {
				_, err = stream.CreatePushConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "planner", FilterSubject: "orderbeat.runs.>", DeliverSubject: "x", AckPolicy: jetstream.AckExplicitPolicy})
			}
			if err != nil {
				t.Fatal(err)
			}
		}, "consumer planner: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := depot(t)()
			test.before(t, manage(t, srv))
			b := outside(t, srv.ClientURL(), func(c *worker.Config) {
				other := c.Providers[0]
				other.Name = "another"
				c.Providers = append(c.Providers, other)
			})
			b.readyz(503, test.want)
			b.page("/livez", 200, "ok")
		})
	}
}

func TestReadyzFailsWithoutSpaceForStreams(t *testing.T) {
	t.Parallel()
	srv := natstest.Start(t, natstest.Options(t))
	if err := srv.GlobalAccount().UpdateJetStreamLimits(map[string]server.JetStreamAccountLimits{"": {MaxMemory: -1, MaxStore: -1, MaxStreams: 2, MaxConsumers: -1}}); err != nil {
		t.Fatal(err)
	}
	b := outside(t, srv.ClientURL(), nil)
	b.readyz(503, "maximum number of streams reached")
}

func TestPausedConsumerIsReportedAndResumedAtStart(t *testing.T) {
	t.Parallel()
	srv := depot(t)()
	js := manage(t, srv)
	folder := t.TempDir()
	first := startIn(t, folder, func(c *worker.Config) {
		listening(c)
		c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"}
	})
	first.readyz(200, "ok")
	if _, err := js.PauseConsumer(t.Context(), "ORDERBEAT_RUNS", "planner", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	first.readyz(503, "consumer planner: consumer planner is paused for another ")
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	again := startIn(t, folder, func(c *worker.Config) {
		listening(c)
		c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"}
	})
	again.readyz(200, "ok")
	if c, err := js.Consumer(t.Context(), "ORDERBEAT_RUNS", "planner"); err != nil || c.CachedInfo().Paused {
		t.Errorf("got %v, want it resumed", err)
	}
}

func TestEditedConsumerIsRestored(t *testing.T) {
	t.Parallel()
	b := start(t, listening)
	b.readyz(200, "ok")
	consumer, err := b.js.Consumer(t.Context(), "ORDERBEAT_RUNS", "planner")
	if err != nil {
		t.Fatal(err)
	}
	config := consumer.CachedInfo().Config
	config.FilterSubject = "orderbeat.runs.other.>"
	if _, err := b.js.UpdateConsumer(t.Context(), "ORDERBEAT_RUNS", config); err != nil {
		t.Fatal(err)
	}
	b.publish("orderbeat.runs.michelin.sync", "", nil)
	b.messages("ORDERBEAT_RESULTS", "orderbeat.results.michelin.>", 1)
	b.readyz(200, "ok")
}

func collect[T any](from <-chan T) (all []T) {
	for v := range from {
		all = append(all, v)
	}
	return all
}

func TestMessagesHeldByAnotherClientAreReported(t *testing.T) {
	t.Parallel()
	const planned = 64 // requests in flight
	srv := depot(t)()
	js := manage(t, srv)
	stream, err := js.CreateStream(t.Context(), runsStream(nil))
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{
		Durable: "planner", FilterSubject: "orderbeat.runs.>", AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1, MaxAckPending: planned, AckWait: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range planned + 1 {
		if _, err := js.Publish(t.Context(), "orderbeat.runs.michelin.sync", []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	batch, err := consumer.Fetch(planned)
	if err != nil {
		t.Fatal(err)
	}
	held := collect(batch.Messages())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for ctx.Err() == nil {
			for _, msg := range held {
				_ = msg.InProgress()
			}
			time.Sleep(time.Second)
		}
	}()
	b := outside(t, srv.ClientURL(), nil)
	b.readyz(503, "max_ack_pending (64) is used up by messages that another client received")
	stop()
	for _, msg := range held {
		if err := msg.Ack(); err != nil {
			t.Fatal(err)
		}
	}
	b.readyz(200, "ok")
}

func TestReadyzOfAFollowerAndADrainingWorker(t *testing.T) {
	t.Parallel()
	srv := depot(t)()
	release, asked := make(chan struct{}), make(chan struct{}, 8)
	first := startIn(t, t.TempDir(), func(c *worker.Config) {
		listening(c)
		c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"}
		c.Drain = time.Minute
		c.Providers[0].Provider = &supplier{answer: func(ctx context.Context, q clients.Query) (clients.Answer, error) {
			asked <- struct{}{}
			<-release
			return lists(0, "SO1")(ctx, q)
		}}
	})
	first.page("/readyz?leader", 200, "ok")
	second := outside(t, srv.ClientURL(), func(c *worker.Config) {
		c.Web.User, c.Web.Password = "ops", secret.New("canary")
	})
	second.readyz(200, "ok: follower: another worker leads")
	second.page("/readyz?leader", 503, "follower")
	if _, body := second.get("/readyz"); strings.Contains(body, first.config.Place) || strings.Contains(body, "/") {
		t.Errorf("without a password it names a place: %s", body)
	}

	first.publish("orderbeat.runs.michelin.sync", "", nil)
	<-asked
	ended := make(chan error, 1)
	go func() { ended <- first.stop() }()
	first.readyz(503, "shutting down")
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	second.page("/readyz?leader", 200, "ok")
}

func TestOverwrittenLeaseIsReplaced(t *testing.T) {
	t.Parallel()
	srv := depot(t)()
	b := startIn(t, t.TempDir(), func(c *worker.Config) {
		listening(c)
		c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"}
	})
	kv, err := b.js.KeyValue(t.Context(), "ORDERBEAT_WORKER")
	if err != nil {
		t.Fatal(err)
	}
	written, err := kv.Put(t.Context(), "store", []byte("{}")) // leader.TestUnreadableLeaseIsReplaced has other values
	if err != nil {
		t.Fatal(err)
	}
	b.eventually("the lease is replaced", func() bool {
		entry, err := kv.Get(t.Context(), "store")
		return err == nil && entry.Revision() > written && strings.Contains(string(entry.Value()), `"process":"`)
	})
	if err := kv.Delete(t.Context(), "store"); err != nil {
		t.Fatal(err)
	}
	b.eventually("the lease is there again", func() bool { _, err := kv.Get(t.Context(), "store"); return err == nil })
	b.page("/readyz?leader", 200, "ok")
	if b.logged.count("lease is unreadable, replacing it") == 0 {
		t.Error("it was not logged")
	}
}

func TestUnreadableLeaseIsTakenOver(t *testing.T) {
	t.Parallel()
	srv := depot(t)()
	js := manage(t, srv)
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "ORDERBEAT_WORKER"})
	if err == nil {
		_, err = kv.Put(t.Context(), "store", []byte("{}"))
	}
	if err != nil {
		t.Fatal(err)
	}
	b := startIn(t, t.TempDir(), func(c *worker.Config) {
		listening(c)
		c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"}
	})
	b.publish("orderbeat.runs.michelin.sync", "", nil)
	b.messages("ORDERBEAT_RESULTS", "orderbeat.results.michelin.>", 1)
}

func TestFailedRenewalOfTheLeaseIsReported(t *testing.T) {
	t.Parallel()
	srv := depot(t)()
	b := startIn(t, t.TempDir(), func(c *worker.Config) {
		listening(c)
		c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"}
	})
	b.readyz(200, "ok")
	stream, err := b.js.Stream(t.Context(), "KV_ORDERBEAT_WORKER")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	full := config
	full.MaxMsgSize = 1
	if _, err := b.js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	b.readyz(503, "lease: message size exceeds maximum allowed")
	if n := b.logged.count("failed to renew the lease"); n != 1 {
		t.Errorf("got %d lines, want 1", n)
	}
	if _, err := b.js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	b.readyz(200, "ok")
}
