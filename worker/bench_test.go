package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/clients/michelin"
	"orderbeat/clients/section"
	"orderbeat/db"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker"
	"orderbeat/worker/bus"
)

// BenchmarkJobs measures whole jobs against a provider that responds at once: request, HTTP,
// decoding, commit, outbox and publishing. Each job requests one order of five lines, a new one
// each time or one that is stored already. The jobs are those of few runs, or each is the only
// job of a run that a message starts.
func BenchmarkJobs(b *testing.B) {
	for _, sync := range []string{"2m", "always"} {
		for _, mode := range []string{"run", "message"} {
			for _, orders := range []string{"new", "unchanged"} {
				b.Run("sync="+sync+"/"+mode+"/"+orders, func(b *testing.B) {
					s := newStand(b, sync == "always", orders == "new")
					if orders == "unchanged" {
						s.startJobs(mode, b.N)
						s.awaitQuiet()
					}
					events := s.held("ORDERBEAT_ORDERS")
					b.ReportAllocs()
					b.ResetTimer()
					s.startJobs(mode, b.N)
					s.awaitQuiet()
					b.StopTimer()
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
					if events = s.held("ORDERBEAT_ORDERS") - events; orders == "new" && events != b.N || orders == "unchanged" && events != 0 {
						b.Fatalf("got %d events for %d jobs", events, b.N)
					}
				})
			}
		}
	}
}

// BenchmarkLatency measures the time from a published message to the result of its run, with 100
// messages a second.
func BenchmarkLatency(b *testing.B) {
	s := newStand(b, false, true)
	results := make(chan time.Time, b.N)
	replies, err := s.conn.Subscribe("replies", func(m *nats.Msg) {
		if !bytes.Contains(m.Data, []byte(`"state":"succeeded"`)) {
			b.Errorf("got %s", m.Data)
		}
		results <- time.Now()
	})
	if err != nil {
		b.Fatal(err)
	}
	defer replies.Unsubscribe()
	took := make([]float64, 0, b.N)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	sent := make([]time.Time, 0, b.N)
	for i := range b.N {
		<-tick.C
		sent = append(sent, time.Now())
		s.publish("orderbeat.runs.michelin.fetch", fmt.Sprintf(`{"accounts":["detroit"],"order_ids":["SO%d"]}`, i), nats.Header{"Orderbeat-Reply-To": {"replies"}})
	}
	for i := range b.N { // nearly in the order of the messages
		took = append(took, (<-results).Sub(sent[i]).Seconds()*1e3)
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "p50-ms")
	b.ReportMetric(took[len(took)*99/100], "p99-ms")
}

// BenchmarkFetchers measures jobs of runs whose provider takes 50 ms, with 8 or 64 requests at once for each
// process that makes them: the leader itself, or fetchers of a leader that makes none. All of them, the NATS
// server and the provider run in this process.
func BenchmarkFetchers(b *testing.B) {
	for _, atOnce := range []int{8, 64} {
		for _, fetchers := range []int{0, 1, 2, 4} {
			b.Run(fmt.Sprintf("at once=%d/fetchers=%d", atOnce, fetchers), func(b *testing.B) {
				s := openStand(b, standConfig{fresh: true, delay: 50 * time.Millisecond, atOnce: atOnce * max(1, fetchers), fetchers: fetchers})
				b.ResetTimer()
				s.startJobs("run", b.N)
				s.awaitQuiet()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
			})
		}
	}
}

