package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker"
	"orderbeat/worker/bus"
	"orderbeat/worker/contracttest"
)

func TestMain(m *testing.M) {
	// Most tests wait for timers, not for the processor. The flag -parallel overrides this.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// supplier is a provider that responds as the test says.
type supplier struct {
	credentials []*auth.Source // set before the worker starts

	mu     sync.Mutex // guards the rest
	answer func(ctx context.Context, q clients.Query) (clients.Answer, error)
	asked  []clients.Query
}

func (s *supplier) Orders(ctx context.Context, q clients.Query) (clients.Answer, error) {
	s.mu.Lock()
	s.asked = append(s.asked, q)
	answer := s.answer
	s.mu.Unlock()
	return answer(ctx, q)
}

func (s *supplier) Traits() clients.Traits {
	return clients.Traits{MaxWindowDays: 90, MaxReferences: 50}
}

func (s *supplier) Credentials() []*auth.Source { return s.credentials }

func (s *supplier) answers(f func(ctx context.Context, q clients.Query) (clients.Answer, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func (s *supplier) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// lists always responds with the same orders, with this shipped quantity.
func lists(shipped int64, ids ...string) func(context.Context, clients.Query) (clients.Answer, error) {
	return func(_ context.Context, q clients.Query) (clients.Answer, error) {
		var a clients.Answer
		for _, id := range ids {
			a.Orders = append(a.Orders, order(q.Account.Name, id, shipped, ""))
		}
		return a, nil
	}
}

func order(account, id string, shipped int64, description string) clients.Order {
	o := clients.Order{
		Provider: "michelin", Account: account, OrderID: id, Reference: clients.Text("PO-" + id), OrderedOn: "2026-11-01",
		Lines: []clients.Line{{
			LineID: "001", ArticleID: "62115", Description: clients.Text(description), Ordered: clients.Pieces(4),
			Schedule: []clients.ScheduleLine{
				{DeliveryOn: "2099-11-25", Amounts: clients.Amounts{Open: clients.Pieces(4 - shipped), Shipped: clients.Pieces(shipped)}},
			},
		}},
	}
	o.Normalize()
	return o
}

// bench is a running worker in which everything but the provider is real.
type bench struct {
	t        *testing.T
	config   worker.Config
	supplier *supplier
	db       *db.DB
	conn     *nats.Conn
	js       jetstream.JetStream
	web      string                 // the web listener's URL
	running  chan map[string]string // its addresses, when it is running
	logged   *logged
	ended    chan error   // the result of Run, once
	stop     func() error // stops the worker and returns the result of Run
}

// start runs a worker in a folder of its own. change may modify its configuration.
func start(t *testing.T, change func(*worker.Config)) *bench {
	t.Helper()
	return startIn(t, t.TempDir(), change)
}

func startIn(t *testing.T, folder string, change func(*worker.Config)) *bench {
	t.Helper()
	b := launch(t, folder, change)
	b.waitRunning()
	return b
}

// launch runs a worker, and does not wait until it is running.
func launch(t *testing.T, folder string, change func(*worker.Config)) *bench {
	t.Helper()
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	path := filepath.Join(folder, "orderbeat.db")
	copyEmptyDatabase(t, path)
	database, err := db.Open(t.Context(), db.Options{Path: path, Synchronous: "full", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		t: t, supplier: &supplier{answer: lists(0, "SO1", "SO2")}, db: database,
		running: make(chan map[string]string, 1), logged: &logged{}, ended: make(chan error, 1),
	}
	b.config = worker.Config{
		NATS: bus.Config{Listen: "127.0.0.1:0", Store: filepath.Join(folder, "nats"), Prefix: "orderbeat", MaxPayload: 1 << 20},
		DB:   database, ID: folder, Place: folder, Concurrency: 8, Drain: 5 * time.Second, Version: "1.2.3", Log: log,
		Intervals: worker.Intervals{Streams: time.Second, Consumers: 2 * time.Second},
		Providers: []worker.Provider{{
			Provider: b.supplier, Name: "michelin", Kind: "michelin", Concurrency: 4, Retry: clients.Retry{Attempts: 3, For: time.Hour},
			Accounts: []clients.Account{{Name: "detroit"}, {Name: "st. paul"}},
		}},
	}
	if change != nil {
		change(&b.config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.config.Log = slog.New(watcher{Handler: log.Handler(), running: b.running, logged: b.logged})
	go func() { b.ended <- worker.Run(ctx, b.config) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-b.ended, database.Close())
	})
	t.Cleanup(func() {
		if err := b.stop(); err != nil {
			t.Errorf("worker: %v", err)
		}
	})
	return b
}

// emptyDatabase is a database with the current schema. Parsing the migrations takes a third of the
// processor time of most tests.
var emptyDatabase = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "orderbeat")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "orderbeat.db")
	d, err := db.Open(context.Background(), db.Options{Path: path})
	if err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// copyEmptyDatabase creates a database, unless it exists.
func copyEmptyDatabase(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	content, err := emptyDatabase()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// waitRunning waits until the worker is running.
func (b *bench) waitRunning() {
	b.t.Helper()
	select {
	case at := <-b.running:
		b.web = at["web"]
		b.connect(at["nats"])
	case err := <-b.ended:
		b.ended <- err
		b.t.Fatalf("the worker did not start: %v", err)
	}
}

// startRenamed runs a worker whose only provider has another name.
func startRenamed(t *testing.T, folder string) *bench {
	t.Helper()
	return startIn(t, folder, func(c *worker.Config) { c.Providers[0].Name = "renamed" })
}

func (b *bench) connect(url string) {
	b.t.Helper()
	var err error
	if b.conn, err = nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0)); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(b.conn.Close)
	if b.js, err = jetstream.New(b.conn); err != nil {
		b.t.Fatal(err)
	}
	b.eventually("the consumer is there", func() bool {
		_, err := b.js.Consumer(b.t.Context(), "ORDERBEAT_RUNS", "planner")
		return err == nil
	})
}

// watcher forwards log records, and reports the worker's addresses.
type watcher struct {
	slog.Handler
	running chan<- map[string]string
	logged  *logged
}

// logged are the messages in the log.
type logged struct {
	mu   sync.Mutex // guards list
	list []string
}

func (s *logged) add(message string) {
	if s == nil {
		return // in benchmarks
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, message)
}

// count is the number of messages with this prefix.
func (s *logged) count(message string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.list {
		if strings.HasPrefix(m, message) {
			n++
		}
	}
	return n
}

func (w watcher) Enabled(context.Context, slog.Level) bool { return true }

func (w watcher) Handle(ctx context.Context, r slog.Record) error {
	w.logged.add(r.Message)
	if r.Message == "orderbeat is running" {
		at := map[string]string{}
		r.Attrs(func(a slog.Attr) bool {
			at[a.Key] = a.Value.String()
			return true
		})
		w.running <- at
	}
	if w.Handler.Enabled(ctx, r.Level) {
		return w.Handler.Handle(ctx, r)
	}
	return nil
}

// testWriter writes to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// eventually waits until the condition holds.
func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	b.eventuallyWithin(time.Minute, what, holds)
}

