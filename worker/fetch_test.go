package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/section"
	"orderbeat/jobs"
	"orderbeat/worker"
	"orderbeat/worker/api"
	"orderbeat/worker/bus"
	"orderbeat/worker/wire"
)

// remoteAPI is a provider's API, which counts its calls.
type remoteAPI struct {
	*httptest.Server
	orders int           // in each response
	delay  time.Duration // of each response

	now, most, calls atomic.Int64
	mu               sync.Mutex // guards at
	at               []time.Time
	asked            map[string]int // by path
}

func newAPI(t *testing.T, orders int, delay time.Duration) *remoteAPI {
	t.Helper()
	a := &remoteAPI{orders: orders, delay: delay, asked: map[string]int{}}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := a.now.Add(1)
		defer a.now.Add(-1)
		for most := a.most.Load(); now > most && !a.most.CompareAndSwap(most, now); most = a.most.Load() {
		}
		a.calls.Add(1)
		a.mu.Lock()
		a.at = append(a.at, time.Now())
		a.asked[r.URL.Path]++
		a.mu.Unlock()
		select {
		case <-time.After(a.delay):
		case <-r.Context().Done():
		}
		_ = json.NewEncoder(w).Encode(a.orders)
	}))
	t.Cleanup(a.Close)
	return a
}

// apiClient is a process's client of the API.
type apiClient struct {
	*httpapi.HTTP
	api *remoteAPI
}

func (c *apiClient) Orders(ctx context.Context, q clients.Query) (answer clients.Answer, err error) {
	id := strings.Join(slices.Concat(q.OrderIDs, q.References), ",")
	n := 0
	err = c.DoJSON(ctx, c.api.URL+"/"+id, q.Account.Name, &n)
	for i := range n {
		name := id
		if n > 1 {
			name = fmt.Sprintf("%s-%d", id, i)
		}
		answer.Orders = append(answer.Orders, order(q.Account.Name, name, 0, strings.Repeat(name, 20)))
	}
	return answer, err
}

func (c *apiClient) Traits() clients.Traits {
	return clients.Traits{MaxWindowDays: 90, MaxReferences: 1}
}

// DoJSON sends one request.
func (c *apiClient) DoJSON(ctx context.Context, url, account string, into any) error {
	return c.Answer(ctx, httpapi.Call{Op: "orders", Account: account, Method: http.MethodGet, URL: url}, func(r httpapi.Response) error {
		return json.NewDecoder(r.Body).Decode(into)
	})
}

// calling makes the API a process's only provider.
func (a *remoteAPI) calling(concurrency int, rate clients.Rate) func(*worker.Config) {
	return func(c *worker.Config) {
		p := worker.Provider{
			Name: "michelin", Kind: "michelin", Concurrency: concurrency, Rate: rate, Retry: clients.Retry{Attempts: 3, For: time.Hour},
			Accounts: []clients.Account{{Name: "detroit"}},
		}
		p.Provider = &apiClient{api: a, HTTP: httpapi.NewHTTP(section.Section{Log: c.Log, Config: section.Config{
			Name: p.Name, Concurrency: concurrency, Rate: rate, Timeout: 20 * time.Second, MaxBody: 1 << 20, Accounts: p.Accounts,
		}})}
		c.Providers = []worker.Provider{p}
	}
}

// flock is a leader and fetchers on one NATS.
type flock struct {
	*bench
	srv *server.Server
}

var quick = worker.Intervals{Streams: time.Second, Consumers: 2 * time.Second, Fleet: 300 * time.Millisecond, AckWait: 1500 * time.Millisecond, Lost: 300 * time.Millisecond}

// startFlock starts a leader with a role.
func startFlock(t *testing.T, role worker.Role, changes ...func(*worker.Config)) *flock {
	t.Helper()
	srv := depot(t)()
	b := start(t, func(c *worker.Config) {
		c.NATS, c.Role, c.Intervals = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"}, role, quick
		for _, change := range changes {
			change(c)
		}
	})
	return &flock{b, srv}
}