// BenchmarkOrdersGet measures orders.get over TCP on loopback, of a stored order, of one that the
// provider is called for, and an echo of as many bytes.
func BenchmarkOrdersGet(b *testing.B) {
	s := newStand(b, false, true)
	stored := []byte(`{"provider":"michelin","account":"detroit","order_id":"SO1"}`)
	document := s.request("orderbeat.api.orders.get", stored) // live, and stored from now on
	echo, err := s.conn.Subscribe("echo", func(m *nats.Msg) { _ = m.Respond(document) })
	if err != nil {
		b.Fatal(err)
	}
	defer echo.Unsubscribe()
	for _, callers := range []int{1, 16, 256} {
		for _, mode := range []struct{ name, subject, body string }{
			{"echo", "echo", string(stored)},
			{"stored", "orderbeat.api.orders.get", string(stored)},
			{"live", "orderbeat.api.orders.get", `{"provider":"michelin","account":"detroit","order_id":"SO%d","max_age":"0s"}`},
		} {
			b.Run(fmt.Sprint(mode.name, "/callers=", callers), func(b *testing.B) {
				b.ReportAllocs()
				var number atomic.Int64
				b.SetParallelism((callers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
				work := func() {
					body := mode.body
					if mode.name == "live" {
						body = fmt.Sprintf(body, number.Add(1))
					}
					s.request(mode.subject, []byte(body))
				}
				if callers == 1 {
					for b.Loop() {
						work()
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						work()
					}
				})
			})
		}
	}
}

// stand is a worker, a Michelin API and a connection to the worker's NATS.
type stand struct {
	*testing.B
	database *db.DB
	conn     *nats.Conn
	js       jetstream.JetStream
}

type standConfig struct {
	always, fresh bool          // see [bus.Config.SyncAlways] and [answering]
	delay         time.Duration // of each response
	atOnce        int           // requests at once, over all processes
	fetchers      int           // processes that make the requests; the worker does if there are none
}

func newStand(b *testing.B, always, fresh bool) *stand {
	b.Helper()
	return openStand(b, standConfig{always: always, fresh: fresh, atOnce: 256})
}

func openStand(b *testing.B, sc standConfig) *stand {
	b.Helper()
	answer := answering(sc.fresh)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(sc.delay)
		answer.ServeHTTP(w, r)
	}))
	b.Cleanup(server.Close)
	folder := b.TempDir()
	log := slog.New(slog.DiscardHandler)
	database, err := db.Open(b.Context(), db.Options{Path: filepath.Join(folder, "orderbeat.db"), Synchronous: "full", Log: log})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { database.Close() })
	running := make(chan map[string]string, 1)
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	var processes sync.WaitGroup
	b.Cleanup(func() { cancel(); processes.Wait() })
	start := func(run func() error) {
		processes.Go(func() {
			if err := run(); err != nil {
				b.Error(err)
			}
		})
	}
	c := worker.Config{
		NATS: bus.Config{Listen: "127.0.0.1:0", Store: filepath.Join(folder, "nats"), Prefix: "orderbeat", SyncAlways: sc.always, SyncEvery: 2 * time.Minute, MaxPayload: 8 << 20},
		DB:   database, ID: folder, Place: folder, Concurrency: sc.atOnce, Drain: time.Second, Log: slog.New(watcher{Handler: log.Handler(), running: running}),
		Providers: sc.providers(b, server.URL),
	}
	if sc.fetchers > 0 {
		c.NATS, c.Role = bus.Config{URL: depot(b)().ClientURL(), Prefix: "orderbeat"}, worker.RoleStore
	}
	start(func() error { return worker.Run(ctx, c) })
	for range sc.fetchers {
		start(func() error {
			return worker.Fetch(ctx, worker.Config{NATS: c.NATS, Concurrency: sc.atOnce / sc.fetchers, Drain: time.Second, Log: log, Providers: sc.providers(b, server.URL)})
		})
	}
	conn, err := nats.Connect((<-running)["nats"])
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		b.Fatal(err)
	}
	for _, stream := range []string{"ORDERBEAT_RUNS", "ORDERBEAT_ORDERS"} {
		for _, err := js.Stream(b.Context(), stream); err != nil; _, err = js.Stream(b.Context(), stream) {
			time.Sleep(time.Millisecond) // the worker creates it
		}
	}
	s := &stand{B: b, database: database, conn: conn, js: js}
	for sc.fetchers > 0 && s.held("KV_ORDERBEAT_FLEET") <= sc.fetchers {
		time.Sleep(time.Millisecond)
	}
	return s
}

// providers are those of one process: its tokens are its own.
func (sc *standConfig) providers(b *testing.B, url string) []worker.Provider {
	b.Helper()
	account := clients.Account{Name: "detroit", BillTo: "1111111", ShipTo: "1234567", Location: time.UTC}
	retry := clients.Retry{Attempts: 3, For: time.Hour}
	provider, err := michelin.Open(section.Section{
		Config: section.Config{
			Name: "michelin", Kind: "michelin", Environment: "test", BaseURL: url, TokenURL: url + "/token", AllowInsecureHTTP: true,
			ClientID: secret.New("id"), ClientSecret: secret.New("secret"), Concurrency: sc.atOnce,
			Rate: clients.Rate{Calls: 1_000_000, Per: time.Second}, TokenRate: clients.Rate{Calls: 5, Per: time.Second},
			Retry: retry, Timeout: 30 * time.Second, MaxBody: 32 << 20, Accounts: []clients.Account{account},
		},
		Decode: func(any) error { return nil }, Tokens: auth.NewMemory(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	return []worker.Provider{{Provider: provider, Name: "michelin", Accounts: []clients.Account{account}, Concurrency: sc.atOnce, Retry: retry}}
}

// answering is Michelin's API without delay. It has every order that is requested, and one for each
// window of dates: a fresh one, or always the same.
func answering(fresh bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			fmt.Fprint(w, `{"access_token":"t","token_type":"Bearer"}`)
			return
		}
		var query struct {
			OrderDateFrom clients.Date
			Orders        []struct {
				SupplierOrderNumber struct{ DocumentID string }
			} `json:"referencedOrder"`
		}
		if err := json.NewDecoder(r.Body).Decode(&query); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		switch {
		case len(query.Orders) > 0:
			writeOrder(w, query.Orders[0].SupplierOrderNumber.DocumentID)
		case fresh:
			writeOrder(w, string(query.OrderDateFrom))
		default:
			writeOrder(w, "SO1")
		}
	})
}