func (b *bench) eventuallyWithin(timeout time.Duration, what string, holds func() bool) {
	b.t.Helper()
	deadline := time.Now().Add(timeout)
	for !holds() {
		if time.Now().After(deadline) {
			b.t.Fatalf("timed out waiting for: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// publish publishes a message to a stream.
func (b *bench) publish(subject, body string, header nats.Header) {
	b.t.Helper()
	if _, err := b.js.PublishMsg(b.t.Context(), &nats.Msg{Subject: subject, Data: []byte(body), Header: header}); err != nil {
		b.t.Fatalf("publish to %s: %v", subject, err)
	}
}

// messages waits until a stream has n messages on a subject, and returns them in order.
func (b *bench) messages(stream, subject string, n int) []jetstream.Msg {
	b.t.Helper()
	consumer, err := b.js.OrderedConsumer(b.t.Context(), stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	if err != nil {
		b.t.Fatal(err)
	}
	var got []jetstream.Msg
	for len(got) < n {
		batch, err := consumer.Fetch(n-len(got), jetstream.FetchMaxWait(time.Minute))
		if err != nil {
			b.t.Fatal(err)
		}
		before := len(got)
		for m := range batch.Messages() {
			got = append(got, m)
		}
		if len(got) == before {
			b.t.Fatalf("%s has %d messages on %s, want %d", stream, len(got), subject, n)
		}
	}
	return got
}

// result waits for the nth result of any run.
func (b *bench) result(n int) jobs.Run {
	b.t.Helper()
	all := b.messages("ORDERBEAT_RESULTS", "orderbeat.results.>", n)
	var run jobs.Run
	b.decode(all[n-1].Data(), &run)
	return run
}

func (b *bench) decode(data []byte, v any) {
	b.t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		b.t.Fatalf("%v in %s", err, data)
	}
}

// count is the number of messages in a stream.
func (b *bench) count(stream string) int {
	b.t.Helper()
	s, err := b.js.Stream(b.t.Context(), stream)
	if err != nil {
		b.t.Fatal(err)
	}
	return int(s.CachedInfo().State.Msgs)
}

// settled waits until the work queues and the outbox are empty.
func (b *bench) settled() {
	b.t.Helper()
	b.eventually("the work queue is empty", func() bool { return b.count("ORDERBEAT_RUNS") == 0 })
	b.eventually("no job is queued or running", func() bool {
		return len(b.jobsOf(jobs.Queued)) == 0 && len(b.jobsOf(jobs.Running)) == 0
	})
	b.eventually("the outbox is empty", func() bool {
		pending, err := b.db.Pending(b.t.Context(), time.Now(), 1)
		return err == nil && len(pending) == 0
	})
}

// request sends a request to the service.
func (b *bench) request(endpoint, body string, header nats.Header) *nats.Msg {
	b.t.Helper()
	msg, err := b.conn.RequestMsg(&nats.Msg{Subject: "orderbeat.api." + endpoint, Data: []byte(body), Header: header}, time.Minute)
	if err != nil {
		b.t.Fatalf("%s %s: %v", endpoint, body, err)
	}
	contracttest.Reply(b.t, endpoint, msg.Header.Get(micro.ErrorCodeHeader) != "", msg.Data)
	return msg
}

// unavailable is a temporary failure.
func unavailable() error {
	return &clients.Error{Provider: "michelin", Op: "order status", Code: clients.CodeUnavailable, Status: 503, Message: "down"}
}