// fetcher starts a fetcher, and returns what stops it, and what cuts it off as if it had been killed.
func (f *flock) fetcher(changes ...func(*worker.Config)) (stop func()) {
	f.t.Helper()
	log := slog.New(slog.NewTextHandler(testWriter{f.t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c := worker.Config{
		NATS: bus.Config{URL: f.srv.ClientURL(), Prefix: "orderbeat"}, Concurrency: 8, Drain: 5 * time.Second, Version: "1.2.3",
		Intervals: quick, Log: log, Providers: f.config.Providers,
	}
	for _, change := range changes {
		change(&c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	before := len(f.fleet())
	go func() { ended <- worker.Fetch(ctx, c) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			f.t.Errorf("fetcher: %v", err)
		}
	})
	f.t.Cleanup(stop)
	f.eventually("the fetcher is in the fleet", func() bool { return len(f.fleet()) > before })
	return stop
}

// fleet lists the keys of the fleet.
func (f *flock) fleet() []string {
	kv, err := f.js.KeyValue(f.t.Context(), "ORDERBEAT_FLEET")
	if err != nil {
		return nil
	}
	keys, _ := kv.Keys(f.t.Context())
	return keys
}

// fetchMany starts a run with a job for each of n orders.
func (f *flock) fetchMany(n int) {
	f.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("SO%d", i)
	}
	body, err := json.Marshal(map[string]any{"accounts": []string{"detroit"}, "order_ids": ids})
	if err != nil {
		f.t.Fatal(err)
	}
	f.publish("orderbeat.runs.michelin.fetch", string(body), nil)
}

// queued waits until n jobs are in the stream of jobs.
func (f *flock) queued(n int) jetstream.Stream {
	f.t.Helper()
	f.eventually("jobs are sent", func() bool { return f.count("ORDERBEAT_JOBS") == n })
	stream, err := f.js.Stream(f.t.Context(), "ORDERBEAT_JOBS")
	if err != nil {
		f.t.Fatal(err)
	}
	return stream
}

// drained waits until the work queues of the fleet are empty.
func (f *flock) drained() {
	f.t.Helper()
	f.settled()
	f.eventually("no job and no outcome is left", func() bool { return f.count("ORDERBEAT_JOBS") == 0 && f.count("ORDERBEAT_OUTCOMES") == 0 })
}

func TestFetchersShareAndCallsAreBounded(t *testing.T) {
	t.Parallel()
	for _, role := range []worker.Role{worker.RoleStore, worker.RoleAll} {
		t.Run(string(role), func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, 1, 20*time.Millisecond)
			f := startFlock(t, role, a.calling(5, clients.Rate{}))
			f.fetcher(a.calling(5, clients.Rate{}))
			f.fetcher(a.calling(5, clients.Rate{}))
			f.fetchMany(200)
			if r := f.result(1); r.State != jobs.Succeeded || r.Jobs.Succeeded != 200 || r.Orders.Created != 200 {
				t.Errorf("got %+v", r)
			}
			f.drained()
			if n := f.count("ORDERBEAT_RESULTS"); n != 1 {
				t.Errorf("got %d results", n)
			}
			if most := a.most.Load(); most < 2 || most > 5 || a.calls.Load() != 200 {
				t.Errorf("got %d calls, %d at once; want 200, at most 5 at once", a.calls.Load(), most)
			}
			if role == worker.RoleStore && len(f.supplier.asked) != 0 {
				t.Error("the store called the provider")
			}
		})
	}
}

// TestJobsOfAFetcherThatVanishedAreMadeByOthers cuts a fetcher's connection in the middle.
func TestJobsOfAFetcherThatVanishedAreMadeByOthers(t *testing.T) {
	t.Parallel()
	a := newAPI(t, 1, 50*time.Millisecond)
	f := startFlock(t, worker.RoleStore, a.calling(8, clients.Rate{}))
	hang := make(chan struct{})
	held := &stuck{hang: hang}
	f.fetcher(func(c *worker.Config) {
		a.calling(8, clients.Rate{})(c)
		c.Providers[0].Provider, c.Drain, c.NATS.Prefix = held, time.Second, "orderbeat"
		c.Intervals.AckWait = time.Hour // it sends no heartbeats, as if it were suspended
	})
	f.fetchMany(40)
	f.eventually("it has jobs", func() bool { return held.calls.Load() > 0 })
	f.fetcher(a.calling(8, clients.Rate{}))
	if r := f.result(1); r.State != jobs.Succeeded || r.Jobs.Succeeded != 40 {
		t.Errorf("got %+v", r)
	}
	close(hang) // its outcomes come late and change nothing
	f.drained()
	if n := f.count("ORDERBEAT_RESULTS"); n != 1 {
		t.Errorf("got %d results", n)
	}
}