// writeOrder writes a response with one order of five lines.
func writeOrder(w io.Writer, id string) {
	fmt.Fprintf(w, `{"documentID":"C1","variant":"1","orderStatusIndicator":"2","errorHead":{"errorCode":"0"},
		"buyerParty":{"partyID":"1111111","agencyCode":"91"},"consignee":{"partyID":"1234567","agencyCode":"91"},"referencedOrder":[
		{"error":null,"orderDate":"2026-11-15","supplierOrderNumber":{"documentId":%q},"orderReference":{"documentId":"PO1"},"orderingMethod":"EDI PO","orderLine":[`, id)
	for line := range 5 {
		if line > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, `{"lineId":"%03d","orderedArticle":{"articleIdentification":{"buyersArticleId":"321","manufacturersArticleId":"62115"},
			"articleDescription":{"articleDescriptionText":"265/70R17 SAMPLE"},"requestedDeliveryDate":"2026-11-20","articleComment":%q,
			"scheduleDetails":[{"deliveryDate":"2099-11-25","openQuantity":{"quantityValue":"4"}}],"orderedQuantity":{"quantityValue":"4"}}}`,
			line+1, strings.Repeat("sample ", 60))
	}
	fmt.Fprint(w, "]}]}")
}

// windows is the number of windows of a run: one job for each 90 days of a long range.
const windows = 200

// startJobs starts n jobs.
func (s *stand) startJobs(mode string, n int) {
	s.Helper()
	if mode == "message" {
		for i := range n {
			s.publish("orderbeat.runs.michelin.fetch", fmt.Sprintf(`{"accounts":["detroit"],"order_ids":["SO%d"]}`, i), nil)
		}
		return
	}
	for left := n; left > 0; left -= windows {
		from := clients.Date("1971-01-01").AddDays(left / windows) // no run coalesces with another
		s.request("orderbeat.api.runs.start", fmt.Appendf(nil, `{"provider":"michelin","kind":"sync","params":{"from":%q,"to":%q}}`,
			from, from.AddDays(90*min(left, windows)-1)))
	}
}

func (s *stand) publish(subject, body string, header nats.Header) {
	s.Helper()
	if _, err := s.js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: []byte(body), Header: header}); err != nil {
		s.Fatal(err)
	}
}

func (s *stand) request(subject string, body []byte) []byte {
	msg, err := s.conn.Request(subject, body, 30*time.Second)
	if err != nil || msg.Header.Get("Nats-Service-Error-Code") != "" {
		s.Errorf("%v %s", err, msg.Data)
		return nil
	}
	return msg.Data
}

// awaitQuiet waits until all requests are planned, all jobs done and all messages published.
func (s *stand) awaitQuiet() {
	s.Helper()
	<-s.js.PublishAsyncComplete()
	for s.held("ORDERBEAT_RUNS") > 0 || !quiet(s.B, s.database) {
		time.Sleep(2 * time.Millisecond)
	}
	if runs, err := s.database.Runs(s.Context(), runs.RunFilter{State: jobs.Failed, Limit: 1}); err != nil || len(runs) > 0 {
		s.Fatalf("failed: %v %v", runs, err)
	}
}

// held is the number of messages in a stream.
func (s *stand) held(stream string) int {
	s.Helper()
	info, err := s.js.Stream(s.Context(), stream)
	if err != nil {
		s.Fatal(err)
	}
	return int(info.CachedInfo().State.Msgs)
}

// quiet reports whether all jobs are done and all messages published. It looks at the messages last: a
// run that ends in between has some.
func quiet(b *testing.B, database *db.DB) bool {
	b.Helper()
	for _, state := range []jobs.State{jobs.Queued, jobs.Running} {
		if runs, err := database.Runs(b.Context(), runs.RunFilter{State: state, Limit: 1}); err != nil || len(runs) > 0 {
			return false
		}
	}
	pending, err := database.Pending(b.Context(), time.Now(), 1)
	if err != nil {
		b.Fatal(err)
	}
	return len(pending) == 0
}