// stuck is a provider that responds when hang is closed.
type stuck struct {
	hang  chan struct{}
	calls atomic.Int64
}

func (s *stuck) Orders(ctx context.Context, q clients.Query) (clients.Answer, error) {
	s.calls.Add(1)
	select {
	case <-s.hang:
	case <-ctx.Done():
		return clients.Answer{}, ctx.Err()
	}
	return clients.Answer{Orders: []clients.Order{order(q.Account.Name, q.OrderIDs[0], 4, "")}}, nil
}

func (s *stuck) Traits() clients.Traits { return clients.Traits{MaxWindowDays: 90, MaxReferences: 1} }

// TestLargeOutcomes has one outcome of ten thousand orders, with the default limit of a message.
func TestLargeOutcomes(t *testing.T) {
	t.Parallel()
	a := newAPI(t, 10_000, 0)
	f := startFlock(t, worker.RoleStore, a.calling(4, clients.Rate{}))
	noisy := &noise{orders: 10_000, size: 150, name: "N"}
	f.fetcher(func(c *worker.Config) {
		a.calling(4, clients.Rate{})(c)
		c.Providers[0].Provider = noisy
	})
	f.fetchMany(1)
	f.eventually("the job is done", func() bool { return len(f.jobsOf(jobs.Succeeded)) == 1 })
	if row := f.jobsOf(jobs.Succeeded)[0]; row.Orders.Created != 10_000 {
		t.Errorf("got %+v", row)
	}
	store, err := f.js.ObjectStore(t.Context(), "ORDERBEAT_BLOBS")
	if err != nil {
		t.Fatalf("it was not large enough for an object: %v", err)
	}
	f.eventually("the object is deleted", func() bool {
		list, err := store.List(t.Context())
		return err != nil || len(list) == 0
	})
	// A live request whose reply is larger than a message.
	noisy.orders, noisy.size = 300, 3500
	reply := f.ask("orders.get", `{"provider":"michelin","account":"detroit","order_id":"N-1","max_age":"0s"}`)
	if reply.Error.Code != "" || reply.Order.OrderID != "N-1" {
		t.Errorf("got %+v", reply)
	}
}

// noise is a provider with orders that cannot be compressed much.
type noise struct {
	orders, size int
	name         string // of its orders
}

func (n *noise) Orders(_ context.Context, q clients.Query) (answer clients.Answer, err error) {
	seed := uint64(1)
	for i := range n.orders {
		text := make([]byte, n.size)
		for j := range text {
			seed = seed*6364136223846793005 + 1442695040888963407
			text[j] = 'A' + byte(seed>>59)
		}
		answer.Orders = append(answer.Orders, order(q.Account.Name, fmt.Sprintf("%s-%d", n.name, i), 0, string(text)))
	}
	return answer, nil
}

func (n *noise) Traits() clients.Traits { return clients.Traits{MaxWindowDays: 90, MaxReferences: 50} }

func TestLiveRequestIsMadeByAFetcher(t *testing.T) {
	t.Parallel()
	a := newAPI(t, 1, 0)
	f := startFlock(t, worker.RoleStore, a.calling(4, clients.Rate{}))
	const question = `{"provider":"michelin","account":"detroit","order_id":"SO1","max_age":"0s"}`
	if reply := f.ask("orders.get", question); reply.Error.Code != string(clients.CodeUnavailable) || !strings.Contains(reply.Error.Message, "no fetcher") {
		t.Errorf("without a fetcher: got %+v", reply.Error)
	}
	f.fetcher(a.calling(4, clients.Rate{}))
	reply := f.ask("orders.get", question)
	if reply.Error.Code != "" || reply.Order.OrderID != "SO1" || a.calls.Load() != 1 {
		t.Errorf("got %+v after %d calls", reply, a.calls.Load())
	}
	f.drained()
}

func TestCancelledJobsEndAtFetchers(t *testing.T) {
	t.Parallel()
	held := &stuck{hang: make(chan struct{})}
	f := startFlock(t, worker.RoleStore, func(c *worker.Config) {
		c.Providers[0].Provider, c.Providers[0].Concurrency = held, 2
	})
	f.fetcher()
	run := f.ask("runs.start", `{"provider":"michelin","kind":"fetch","params":{"order_ids":["A","B","C","D"]},"accounts":["detroit"]}`).Run
	f.eventually("two are in flight", func() bool { return held.calls.Load() == 2 })
	f.ask("runs.cancel", fmt.Sprintf(`{"run_id":%q}`, run.ID))
	if r := f.result(1); r.State != jobs.Cancelled {
		t.Errorf("got %+v", r)
	}
	f.drained()
	if n := held.calls.Load(); n != 2 {
		t.Errorf("got %d calls, want those in flight only", n)
	}
	// What is retried is made, although its first attempt was cancelled.
	close(held.hang)
	f.request("jobs.retry", fmt.Sprintf(`{"run_id":%q,"state":"cancelled"}`, run.ID), nil)
	if r := f.result(2); r.State != jobs.Succeeded || r.Jobs.Succeeded != 4 {
		t.Errorf("got %+v", r)
	}
}

// TestUnreadableOutcomes publishes outcomes in the place of a fetcher: one of another version, one that
// is damaged, and one of an unknown job.
func TestUnreadableOutcomes(t *testing.T) {
	t.Parallel()
	a := newAPI(t, 1, 0)
	f := startFlock(t, worker.RoleStore, a.calling(4, clients.Rate{}), func(c *worker.Config) { c.Intervals.AckWait = 0 })
	// The test is the fetcher, whose version of the encoding is right at first.
	kv, err := f.js.KeyValue(t.Context(), "ORDERBEAT_FLEET")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "me", fmt.Appendf(nil, `{"process":"me","role":"fetch","wire":%d,"providers":["michelin"],"slots":4}`, wire.Version)); err != nil {
		t.Fatal(err)
	}
	f.fetchMany(1)
	jobsStream := f.queued(1)
	message, err := jobsStream.GetLastMsgForSubject(t.Context(), "orderbeat.jobs.>")
	if err != nil {
		t.Fatal(err)
	}
	job, err := wire.DecodeJob(message.Header, message.Data)
	if err != nil {
		t.Fatal(err)
	}
	out := jobs.Outcome{Job: job, State: jobs.Succeeded, AskedAt: time.Now(), FinishedAt: time.Now()}
	send := func(change func(*nats.Msg)) {
		m, err := wire.EncodeOutcome(&out)
		if err != nil {
			t.Fatal(err)
		}
		m.Subject = "orderbeat.outcomes.michelin.detroit"
		change(m)
		if _, err := f.js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	send(func(m *nats.Msg) { m.Header.Set(nats.MsgIdHdr, "old"); m.Header.Set(wire.HeaderVersion, "0") })
	f.eventually("it is reported", func() bool { return f.logged.count("outcome cannot be read and stays") == 1 })
	if n := f.count("ORDERBEAT_OUTCOMES"); n != 1 {
		t.Errorf("got %d outcomes in the stream, want it kept", n)
	}
	out.ID = "unknown"
	send(func(*nats.Msg) {})
	f.eventually("that of an unknown job is dropped", func() bool { return f.count("ORDERBEAT_OUTCOMES") == 1 })
	out.Job = job
	send(func(*nats.Msg) {})
	if r := f.result(1); r.State != jobs.Succeeded {
		t.Errorf("got %+v", r)
	}
}

// TestLostJobsAreSentAgain deletes the stream's jobs.
func TestLostJobsAreSentAgain(t *testing.T) {
	t.Parallel()
	a := newAPI(t, 1, 0)
	f := startFlock(t, worker.RoleStore, a.calling(4, clients.Rate{}))
	kv, err := f.js.KeyValue(t.Context(), "ORDERBEAT_FLEET")
	if err != nil {
		t.Fatal(err)
	}
	// A fetcher that takes nothing.
	if _, err := kv.Put(t.Context(), "me", fmt.Appendf(nil, `{"process":"me","role":"fetch","wire":%d,"providers":["michelin"],"slots":4}`, wire.Version)); err != nil {
		t.Fatal(err)
	}
	f.fetchMany(3)
	if err := f.queued(3).Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.fetcher(a.calling(4, clients.Rate{}))
	if r := f.result(1); r.State != jobs.Succeeded || a.calls.Load() != 3 {
		t.Errorf("got %+v after %d calls", r, a.calls.Load())
	}
}

// TestRestartedLeaderKeepsWhatFetchersDo restarts the leader while a fetcher has its jobs.
func TestRestartedLeaderKeepsWhatFetchersDo(t *testing.T) {
	t.Parallel()
	held := &stuck{hang: make(chan struct{})}
	srv, folder := depot(t)(), t.TempDir()
	change := func(c *worker.Config) {
		c.NATS, c.Role, c.Intervals = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"}, worker.RoleStore, quick
		c.Providers[0].Provider, c.Providers[0].Concurrency = held, 4
	}
	f := &flock{startIn(t, folder, change), srv}
	f.fetcher()
	f.fetchMany(6)
	f.eventually("they are in flight", func() bool { return held.calls.Load() == 4 })
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	close(held.hang)
	f.bench = startIn(t, folder, change)
	if r := f.result(1); r.State != jobs.Succeeded || r.Jobs.Succeeded != 6 {
		t.Errorf("got %+v", r)
	}
	f.drained()
	if n := held.calls.Load(); n != 6 {
		t.Errorf("got %d calls, want one for each job", n)
	}
	for _, row := range f.jobsOf("") {
		if row.State != jobs.Succeeded || row.Attempts != 1 {
			t.Errorf("got %+v", row)
		}
	}
}

// A watch of the fleet's bucket that delivers nothing more, without an error, is replaced: no other process seems to be
// gone, and who comes is seen.
func TestSilentWatchIsReplaced(t *testing.T) {
	t.Parallel()
	f := startFlock(t, worker.RoleStore)
	f.fetcher()
	seen := func(n int) {
		t.Helper()
		f.eventually(fmt.Sprintf("%d processes", n), func() bool {
			var reply api.Fleet
			f.decode(f.request("fleet.list", `{}`, nil).Data, &reply)
			return len(reply.Processes) == n
		})
	}
	seen(2)
	stream, err := f.js.Stream(t.Context(), "KV_ORDERBEAT_FLEET")
	if err != nil {
		t.Fatal(err)
	}
	for info := range stream.ListConsumers(t.Context()).Info() {
		if _, err := stream.PauseConsumer(t.Context(), info.Name, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	f.fetcher()
	seen(3)
	if n := f.logged.count("process left the fleet"); n != 0 {
		t.Errorf("%d processes seemed to be gone", n)
	}
}

// TestRatesAreOfTheFleet measures the calls of three processes.
func TestRatesAreOfTheFleet(t *testing.T) {
	t.Parallel()
	a, rate := newAPI(t, 1, 0), clients.Rate{Calls: 40, Per: time.Second}
	f := startFlock(t, worker.RoleAll, a.calling(8, rate))
	f.fetchMany(300)
	f.eventually("the leader works alone", func() bool { return a.calls.Load() > 20 })
	f.fetcher(a.calling(8, rate))
	stop := f.fetcher(a.calling(8, rate))
	f.eventually("they share", func() bool { return a.calls.Load() > 150 })
	stop()
	if r := f.result(1); r.State != jobs.Succeeded {
		t.Errorf("got %+v", r)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.SortFunc(a.at, time.Time.Compare)
	took := a.at[len(a.at)-1].Sub(a.at[0]).Seconds()
	if perSecond := float64(len(a.at)) / took; perSecond > 46 || perSecond < 15 {
		t.Errorf("got %.1f calls a second, want nearly 40", perSecond)
	}
	for i := range a.at { // no second has many more
		n := 0
		for _, at := range a.at[i:] {
			if at.Sub(a.at[i]) < time.Second {
				n++
			}
		}
		if n > 60 {
			t.Fatalf("got %d calls in a second from %s on", n, a.at[i].Sub(a.at[0]))
		}
	}
}
